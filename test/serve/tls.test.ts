import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { assertTlsFiles } from '../../src/serve/tls.ts'
import { aurochs } from '../cli/aurochs.ts'
import { freshFolder } from '../storage/folder.ts'
import { writeCertificate } from './certificate.ts'
import { serveSmallModel } from './served-model.ts'

const client = new URL('../../src/client/index.ts', import.meta.url).href

/** The status of a GET, with `cert` the only one that is trusted. */
async function statusOf(url: string, cert: string): Promise<number | undefined> {
  const sent = request(url, { ca: readFileSync(cert) }).end()
  const [response] = await once(sent, 'response')
  response.resume()
  return response.statusCode
}

test('with a certificate it serves by https and wss, and our client works', async () => {
  const tls = writeCertificate(freshFolder())
  const { server, close } = await serveSmallModel({ tls })
  onTestFinished(close)
  expect(server.url).toBe(`https://127.0.0.1:${server.port}`)
  expect(await statusOf(`${server.url}/v1/recommend/7`, tls.cert)).toBe(200)
  const program = `
    import { Client } from '${client}'
    const client = new Client('${server.url}')
    for await (const { items } of client.recommendations('7', { limit: 3 })) {
      console.log(items.length)
      break
    }
    client.close()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: tls.cert },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [[output]] = await Promise.all([once(child.stdout, 'data'), once(child, 'close')])
  expect(String(output)).toBe('3\n')
  await expect(fetch(`http://127.0.0.1:${server.port}/healthz`)).rejects.toThrow()
})

test('files that cannot be used are named before anything listens', async () => {
  const folder = freshFolder()
  const own = writeCertificate(folder, 'own')
  const other = writeCertificate(folder, 'other')
  const garbage = join(folder, 'garbage')
  writeFileSync(garbage, 'no PEM')
  const broken = join(folder, 'broken')
  writeFileSync(broken, readFileSync(own.cert, 'utf8').replaceAll('A', 'B'))
  expect(() => assertTlsFiles(own)).not.toThrow()
  expect(() => assertTlsFiles({ cert: own.cert, key: other.key })).toThrow(
    `the private key ${other.key} is not that of the certificate ${own.cert}`,
  )
  expect(() => assertTlsFiles({ ...own, cert: join(folder, 'none') })).toThrow('which cannot be read: ENOENT')
  expect(() => assertTlsFiles({ ...own, cert: garbage })).toThrow(`expected a certificate in PEM in ${garbage}`)
  expect(() => assertTlsFiles({ ...own, cert: broken })).toThrow(`expected a certificate in PEM in ${broken}`)
  expect(() => assertTlsFiles({ ...own, key: own.cert })).toThrow(`expected a private key in PEM that is not encrypted`)
  await expect(serveSmallModel({ tls: { cert: own.cert, key: garbage } })).rejects.toThrow(garbage)
})

test('the command takes certificate and key together only', async () => {
  const { status, stderr } = await aurochs('serve', 'no-model', '--state', 'no-state', '--tls-cert', 'x.crt')
  expect(status).toBe(2)
  expect(stderr).toBe('aurochs: --tls-cert and --tls-key must be given together: each needs the other\n')
})
