import { connect } from 'node:net'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { freshFolder } from '../storage/folder.ts'
import { Program } from './program.ts'
import { serveSmallModel } from './served-model.ts'
import { writeSmallModel } from './small-model.ts'

let url: string
let port: number

beforeAll(async () => {
  const { server, close } = await serveSmallModel()
  url = server.url
  port = server.port
  return close
})

const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

/** The addresses that the document links to. */
async function links(): Promise<string[]> {
  const text = await (await fetch(url, { headers: html })).text()
  return [...text.matchAll(/(?:href|src)="(page\/[^"]+)"/g)].map(([, path]) => `/${path}`)
}

test('a browser gets the page at /, which may run nothing but its own scripts; others get text', async () => {
  const page = await fetch(url, { headers: html })
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  const policy = page.headers.get('content-security-policy')
  for (const rule of ["default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "connect-src 'self'"]) {
    expect(policy).toContain(rule)
  }
  const text = await page.text()
  expect(text).not.toMatch(/<script(?![^>]* src=)|<style| style=| on[a-z]+=|https?:\/\//)
  expect(page.headers.get('vary')).toBe('accept')
  expect((await fetch(url)).headers.get('content-type')).toBe('text/plain; charset=utf-8')
})

test('each file has its type and may be kept for ever, as its address changes with it', async () => {
  const types = { js: 'text/javascript', ts: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' }
  const paths = new Set(await links())
  expect(paths.size).toBeGreaterThan(20)
  for (const path of paths) {
    const file = await fetch(url + path)
    const extension = path.split('.').at(-1) as keyof typeof types
    expect([path, file.status]).toEqual([path, 200])
    expect(file.headers.get('content-type')).toBe(`${types[extension]}; charset=utf-8`)
    expect(file.headers.get('cache-control')).toContain('immutable')
    expect(file.headers.get('x-content-type-options')).toBe('nosniff')
    // What the browser cannot know.
    if (path.endsWith('.ts')) expect(await file.text()).not.toMatch(/^import type|: readonly /m)
  }
})

test('what has not changed is not sent again, and HEAD gets the length only', async () => {
  for (const path of ['/', (await links())[0]!]) {
    const full = await fetch(url + path, { headers: html })
    const etag = full.headers.get('etag')!
    const again = await fetch(url + path, { headers: { ...html, 'if-none-match': etag } })
    expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag])
    const other = await fetch(url + path, { headers: { ...html, 'if-none-match': '"other"' } })
    expect(other.status).toBe(200)
    const head = await fetch(url + path, { method: 'HEAD', headers: html })
    const { byteLength } = await full.arrayBuffer()
    expect([head.status, Number(head.headers.get('content-length'))]).toEqual([200, byteLength])
  }
})

test('nothing but the files of the page is served', async () => {
  const [version] = /\/page\/[^/]+/.exec((await links())[0]!)!
  const paths = [
    '../../package.json',
    '..%2f..%2fpackage.json',
    'serve/service.ts',
    'serve/page/app/',
    '',
    'uplot.js/..',
  ]
  for (const path of [
    ...paths.map(path => `${version}/${path}`),
    '/page/',
    '/page/../package.json',
    '/page/x/uplot.js',
  ]) {
    // By a socket of its own: fetch would resolve the dots.
    const answer = await new Promise<string>((resolve, reject) => {
      let text = ''
      const socket = connect(port, '127.0.0.1').setEncoding('utf8').on('error', reject)
      socket.on('data', data => {
        text += data
      })
      socket.on('close', () => resolve(text))
      socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)
      setTimeout(() => socket.end(), 100)
    })
    expect([path, answer.split('\r\n', 1)[0]]).toEqual([path, 'HTTP/1.1 404 Not Found'])
    expect(answer).toContain('not_found')
  }
})

test('who addresses the server by another name, or comes from a page of others, gets no page', async () => {
  const ask = (header: string) =>
    new Promise<string>(resolve => {
      const socket = connect(port, '127.0.0.1').setEncoding('utf8')
      socket.once('data', data => {
        socket.destroy()
        resolve(String(data))
      })
      socket.write(`GET / HTTP/1.1\r\n${header}\r\naccept: text/html\r\n\r\n`)
    })
  expect(await ask('host: evil.example')).toContain('forbidden_host')
  expect(await ask('host: localhost\r\norigin: https://evil.example')).toContain('forbidden_origin')
  expect(await ask('host: localhost')).toContain('<!doctype html>')
})

test('with --no-page a browser gets the text, too', async () => {
  const folder = freshFolder()
  const options = ['--state', join(folder, 'state'), '--port', '0', '--threads', '1', '--no-page']
  const program = await Program.start([await writeSmallModel(folder), ...options])
  onTestFinished(async () => void (await program.stop('SIGTERM')))
  const answer = await fetch(program.url, { headers: html })
  expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  expect((await fetch(`${program.url}/page/`)).status).toBe(404)
})
