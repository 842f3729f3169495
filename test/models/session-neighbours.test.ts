import { afterAll, expect, test } from 'vitest'
import type { Algorithm, LiveMemory } from '../../src/models/algorithm.ts'
import { ModelPool } from '../../src/models/open/model-pool.ts'
import { liveLearningOf, OpenModel } from '../../src/models/open/open-model.ts'
import { blend, contextTaste } from '../../src/models/registry.ts'
import { sessionNeighbours } from '../../src/models/sequential/session-neighbours/index.ts'
import { newestOf } from '../../src/models/weighting/event-sums.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { checkerboard, datasetOf } from './interactions.ts'
import { smallOptions, trained } from './trained.ts'

const pool = new Pool({ threads: 1 })
afterAll(() => pool.close())

const [minute, day] = [60_000, 86_400_000]
const trainedItems = 20

/** A model that learns, on this thread: items from 20 on are new. */
async function learning(options: object) {
  const dataset = await datasetOf(checkerboard(trainedItems))
  const algorithm: Algorithm = sessionNeighbours
  const directory = await trained(algorithm, dataset, { pool, options: { ...smallOptions(algorithm), ...options } })
  const { artifact } = OpenModel.open(directory)
  const live = liveLearningOf(artifact)!
  const rows = trainedItems + 10
  const memory: LiveMemory = { words: new Uint32Array(live.words(rows)), rows }
  const learner = live.learner(memory)
  const begin = newestOf(artifact.events!.times)
  const model = OpenModel.open(directory, { live: memory })
  return {
    learn: (user: string, item: number, time: number) => learner.learn({ user, item, time: begin + time, weight: 1 }),
    /** New items after `item`, with their scores. */
    after(item: number) {
      const recent = { items: Uint32Array.of(item), weights: Float32Array.of(1), times: Float64Array.of(begin) }
      const request = { user: -1, recent, seen: 'exclude', limit: 30, exclude: new Uint32Array() } as const
      const [{ items, scores }] = model.rank([request]) as [ReturnType<typeof model.rank>[number]]
      const scored = Array.from(items, (found, at) => [found, scores[at]!] as const)
      return new Map(scored.filter(([found]) => found >= trainedItems))
    },
  }
}

test('a session that runs is learned as it grows, and not beyond the gap that ends it', async () => {
  const { learn, after } = await learning({ sessionGap: 0.5 })
  learn('ada', 20, 0)
  learn('bo', 25, 0)
  // An item alone tells of no other, nor does one that comes again at once.
  learn('ada', 20, minute)
  expect([...after(20).keys()]).toEqual([])
  learn('ada', 21, 2 * minute)
  learn('ada', 22, 20 * minute)
  expect([...after(20).keys()]).toEqual([21, 22])
  learn('ada', 23, 50 * minute)
  learn('ada', 24, 51 * minute)
  expect([...after(20).keys()]).toEqual([21, 22])
  expect([...after(23).keys()]).toEqual([24])
  expect([...after(25).keys()]).toEqual([])
})

test('sessions count half after their half-life, from the training on', async () => {
  const { learn, after } = await learning({ sessionGap: 0.5, sessionHalfLife: 2 })
  learn('ada', 20, 0)
  learn('ada', 21, 0)
  learn('bo', 20, 6 * day)
  learn('bo', 22, 6 * day)
  const scores = after(20)
  expect(scores.get(22)! / scores.get(21)!).toBeCloseTo(8, 4)
})

test.each([
  [blend, {}],
  [contextTaste, { gateEvents: 100 }],
])('$name learns by session neighbours among its parts', async (algorithm: Algorithm, options) => {
  const parts =
    'session-neighbours(gap-decay=1, backward=1, session-gap=0) + als(factors=3, regularization=0.01, seed=7)'
  const dataset = await datasetOf(checkerboard(trainedItems))
  const directory = await trained(algorithm, dataset, { pool, options: { ...options, parts } })
  const models = await ModelPool.open(directory, { pool, newItems: 1 })
  expect(models.learns).toBe(true)
  const known = models.artifact.items.indexOf(4)
  for (let user = 0; user < 40; user++) {
    for (const item of [known, trainedItems]) models.learn({ user, item, time: user * minute, weight: 1 })
  }
  const recent = { items: Uint32Array.of(known), weights: Float32Array.of(1), times: Float64Array.of(0) }
  const request = { user: -1, recent, seen: 'exclude', limit: 30, exclude: new Uint32Array() } as const
  const [list] = await models.rank([request])
  expect(list!.scores[list!.items.indexOf(trainedItems)]).toBeGreaterThan(0)
  await models.close()
})
