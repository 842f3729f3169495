import { expect, onTestFinished, test, vi } from 'vitest'
import type { Ranking, RankRequest } from '../../src/models/algorithm.ts'
import type { ModelPool } from '../../src/models/open/model-pool.ts'
import { MicroBatches, type PendingQuery } from '../../src/recommend/batches/micro-batches.ts'
import type { Generation } from '../../src/recommend/generations/generation.ts'
import { requestOf } from '../models/requests.ts'

/** A generation whose workers wait to be told to go on; queries of user -2 make them fail. */
class HeldGeneration {
  readonly batches: (readonly number[])[] = []
  readonly background: (readonly number[])[] = []
  readonly models: Pick<ModelPool, 'threads' | 'backgroundThreads' | 'rankOnOne' | 'rankInBackground'>
  uses = 0
  readonly #waiting: (() => void)[] = []

  constructor(threads: number) {
    const rankIn =
      (batches: (readonly number[])[]) =>
      async (requests: readonly RankRequest[]): Promise<Ranking[]> => {
        const users = requests.map(({ user }) => user)
        batches.push(users)
        await new Promise<void>(resolve => this.#waiting.push(resolve))
        if (users.includes(-2)) throw new Error('the weights of a user are infinite')
        return users.map(user => ({
          items: Uint32Array.of(user),
          scores: Float32Array.of(0),
          sources: Uint8Array.of(0),
          basis: 'model',
        }))
      }
    this.models = {
      threads,
      backgroundThreads: threads,
      rankOnOne: rankIn(this.batches),
      rankInBackground: rankIn(this.background),
    }
  }

  async use<Result>(work: (models: ModelPool) => Promise<Result>): Promise<Result> {
    this.uses++
    return work(this.models as ModelPool).finally(() => this.uses--)
  }

  /** Lets the first batch that waits end. */
  async finish(): Promise<void> {
    this.#waiting.shift()?.()
    await settled()
  }

  get asGeneration(): Generation {
    return this as unknown as Generation
  }
}

const settled = () => new Promise<void>(resolve => setImmediate(resolve))

/** A query that keeps what comes of it. */
function queryOf(user: number, outcomes: string[], onAnswer = () => {}): PendingQuery {
  return {
    client: 'ann',
    limit: 10,
    resolve: () => [requestOf(user)],
    answer: ([{ items }]) => {
      outcomes.push(`list of ${items[0]}`)
      onAnswer()
    },
    fail: ({ message }) => {
      outcomes.push(`${user}: ${message}`)
    },
  }
}

test('what comes while the worker is busy is the next batch', async () => {
  const generation = new HeldGeneration(1)
  const took: number[] = []
  const batches = new MicroBatches(() => generation.asGeneration, { onBatch: queries => took.push(queries) })
  const outcomes: string[] = []
  for (let user = 0; user < 6; user++) batches.push(queryOf(user, outcomes))
  expect([generation.batches, batches.waiting]).toEqual([[[0]], 5])
  await generation.finish()
  expect([generation.batches, batches.waiting, outcomes]).toEqual([[[0], [1, 2, 3, 4, 5]], 0, ['list of 0']])
  await generation.finish()
  expect(outcomes).toEqual([0, 1, 2, 3, 4, 5].map(user => `list of ${user}`))
  expect([took, generation.uses]).toEqual([[1, 5], 0])
})

test('a batch is no larger than it may be, and workers that are free share what waits', async () => {
  const generation = new HeldGeneration(2)
  const batches = new MicroBatches(() => generation.asGeneration, { largestBatch: 4 })
  for (let user = 0; user < 15; user++) batches.push(queryOf(user, []))
  expect(generation.batches).toEqual([[0], [1]])
  await generation.finish()
  await generation.finish()
  await generation.finish()
  expect(generation.batches.slice(2)).toEqual([
    [2, 3, 4, 5],
    [6, 7, 8, 9],
    [10, 11, 12, 13],
  ])
})

test('a query is resolved when its batch is formed, by the generation that ranks it', async () => {
  const [old, next] = [new HeldGeneration(1), new HeldGeneration(1)]
  let current = old
  const batches = new MicroBatches(() => current.asGeneration)
  const resolvedBy: unknown[] = []
  const query = (user: number): PendingQuery => ({
    ...queryOf(user, []),
    resolve: generation => {
      resolvedBy.push(generation)
      return [requestOf(user)]
    },
    answer: (_, generation) => resolvedBy.push(generation),
  })
  batches.push(query(0))
  batches.push(query(1))
  current = next
  await old.finish()
  // Query 1 leaves before the answer to 0 is processed.
  expect(resolvedBy).toEqual([old, next, old])
  await next.finish()
  expect(resolvedBy).toEqual([old, next, old, next])
})

test('a query that is not wanted any more takes no place in a batch', async () => {
  const generation = new HeldGeneration(1)
  const batches = new MicroBatches(() => generation.asGeneration)
  const outcomes: string[] = []
  const unwanted: PendingQuery = { ...queryOf(9, outcomes), resolve: () => undefined }
  batches.push(unwanted)
  expect([generation.batches, batches.waiting]).toEqual([[], 0])
  batches.push(queryOf(0, outcomes))
  batches.push(unwanted)
  batches.push(queryOf(1, outcomes))
  await generation.finish()
  await generation.finish()
  expect([generation.batches, outcomes]).toEqual([
    [[0], [1]],
    ['list of 0', 'list of 1'],
  ])
  await batches.drained()
})

test('what many ask for of one user is ranked once, and answered to each', async () => {
  const generation = new HeldGeneration(1)
  const batches = new MicroBatches(() => generation.asGeneration)
  const outcomes: string[] = []
  batches.push(queryOf(0, outcomes))
  const other = requestOf(7)
  const discounted = (factor: number) => ({ items: Uint32Array.of(1), factors: Float32Array.of(factor) })
  const requests = [
    requestOf(7),
    requestOf(8),
    { ...other, limit: other.limit + 1 },
    { ...other, seen: 'allow' as const },
    { ...other, exclude: Uint32Array.of(1) },
    { ...other, only: Uint32Array.of(1) },
    { ...other, recent: { items: Uint32Array.of(2), weights: Float32Array.of(1), times: Float64Array.of(0) } },
    // As of two whom the model does not know: they were shown the same items, not as often.
    { ...other, discounts: discounted(0.9) },
    { ...other, discounts: discounted(0.5) },
  ]
  // Each twice.
  for (const request of [...requests, ...requests]) {
    batches.push({ ...queryOf(0, outcomes), resolve: () => [request] })
  }
  await generation.finish()
  await generation.finish()
  expect(generation.batches[1]).toEqual([7, 8, 7, 7, 7, 7, 7, 7, 7])
  const users = requests.map(({ user }) => user)
  expect(outcomes.slice(1)).toEqual([...users, ...users].map(user => `list of ${user}`))
})

test('a query that makes its batch fail, fails alone', async () => {
  const generation = new HeldGeneration(1)
  const batches = new MicroBatches(() => generation.asGeneration)
  const outcomes: string[] = []
  for (const user of [0, 1, -2, 3]) batches.push(queryOf(user, outcomes))
  for (let finished = 0; finished < 5; finished++) await generation.finish()
  expect(generation.batches).toEqual([[0], [1, -2, 3], [1], [-2], [3]])
  expect(outcomes).toEqual(['list of 0', 'list of 1', '-2: the weights of a user are infinite', 'list of 3'])
  batches.push(queryOf(-2, outcomes))
  await generation.finish()
  expect(generation.batches.at(-1)).toEqual([-2])
  expect(outcomes.at(-1)).toBe('-2: the weights of a user are infinite')
})

test('queries in the background are ranked beside the others, few at a time', async () => {
  const generation = new HeldGeneration(2)
  const batches = new MicroBatches(() => generation.asGeneration)
  for (let user = 0; user < 6; user++) batches.pushInBackground(queryOf(user, []))
  batches.push(queryOf(100, []))
  batches.push(queryOf(101, []))
  expect([generation.background, generation.batches, batches.waiting]).toEqual([[[0]], [[100], [101]], 5])
  await generation.finish()
  expect(generation.background).toEqual([[0], [1, 2, 3, 4]])
  const drained = batches.drained().then(() => generation.background.push([]))
  for (let finished = 0; finished < 4; finished++) await generation.finish()
  await drained
  expect(generation.background).toEqual([[0], [1, 2, 3, 4], [5], []])
  expect(generation.batches).toEqual([[100], [101]])
})

test('a query in the background that makes its batch fail, fails alone', async () => {
  const generation = new HeldGeneration(1)
  const batches = new MicroBatches(() => generation.asGeneration)
  const outcomes: string[] = []
  for (const user of [0, -2, 1]) batches.pushInBackground(queryOf(user, outcomes))
  for (let finished = 0; finished < 4; finished++) await generation.finish()
  expect(generation.background).toEqual([[0], [-2, 1], [-2], [1]])
  expect(outcomes).toEqual(['list of 0', '-2: the weights of a user are infinite', 'list of 1'])
})

test('what a list is made of is ranked in one batch with it, and fails with it', async () => {
  const generation = new HeldGeneration(1)
  const batches = new MicroBatches(() => generation.asGeneration)
  const outcomes: string[] = []
  const query = (...users: number[]): PendingQuery => ({
    ...queryOf(users[0]!, outcomes),
    resolve: () => users.map(user => requestOf(user)),
    answer: rankings => outcomes.push(`lists of ${rankings.map(({ items }) => items[0])}`),
  })
  batches.push(queryOf(9, outcomes))
  for (const users of [[1, 2], [3], [2, 1], [4, -2]]) batches.push(query(...users))
  for (let batch = 0; batch < 9; batch++) await generation.finish()
  await batches.drained()
  expect(generation.batches.slice(0, 2)).toEqual([[9], [1, 2, 3, 4, -2]])
  expect(outcomes).toEqual([
    'list of 9',
    'lists of 1,2',
    'lists of 3',
    'lists of 2,1',
    '4: the weights of a user are infinite',
  ])
})

test('short lists that are ranked deeper are short all the same, and fewer are ranked at once', async () => {
  const generation = new HeldGeneration(1)
  const batches = new MicroBatches(() => generation.asGeneration)
  const outcomes: string[] = []
  batches.push(queryOf(99, outcomes))
  for (let user = 0; user < 10; user++) batches.push({ ...queryOf(user, outcomes), depth: 1000 })
  await generation.finish()
  await generation.finish()
  await generation.finish()
  expect(generation.background).toEqual([])
  expect(generation.batches).toEqual([[99], [0, 1, 2, 3, 4, 5], [6, 7, 8, 9]])
})

test('drained waits until no query is left, those that an answer asks for included', async () => {
  const generation = new HeldGeneration(1)
  const batches = new MicroBatches(() => generation.asGeneration)
  await batches.drained()
  const outcomes: string[] = []
  batches.push(queryOf(0, outcomes, () => batches.push(queryOf(1, outcomes))))
  const drained = batches.drained().then(() => outcomes.push('drained'))
  await generation.finish()
  expect(outcomes).toEqual(['list of 0'])
  await generation.finish()
  await drained
  expect(outcomes).toEqual(['list of 0', 'list of 1', 'drained'])
})

/** The batches that are formed, one after the other, of what waits behind a first query. */
async function batchesOf(threads: number, waiting: readonly PendingQuery[]): Promise<(readonly number[])[]> {
  const generation = new HeldGeneration(threads)
  const batches = new MicroBatches(() => generation.asGeneration, { largestBatch: 4 })
  for (let worker = 0; worker < threads; worker++) batches.push(queryOf(0, []))
  for (const query of waiting) batches.push(query)
  while (batches.waiting > 0) await generation.finish()
  return generation.batches.slice(threads)
}

test('clients take turns, however much one of them asks for', async () => {
  const many = Array.from({ length: 8 }, (_, user) => ({ ...queryOf(1 + user, []), client: 'bob' }))
  const few = [21, 22].map(user => ({ ...queryOf(user, []), client: 'cid' }))
  expect(await batchesOf(1, [...many, ...few])).toEqual([
    [1, 21, 2, 22],
    [3, 4, 5, 6],
    [7, 8],
  ])
})

test('long lists are ranked apart from short ones, on workers of low priority', async () => {
  const long = (user: number, limit = 1000) => ({ ...queryOf(user, []), client: `long ${user}`, limit })
  const generation = new HeldGeneration(1)
  const batches = new MicroBatches(() => generation.asGeneration)
  for (const query of [long(1), long(2), long(3), long(4, 101)]) batches.push(query)
  for (let user = 0; user < 4; user++) batches.push(queryOf(10 + user, []))
  expect([generation.background, generation.batches]).toEqual([[[1]], [[10]]])
  for (let finished = 0; finished < 4; finished++) await generation.finish()
  expect(generation.background).toEqual([[1], [2, 3], [4]])
  expect(generation.batches).toEqual([[10], [11, 12, 13]])
})

test('how long a query would wait follows from what the client has waiting, and how many others have', async () => {
  const generation = new HeldGeneration(1)
  const batches = new MicroBatches(() => generation.asGeneration)
  const wait = (client: string, limit = 10) => batches.expectedWait({ client, limit })
  for (let user = 0; user < 3; user++) batches.push(queryOf(user, []))
  await new Promise(resolve => setTimeout(resolve, 20))
  await generation.finish()
  for (let user = 0; user < 3; user++) batches.push(queryOf(user, []))
  const alone = wait('ann')
  batches.push({ ...queryOf(9, []), client: 'bob' })
  expect(alone).toBeGreaterThan(0)
  // The four that wait, and two of them.
  expect(wait('ann') / alone).toBeCloseTo(4 / 3)
  expect(wait('bob') / alone).toBeCloseTo(2 / 3)
  expect([wait('cid'), wait('ann', 1000)]).toEqual([0, 0])
})

test('a query that took long alone does not count as if all others would, too', async () => {
  const generation = new HeldGeneration(1)
  const batches = new MicroBatches(() => generation.asGeneration)
  let time = 0
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => time)
  onTestFinished(() => clock.mockRestore())
  const rank = async (users: number, ms: number) => {
    for (let user = 0; user < users; user++) batches.push(queryOf(user, []))
    time += ms
    while (batches.waiting > 0) await generation.finish()
    await generation.finish()
  }
  for (let round = 0; round < 4; round++) await rank(129, 1)
  await rank(1, 100)
  for (let user = 0; user < 1001; user++) batches.push(queryOf(user, []))
  expect(batches.expectedWait({ client: 'ann', limit: 10 })).toBeLessThan(1000)
})
