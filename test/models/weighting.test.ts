import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { forgetInDirectory } from '../../src/models/artifact/forget.ts'
import { rowOf } from '../../src/models/open/history.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { popular } from '../../src/models/popular/index.ts'
import { algorithms } from '../../src/models/registry.ts'
import { EventWeights } from '../../src/models/weighting/event-sums.ts'
import { type WeightingOptions, weightingIn, weightings } from '../../src/models/weighting/options.ts'
import { seemRatings } from '../../src/models/weighting/ratings.ts'
import { Pool } from '../../src/parallel/pool.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { imported } from '../ingest/imported.ts'
import { freshFolder } from '../storage/folder.ts'
import { requestOf } from './requests.ts'
import { trained } from './trained.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 1 })
})
afterAll(() => pool.close())

const day = 86_400_000

interface Event {
  readonly user: number
  readonly item: number
  readonly weight: number
  readonly at: number
  readonly kind: 'view' | 'buy' | 'like'
}

const anEvent: fc.Arbitrary<Event> = fc.record({
  user: fc.nat(7),
  item: fc.nat(9),
  weight: fc.constantFrom(0.5, 1, 2, 5),
  at: fc.nat(60),
  kind: fc.constantFrom('view', 'buy', 'like'),
})

function datasetOfEvents(events: readonly Event[]): Promise<Dataset> {
  const lines = events.map(({ user, item, weight, at, kind }) => `u${user},i${item},${weight},${at * day},${kind}`)
  const columns = { time: 't', timeUnit: 'ms', weight: 'w', kind: 'k' } as const
  return imported(freshFolder(), `user,item,w,t,k\n${lines.join('\n')}\n`, columns)
}

/** What each pair counts, by `user item`, from the definitions. */
function naive(events: readonly Event[], options: Partial<WeightingOptions>): Map<string, number> {
  const { weighting = 'none', halfLife, kindWeights = {}, weightingK1: k = 1.2, weightingB: b = 0.75 } = options
  const byEvents = halfLife !== undefined || Object.keys(kindWeights).length > 0
  const newest = Math.max(...events.map(({ at }) => at))
  const sums = new Map<string, number>()
  for (const { user, item, weight, at, kind } of events) {
    const own = byEvents && weighting === 'none' ? 1 : weight
    const decayed = halfLife === undefined ? 1 : 2 ** ((at - newest) / halfLife)
    const pair = `u${user} i${item}`
    sums.set(pair, (sums.get(pair) ?? 0) + own * decayed * (kindWeights[kind] ?? 1))
  }
  const of = (user: string) => [...sums].filter(([pair]) => pair.startsWith(`${user} `))
  const total = (user: string) => of(user).reduce((all, [, sum]) => all + sum, 0)
  const users = [...new Set(events.map(({ user }) => `u${user}`))]
  const meanTotal = users.reduce((all, user) => all + total(user), 0) / users.length
  const value = (pair: string, s: number): number => {
    const [user, item] = pair.split(' ') as [string, string]
    const n = [...sums.keys()].filter(other => other.endsWith(` ${item}`)).length
    const cases = {
      none: () => (byEvents ? Math.min(1, s) : 1),
      weight: () => s,
      log: () => Math.log2(1 + s),
      tfidf: () => Math.log2(1 + s) * Math.log(1 + users.length / n),
      bm25: () =>
        ((s * (k + 1)) / (s + k * (1 - b + (b * total(user)) / meanTotal))) *
        Math.log(1 + (users.length - n + 0.5) / (n + 0.5)),
    }
    return cases[weighting]()
  }
  const values = [...sums].map(([pair, s]): [string, number] => [pair, value(pair, s)])
  if (!byEvents && ['none', 'weight'].includes(weighting)) return new Map(values)
  const mean = values.reduce((all, [, value]) => all + value, 0) / values.length
  return new Map(values.map(([pair, value]) => [pair, value / mean]))
}

