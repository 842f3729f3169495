import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { Hosts } from '../../src/serve/http/hosts.ts'
import { serveSmallModel } from './served-model.ts'

test.each([
  ['127.0.0.1', [], ['localhost', 'LOCALHOST:80', 'localhost.', '127.0.0.1:8080', '127.9.9.9', '[::1]:8080', '[::1]']],
  ['192.168.1.5', [], ['192.168.1.5:8080', 'localhost:1']],
  ['shop.example', ['api.example'], ['shop.example', 'Shop.Example:443', 'api.example.']],
  ['0.0.0.0', [], ['10.1.2.3:8080', '[fe80::1]:80', 'localhost']],
  ['::', ['[2001:db8::1]'], ['10.1.2.3', '[2001:db8::1]']],
  ['127.0.0.1', ['*'], ['evil.example', '']],
])('a server at %s, with %j allowed, is addressed as any of %j', (listening, allowed, hosts) => {
  for (const host of hosts) expect(new Hosts(listening, allowed).allows(host), host).toBe(true)
})

test.each([
  [
    '127.0.0.1',
    [],
    ['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example', '10.1.2.3', '', 'localhost@x'],
  ],
  ['127.0.0.1', ['api.example'], ['xapi.example', 'api.example.evil', 'api.example/', '[localhost]', '*']],
  ['192.168.1.5', [], ['192.168.1.6', '127.1.evil']],
  ['0.0.0.0', [], ['evil.example', '10.1.2.3.evil', '0x7f.1']],
])('a server at %s, with %j allowed, is not addressed as any of %j', (listening, allowed, hosts) => {
  for (const host of hosts) expect(new Hosts(listening, allowed).allows(host), host).toBe(false)
})

test('a page that had its name resolve to the server reaches nothing of it', async () => {
  const { server, close } = await serveSmallModel()
  onTestFinished(close)
  const head = 'Host: evil.example\r\nOrigin: http://evil.example\r\n'
  const socketHead = 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  const rest = `${head}${socketHead}Sec-WebSocket-Version: 13\r\n\r\n`
  for (const request of [
    `GET /v1/recommend/7 HTTP/1.1\r\n${head}\r\n`,
    `GET / HTTP/1.1\r\n${head}\r\n`,
    `GET /healthz HTTP/1.1\r\n${head}\r\n`,
    `POST /v1/record HTTP/1.1\r\n${head}Content-Length: 2\r\n\r\n{}`,
    `GET /v1/stream HTTP/1.1\r\n${rest}`,
  ]) {
    const answer = await answerTo(server.port, request)
    expect(answer).toMatch(/^HTTP\/1\.1 403 /)
    expect(answer).toContain('"code":"forbidden_host"')
    expect(answer).toContain('--allow-host')
  }
  expect(await answerTo(server.port, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /)
})

async function answerTo(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.write(request)
  const [data] = await once(socket, 'data')
  return String(data)
}
