import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test, vi } from 'vitest'
import { Recommender } from '../../src/recommend/recommender.ts'
import { Caller } from '../../src/serve/access/caller.ts'
import { RateLimiter } from '../../src/serve/load/rate-limiter.ts'
import { Metrics } from '../../src/serve/metrics.ts'
import { Service } from '../../src/serve/service.ts'
import { placesIn, writeNamedModel } from '../recommend/models.ts'

let recommender: Recommender
let service: Service

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-test-'))
  const { model, state } = placesIn(folder)
  await writeNamedModel(model, { prefix: 'i' })
  recommender = await Recommender.open({ model, state, threads: 1 })
  await recommender.catalogue.put([{ id: 'a', title: 'Song' }])
  service = new Service({ recommender, metrics: new Metrics(), limiter: new RateLimiter(1e6), version: '0' })
  return async () => {
    await recommender.close()
    rmSync(folder, { recursive: true })
  }
})

function search(name: string, signal?: AbortSignal) {
  const context = { caller: Caller.trusted, account: { name, isLimited: true }, signal }
  return service.call('search_items', { text: 'song' }, context) as Promise<{ items: { id: string }[] }>
}

test('searches come one at once, in turns of their clients, and those that nobody waits for do not come', async () => {
  const { catalogue } = recommender
  const real = catalogue.search.bind(catalogue)
  let [running, most] = [0, 0]
  const spy = vi.spyOn(catalogue, 'search').mockImplementation(async query => {
    most = Math.max(most, ++running)
    return real(query).finally(() => running--)
  })
  const order: string[] = []
  const abandoned = new AbortController()
  const left = expect(search('left', abandoned.signal)).resolves.toMatchObject({ items: [{ id: 'a' }] })
  const gone = expect(search('left', abandoned.signal)).rejects.toThrow('not wanted')
  const asked = ['ann', 'ann', 'ann', 'bob'].map(async client => {
    expect(await search(client)).toMatchObject({ items: [{ id: 'a', title: 'Song' }] })
    order.push(client)
  })
  abandoned.abort(new Error('not wanted'))
  await Promise.all([left, gone, ...asked])
  expect(order).toEqual(['ann', 'bob', 'ann', 'ann'])
  expect([most, spy.mock.calls.length]).toEqual([1, 5])
  spy.mockRestore()
})

test('who has too many searches waiting is told to ask later, and others are not', async () => {
  const waiting = Array.from({ length: 201 }, () => search('ann'))
  await expect(search('ann')).rejects.toMatchObject({ code: 'overloaded' })
  expect((await search('bob')).items).toHaveLength(1)
  await Promise.all(waiting)
})