test('pairs count what their weighting says, by user and by item, and histories what they did in training', async () => {
  const chosen = fc.record(
    {
      weighting: fc.constantFrom(...weightings),
      halfLife: fc.constantFrom(3, 20, 1000),
      kindWeights: fc.constantFrom({}, { view: 0.2 }, { buy: 3, like: 0.5 }),
      weightingK1: fc.constantFrom(0.5, 100),
      weightingB: fc.constantFrom(0, 1),
    },
    { requiredKeys: ['weighting'] },
  )
  const named: Event[] = (['view', 'buy', 'like'] as const).map(kind => ({ user: 0, item: 0, weight: 1, at: 1, kind }))
  await fc.assert(
    fc.asyncProperty(fc.array(anEvent, { maxLength: 60 }), chosen, async (others, options) => {
      const events = [...named, ...others]
      const dataset = await datasetOfEvents(events)
      const directory = await trained(popular, dataset, { pool, options })
      const { artifact } = OpenModel.open(directory)
      const expected = naive(events, options)
      const found = new Map<string, number>()
      for (let user = 0; user < dataset.users.size; user++) {
        const { indices, weights } = rowOf(artifact.history, user)
        indices.forEach((item, at) => {
          found.set(`${dataset.users.at(user)} ${dataset.items.at(item)}`, weights[at]!)
        })
        const again = artifact.weighting!.pairs.of(rowOf(artifact.sums, user))
        expect(again.indices).toEqual(indices)
        again.weights.forEach((weight, at) => {
          expect(weight).toBeCloseTo(weights[at]!, 5)
        })
      }
      expect([...found.keys()].sort()).toEqual([...expected.keys()].sort())
      for (const [pair, weight] of found) expect(Math.abs(weight / expected.get(pair)! - 1), pair).toBeLessThan(1e-4)
      for (let item = 0; item < dataset.items.size; item++) {
        const { indices, weights } = rowOf(artifact.byItem, item)
        indices.forEach((user, at) => {
          expect(weights[at]).toBe(found.get(`${dataset.users.at(user)} ${dataset.items.at(item)}`))
        })
      }
      // Nothing of it is left beside the model.
      expect(readdirSync(dirname(directory))).toEqual(['model'])
    }),
    { numRuns: 25 },
  )
})

test('every algorithm that learns from pairs takes all weightings, and its model is sound', async () => {
  const events = Array.from({ length: 400 }, (_, at): Event => {
    const [user, item] = [at % 20, (at * 7 + (at % 20) + Math.floor(at / 20)) % 15]
    return { user, item: 2 * Math.floor(item / 2) + (user % 2), weight: 1 + (at % 5), at: at % 50, kind: 'view' }
  })
  const dataset = await datasetOfEvents(events)
  for (const algorithm of algorithms) {
    if (!weightingIn(algorithm.options.parse({}) as Record<string, unknown>)) continue
    for (const weighting of weightings) {
      const options = { weighting, ...(weighting === 'log' && { halfLife: 10 }) }
      const small = 'factors' in algorithm.options.shape ? { factors: 3, ...options } : options
      const model = OpenModel.open(await trained(algorithm, dataset, { pool, options: small }))
      const recent = { items: Uint32Array.of(3, 1), weights: Float32Array.of(1, 4), times: Float64Array.of(1, 2) }
      const [list] = model.rank([requestOf(2, { limit: 5, recent })])
      expect(list!.items.length).toBe(5)
      expect(list!.scores.every(Number.isFinite)).toBe(true)
    }
  }
})

test('a pair whose events are many half-lives old counts next to nothing, but is one', async () => {
  const event = { user: 0, item: 0, weight: 1, kind: 'view' } as const
  const dataset = await datasetOfEvents([
    { ...event, at: 0 },
    { ...event, item: 1, at: 60 },
    { ...event, user: 1, at: 60 },
  ])
  for (const weighting of weightings) {
    const { artifact } = OpenModel.open(await trained(popular, dataset, { pool, options: { weighting, halfLife: 1 } }))
    const { weights } = rowOf(artifact.history, dataset.users.indexOf('u0'))
    expect(Math.min(...weights), weighting).toBeGreaterThan(0)
    expect(Math.min(...weights), weighting).toBeLessThan(1e-15)
  }
})

