import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ServedModel, serveSmallModel } from '../serve/served-model.ts'
import { aurochs, aurochsInTurn } from './aurochs.ts'

let served: ServedModel
beforeAll(async () => {
  served = await serveSmallModel({ rpc: 'tcp' })
})
afterAll(() => served.close())

test('prints the result of a method, and what the server refuses', async () => {
  const rpc = served.server.rpc!
  const [ping, refused, unknown, params] = await aurochsInTurn(
    ['call', rpc, 'ping'],
    ['call', rpc, 'recommend', '{"limit": 5}'],
    ['call', rpc, 'pong'],
    ['call', rpc, 'ping', '[]'],
  )
  expect(ping).toMatchObject({ status: 0, stdout: '{}\n', stderr: '' })
  expect(refused).toMatchObject({ status: 1, stdout: '' })
  expect(refused!.stderr).toMatch(/^aurochs: bad_message: .+\n$/)
  expect(unknown).toMatchObject({ status: 2, stdout: '' })
  expect(unknown!.stderr).toMatch(/^aurochs: the method must be one of ping, .+, got pong\n$/)
  expect(params).toMatchObject({ status: 2, stderr: 'aurochs: the parameters must be a JSON object, got []\n' })
})

test('an address of HTTP is told from that of the internal RPC', async () => {
  const { url, port } = served.server
  expect(await aurochs('call', `127.0.0.1:${port}`, 'ping')).toMatchObject({
    status: 1,
    stdout: '',
    stderr: `aurochs: the connection to 127.0.0.1:${port} was lost: it speaks HTTP, not the internal RPC: name the address of \`aurochs serve --rpc\`\n`,
  })
  const spelt = await aurochs('call', url, 'ping')
  expect(spelt).toMatchObject({ status: 2, stdout: '' })
  expect(spelt.stderr).toBe(
    `aurochs: the address must be that of serve --rpc: expected an address such as unix:/run/aurochs.sock, tcp:127.0.0.1:9000 or 9000, got ${url}\n`,
  )
})
