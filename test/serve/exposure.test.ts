import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { Server } from '../../src/serve/server.ts'
import { freshFolder } from '../storage/folder.ts'
import { addKey, revokeKey } from './keys.ts'
import { RpcPeer } from './rpc-peer.ts'
import { type ServedModelOptions, serveSmallModel } from './served-model.ts'

async function serve(options: ServedModelOptions) {
  const served = await serveSmallModel(options)
  onTestFinished(served.close)
  return served.server
}

const local = (port: number, path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init)

test.each([{ host: '0.0.0.0' }, { host: '::' }, { rpc: '0.0.0.0:0' }, { host: '127.0.0.1', rpc: 'tcp:[::]:0' }])(
  'without keys a server refuses to start where other machines reach it: %j',
  async options => {
    // Before anything is opened.
    const log = pino({ level: 'silent' })
    const start = Server.start({
      ...options,
      model: 'none',
      state: join(freshFolder(), 'state'),
      port: 0,
      version: '0',
      log,
    })
    await expect(start).rejects.toThrow(/ can be reached from other machines.+`aurochs keys create`.+--open/)
  },
)

test('where all keys are revoked nobody is let in, unless that is wanted', async () => {
  const prepare = (state: string) => revokeKey(state, addKey(state).id)
  for (const host of ['127.0.0.1', '0.0.0.0']) {
    const { port } = await serve({ host, prepare })
    expect((await local(port, '/healthz')).status).toBe(200)
    expect((await local(port, '/v1/info')).status).toBe(401)
    expect((await local((await serve({ host, open: true, prepare })).port, '/v1/info')).status).toBe(200)
  }
})

test('without its file of keys a server is open again', async () => {
  const prepare = (state: string) => {
    revokeKey(state, addKey(state).id)
    for (const name of readdirSync(state)) if (name.startsWith('keys.db')) rmSync(join(state, name))
  }
  expect((await local((await serve({ prepare })).port, '/v1/info')).status).toBe(200)
})

test('--open takes no key out of force', async () => {
  const { port } = await serve({ open: true, prepare: state => void addKey(state) })
  expect((await local(port, '/v1/info')).status).toBe(401)
})

test('with a key it serves other machines, also one that has expired', async () => {
  const { port } = await serve({ host: '0.0.0.0', prepare: state => void addKey(state, { expires: 1 }) })
  expect((await local(port, '/healthz')).status).toBe(200)
  expect((await local(port, '/v1/info')).status).toBe(401)
})

test('--open serves everyone, but nothing that is for admins, which the internal RPC of this machine keeps', async () => {
  const lines: string[] = []
  const log = pino({ level: 'warn' }, { write: line => lines.push(line) })
  const { port, rpc } = await serve({ host: '0.0.0.0', open: true, rpc: 'tcp', log })
  expect(lines.join()).toContain('whoever reaches it may act for every user')
  expect((await local(port, '/v1/recommend/7')).status).toBe(200)
  const event = { id: 'a', user: 'ann', item: 'i3' }
  expect((await local(port, '/v1/record', { method: 'POST', body: JSON.stringify(event) })).status).toBe(200)
  expect((await local(port, '/metrics')).status).toBe(403)
  const peer = await RpcPeer.connect(rpc!)
  onTestFinished(() => peer.close())
  expect((await peer.call('metrics'))[2]).toBeNull()
})