test('an event since the training counts by its kind, and less when it is older than the newest of the training', () => {
  const options = { weighting: 'weight', weightingK1: 1.2, weightingB: 0.75 } as const
  const plain = new EventWeights(options, 0)
  expect(plain.of(3, 'buy', 5)).toBe(3)
  const decayed = new EventWeights({ ...options, halfLife: 2, kindWeights: { buy: 5 } }, 10 * day)
  expect(decayed.of(3, 'buy', 10 * day)).toBe(15)
  expect(decayed.of(3, undefined, 8 * day)).toBeCloseTo(1.5)
  expect(decayed.of(-3, 'view', 99 * day)).toBe(-3)
  const counted = new EventWeights({ ...options, weighting: 'none', kindWeights: { buy: 5 } }, 0)
  expect([counted.of(3, 'buy', 1), counted.of(-3, 'view', 1)]).toEqual([5, -1])
})

test('what a dataset lacks for a weighting is said with the remedy, before anything is written', async () => {
  const bare = await imported(freshFolder(), 'user,item\n1,2\n1,3\n2,3\n')
  const withKinds = await datasetOfEvents([
    { user: 1, item: 1, weight: 1, at: 1, kind: 'view' },
    { user: 1, item: 2, weight: 1, at: 1, kind: 'buy' },
  ])
  const folder = freshFolder()
  const train = (dataset: Dataset, options: Partial<WeightingOptions>) =>
    trained(popular, dataset, { pool, directory: join(folder, 'model'), options })
  await expect(train(bare, { halfLife: 3 })).rejects.toThrow(
    'a half-life (halfLife, --half-life) needs times: import the source with times (time, --time), or leave it out',
  )
  await expect(train(bare, { kindWeights: { buy: 2 } })).rejects.toThrow('need kinds and times: import the source with')
  await expect(train(withKinds, { kindWeights: { click: 2 } })).rejects.toThrow(
    'kinds to weigh (kindWeights, --kind-weights) must be of buy, view, got click',
  )
  await expect(train(withKinds, { kindWeights: { buy: 0 } })).rejects.toThrow(
    'kindWeights.buy must be a number above 0',
  )
  expect(readdirSync(folder)).toEqual([])
})

test('the sums of a user who is forgotten are removed, too', async () => {
  const dataset = await datasetOfEvents([
    { user: 1, item: 1, weight: 3, at: 1, kind: 'view' },
    { user: 2, item: 2, weight: 5, at: 1, kind: 'buy' },
  ])
  const directory = await trained(popular, dataset, { pool, options: { weighting: 'log' } })
  const row = dataset.users.indexOf('u2')
  expect([...rowOf(OpenModel.open(directory).artifact.sums, row).weights]).toEqual([5])
  await forgetInDirectory({ directory, user: 'u2' })
  const { artifact } = OpenModel.open(directory)
  expect([...rowOf(artifact.sums, row).weights]).toEqual([])
  expect([...artifact.sums.weights]).toEqual([3])
})

test('weights that are few whole or half numbers, most of them not the lowest, seem to be ratings', () => {
  const repeated = (values: readonly number[]) =>
    Float32Array.from({ length: 700 }, (_, at) => values[at % values.length]!)
  expect(seemRatings(repeated([1, 2, 3, 3, 4, 4, 5]))).toBe(true)
  expect(seemRatings(repeated([0.5, 3.5, 4, 5, 4.5]))).toBe(true)
  // Counts of events, mostly 1; flags; listens; sums of fractions.
  expect(seemRatings(repeated([1, 1, 1, 2, 3]))).toBe(false)
  expect(seemRatings(repeated([1]))).toBe(false)
  expect(seemRatings(repeated([3, 250, 17]))).toBe(false)
  expect(seemRatings(repeated([0.3, 2, 5, 4]))).toBe(false)
})
