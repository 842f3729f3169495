import { expect, test } from 'vitest'
import { evaluate, type Ranker } from '../../src/evaluation/evaluate.ts'
import { parseMetrics } from '../../src/evaluation/metrics/metrics.ts'
import { heldOut } from '../../src/evaluation/splits/held-out.ts'
import { rowOf } from '../../src/models/open/history.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { csrOf } from '../storage/csr-of.ts'

const items = 60
const users = 300
const random = randomNumbers(5)
const cells = Array.from({ length: users }, () => Array.from({ length: items }, () => random()))
const training = pairs(0, 0.1)
const tested = pairs(0.1, 0.2)
const scores = cells.map(row => row.map(() => random()))

/** The cells from `least` to `most`. */
function pairs(least: number, most: number) {
  const byUser = csrOf(cells.map(row => row.map(cell => Number(cell >= least && cell < most))))
  const ids = { at: (index: number) => index, indexOf: Number }
  return { byUser, users: ids, items: ids }
}

/** Ranks what it may by {@link scores}, and keeps what it was asked for. */
function recordingRanker(): Ranker & { readonly asked: Map<number, Uint32Array> } {
  const asked = new Map<number, Uint32Array>()
  return {
    items,
    asked,
    rank: async requests =>
      requests.map(({ user, only, limit }) => {
        asked.set(user, only!)
        return { items: only!.toSorted((a, b) => scores[user]![b]! - scores[user]![a]!).subarray(0, limit) }
      }),
  }
}

test('of many negatives so many are drawn for each user, each with the same chance, and never one that is known', async () => {
  const held = heldOut(tested, training)
  const drawn = new Float64Array(items)
  const chances = new Float64Array(items)
  for (let seed = 0; seed < 20; seed++) {
    const ranker = recordingRanker()
    await evaluate(ranker, held, parseMetrics('auc'), { negatives: 7, seed })
    for (const [user, only] of ranker.asked) {
      const left = new Set([...rowOf(training.byUser, user).indices, ...rowOf(tested.byUser, user).indices])
      const negatives = [...only].filter(item => !rowOf(tested.byUser, user).indices.includes(item))
      expect(negatives).toEqual(negatives.toSorted((a, b) => a - b))
      expect(new Set(negatives).size).toBe(7)
      for (const item of negatives) {
        expect(left.has(item)).toBe(false)
        drawn[item]! += 1
      }
      for (let item = 0; item < items; item++) if (!left.has(item)) chances[item]! += 7 / (items - left.size)
    }
  }
  // Some 700 draws of each item: five standard deviations of a binomial.
  for (let item = 0; item < items; item++) {
    expect(Math.abs(drawn[item]! - chances[item]!)).toBeLessThan(5 * Math.sqrt(chances[item]!))
  }
})

test('drawn negatives give the AUC of all but for chance, the same for the same seed', async () => {
  const held = heldOut(tested, training)
  const auc = async (negatives: number, seed: number) =>
    (await evaluate(recordingRanker(), held, parseMetrics('auc'), { negatives, seed })).metrics.auc!
  const exact = await auc(items, 0)
  expect(await auc(1000, 3)).toBe(exact)
  const drawn = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(seed => auc(7, seed)))
  expect(await auc(7, 1)).toBe(drawn[0])
  expect(new Set(drawn).size).toBe(8)
  // The bound of one user's standard error is 0.5 / √7.
  for (const value of drawn) expect(Math.abs(value - exact)).toBeLessThan((5 * 0.5) / Math.sqrt(7 * held.users.length))
  const mean = drawn.reduce((a, b) => a + b) / 8
  expect(Math.abs(mean - exact)).toBeLessThan((5 * 0.5) / Math.sqrt(8 * 7 * held.users.length))
})

test('a ranker that leaves items out, and a number of negatives that is none, are refused', async () => {
  const held = heldOut(tested, training)
  const ranker: Ranker = { items, rank: async requests => requests.map(() => ({ items: Uint32Array.of(1) })) }
  await expect(evaluate(ranker, held, parseMetrics('auc'))).rejects.toThrow(
    /^auc needs a ranker that ranks all items of only: of \d+ it ranked 1$/,
  )
  await expect(evaluate(ranker, held, parseMetrics('auc'), { negatives: 0 })).rejects.toThrow(
    'negatives must be a whole number from 1 on, got 0',
  )
})
