import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { Client } from '../../src/client/index.ts'
import { RpcClient } from '../../src/client/rpc/index.ts'
import { limits } from '../../src/protocol/limits.ts'
import { Program } from './program.ts'
import { type ServedModel, serveSmallModel } from './served-model.ts'
import { writeSmallModel } from './small-model.ts'

let served: ServedModel
beforeAll(async () => {
  served = await serveSmallModel({ rpc: 'tcp' })
  return served.close
})

interface Answer {
  // biome-ignore lint/suspicious/noExplicitAny: a test looks at what comes
  readonly body: any
  readonly status: number
}

async function ask(path: string, body?: object, url = served.server.url): Promise<Answer> {
  const init = body && { method: 'POST', body: JSON.stringify(body) }
  const response = await fetch(`${url}/v1/${path}`, init)
  return { status: response.status, body: await response.json() }
}

async function listed(user: string, query = 'limit=40', url?: string): Promise<string[]> {
  const { body } = await ask(`recommend/${user}?${query}`, undefined, url)
  return body.items.map(({ item }: { item: string }) => item)
}

let ids = 0
const shown = (user: string, items: readonly string[], more: object = {}, url?: string) =>
  ask('record_impressions', { id: `s${++ids}`, user, items, ...more }, url)

test('what was shown and not taken sinks in lists and in rerank, the more often the lower, until an event on it', async () => {
  const before = await ask('recommend/3?limit=40&seen=allow')
  const [first, second] = before.body.items
  const place = async () => (await listed('3', 'limit=40&seen=allow')).indexOf(first.item)
  const places = [await place()]
  for (let times = 0; times < 12; times++) {
    expect(await shown('3', [first.item, 'unheard-of'])).toMatchObject({ status: 200, body: { status: 'stored' } })
    places.push(await place())
  }
  expect(places).toEqual(places.toSorted((a, b) => a - b))
  expect(places.at(-1)).toBeGreaterThan(2)
  const { body } = await ask('recommend/3?limit=40&seen=allow')
  const sunk = body.items.find(({ item }: { item: string }) => item === first.item)
  // 12 times just now, each 0.9.
  expect(sunk.score / first.score).toBeCloseTo(0.9 ** 12, 3)
  expect(body.items[0]).toEqual(second)
  expect((await ask('explain', { user: '3', items: [first.item] })).body.items).toMatchObject([
    { score: first.score, discount: expect.closeTo(0.9 ** 12, 3) },
  ])
  const reranked = await ask('rerank', { user: '3', items: [first.item, second.item] })
  expect(reranked.body.items.map(({ item }: { item: string }) => item)).toEqual([second.item, first.item])
  // Other users and similar items have nothing to do with it.
  expect((await listed('4', 'limit=40&seen=allow')).length).toBe(40)
  const similar = await ask(`similar/${second.item}?limit=39`)
  expect(similar.body.items.some(({ item }: { item: string }) => item === first.item)).toBe(true)

  expect((await ask('record', { id: 'taken', user: '3', item: first.item })).body).toMatchObject({ status: 'stored' })
  expect((await ask('explain', { user: '3', items: [first.item] })).body.items[0]).not.toHaveProperty('discount')
})

test('a user of whom nothing is known sees other popular items after a while', async () => {
  const [first, ...others] = await listed('stranger')
  for (let times = 0; times < 3; times++) await shown('stranger', [first!])
  const after = await listed('stranger')
  expect(after[0]).toBe(others[0])
  expect(after.toSorted()).toEqual([first, ...others].toSorted())
})

test('impressions that come again, name an item twice or are of a clock that is ahead count once and from now on', async () => {
  const user = 'clock'
  const [first] = await listed(user)
  const same = { id: 'once', user, items: [first, first], time: '2199-01-01T00:00:00Z' }
  expect((await ask('record_impressions', same)).body).toEqual({ id: 'once', status: 'stored' })
  expect((await ask('record_impressions', same)).body).toEqual({ id: 'once', status: 'duplicate' })
  await ask('record', { id: 'e', user, item: 'i20' })
  const [explained] = (await ask('explain', { user, items: [first] })).body.items
  expect(explained.discount).toBeCloseTo(0.9, 3)
  // Long ago: nothing of it is left.
  await shown(user, ['i21'], { time: 0 })
  expect((await ask('explain', { user, items: ['i21'] })).body.items[0]).not.toHaveProperty('discount')
})

test.each([
  [{ items: [] }, 'items'],
  [{ items: Array.from({ length: limits.impressionItems + 1 }, (_, at) => at) }, 'items'],
  [{ items: ['a\0'] }, 'expected text without NUL'],
  [{ items: 'i1' }, 'items'],
  [{ id: '' }, 'id'],
  [{ user: undefined }, 'user'],
  [{ time: 'soon' }, 'expected whole ms since 1970'],
])('%j is refused, and says why', async (change, message) => {
  const answer = await ask('record_impressions', { id: 'x', user: 'bad', items: ['i1'], ...change })
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'bad_message' } } })
  expect(answer.body.error.message).toContain(message)
})

test('both clients send impressions, and the lists that follow show them; a list that is watched is not made anew for it', async () => {
  const client = new Client(served.server.url)
  const rpc = await RpcClient.connect(served.server.rpc!)
  const lists = client.recommendations('watcher', { limit: 5 })
  const { value: first } = await lists.next()
  const [best] = first!.items
  for (let times = 0; times < 3; times++) await client.sendImpressions({ user: 'watcher', items: [best!.item] })
  const { items } = await rpc.call('recommend', { user: 'watcher', limit: 5 })
  expect(items[0]!.item).not.toBe(best!.item)
  await rpc.call('record_impressions', { id: 'by-rpc', user: 'watcher', items: [items[0]!.item] })
  await client.send({ user: 'watcher', item: 'i39', id: 'moved' })
  const { value: next } = await lists.next()
  expect(next!.after).toBe('moved')
  client.close()
  rpc.close()
})

test('nothing of a user who is forgotten sinks any more', async () => {
  const before = await listed('bygone')
  for (let times = 0; times < 3; times++) await shown('bygone', before.slice(0, 1))
  expect(await listed('bygone')).not.toEqual(before)
  const rpc = await RpcClient.connect(served.server.rpc!)
  await rpc.call('forget', { user: 'bygone' })
  rpc.close()
  expect(await listed('bygone')).toEqual(before)
})

test('after kill -9 acknowledged impressions count', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-shown-'))
  const model = await writeSmallModel(folder)
  const args = [model, '--port', '0', '--state', join(folder, 'state'), '--threads', '1', '--impression-decay', '0.5']
  const first = await Program.start(args)
  const lists: Record<string, string[]> = {}
  for (const user of ['ann', 'bob']) {
    const [best] = await listed(user, 'limit=10', first.url)
    await shown(user, [best!], {}, first.url)
    lists[user] = await listed(user, 'limit=10', first.url)
    expect(lists[user][0]).not.toBe(best)
  }
  await first.stop('SIGKILL')
  const second = await Program.start(args)
  try {
    expect(await listed('ann', 'limit=10', second.url)).toEqual(lists.ann)
    const fresh = await listed('nobody', 'limit=10', second.url)
    expect(fresh).not.toEqual(lists.bob)
  } finally {
    await second.stop('SIGTERM')
    rmSync(folder, { recursive: true })
  }
})
