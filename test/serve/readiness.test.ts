import { join } from 'node:path'
import pino from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import { transitions } from '../../src/models/sequential/transitions/index.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { Server } from '../../src/serve/server.ts'
import { checkerboard, datasetOf } from '../models/interactions.ts'
import { smallOptions, trained } from '../models/trained.ts'
import { freshFolder } from '../storage/folder.ts'
import { Peer } from './peer.ts'

test('a server is ready once its model has learned what was recorded before it started', async () => {
  const pool = new Pool({ threads: 1 })
  const model = await trained(transitions, await datasetOf(checkerboard(20)), {
    pool,
    options: smallOptions(transitions),
  })
  await pool.close()
  const state = join(freshFolder(), 'state')
  const started = async () => {
    const log = pino({ level: 'silent' })
    const server = await Server.start({ model, state, port: 0, threads: 1, rate: 0, version: '0.0.0', log })
    onTestFinished(() => server.close())
    return server
  }
  const first = await started()
  const peer = await Peer.greeted(first.url)
  const users = 2000
  for (let user = 0; user < users; user++) {
    for (const item of ['4', 'fresh']) peer.send({ type: 'event', id: item, user: `u${user}`, item })
  }
  for (let event = 0; event < 2 * users; event++) expect((await peer.next('ack', 'error')).type).toBe('ack')
  peer.send({ type: 'event', id: '1', user: 'ann', item: '4' })
  await peer.next('ack')
  await first.close()
  const { url } = await started()
  const reasons = new Set<string>()
  for (;;) {
    const response = await fetch(`${url}/readyz`)
    if (response.status === 200) break
    expect(response.status).toBe(503)
    reasons.add((await response.json()).error.message)
    // Lists come meanwhile.
    expect((await fetch(`${url}/v1/recommend/ann?limit=1`)).status).toBe(200)
  }
  expect([...reasons]).toEqual(['the model is still learning from the events that were recorded since its training'])
  // The catalogue has yet to say that lists may have the new item.
  await vi.waitFor(async () => {
    const { items } = await (await fetch(`${url}/v1/recommend/ann?limit=1`)).json()
    expect(items).toMatchObject([{ item: 'fresh' }])
  }, 60_000)
})
