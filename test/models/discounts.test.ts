import { expect, test } from 'vitest'
import type { Discounts, ItemList, ResolvedRequest } from '../../src/models/algorithm.ts'
import { popularDiscounted, rankDiscounted } from '../../src/models/open/discounts.ts'
import { popularityOf } from '../../src/models/open/popularity.ts'
import { randomNumbers } from '../../src/storage/random.ts'

const none = new Uint32Array(0)
const noEvents = { items: none, weights: new Float32Array(0), times: new Float64Array(0) }

function requestOf(limit: number, discounts: Discounts | undefined): ResolvedRequest {
  const history = { indices: none, weights: new Float32Array(0) }
  return { user: 0, history, recent: noEvents, limit, exclude: none, only: undefined, discounts }
}

/** Item i scores `scores[i]`. */
function listOf(scores: Float32Array, limit: number): ItemList {
  const items = Uint32Array.from(scores.keys())
    .sort((a, b) => scores[b]! - scores[a]! || a - b)
    .subarray(0, limit)
  return { items, scores: Float32Array.from(items, item => scores[item]!), sources: Uint8Array.from(items, i => i % 5) }
}

test('a list is what all scores times their factors give, however few items are ranked for it', () => {
  const random = randomNumbers(7)
  for (let round = 0; round < 300; round++) {
    const scores = Float32Array.from({ length: 60 }, () => Math.round(20 * random() - 6) / 10)
    const items = Uint32Array.from(scores.keys()).filter(() => random() < (round % 4) / 4)
    const discounts = { items, factors: Float32Array.from(items, () => 0.05 + 0.9 * random()) }
    const limit = 1 + Math.floor(20 * random())
    const ranked: number[] = []
    const rank = (requests: readonly ResolvedRequest[]) => {
      ranked.push(...requests.map(request => request.limit))
      return requests.map(request => listOf(scores, request.limit))
    }
    const [found] = rankDiscounted(rank, [requestOf(limit, items.length > 0 ? discounts : undefined)])
    const whole = scores.slice()
    items.forEach((item, at) => {
      const factor = discounts.factors[at]!
      whole[item] = scores[item]! > 0 ? scores[item]! * factor : scores[item]! / factor
    })
    const expected = listOf(whole, limit)
    expect([...found!.scores], `round ${round}`).toEqual([...expected.scores])
    expect([...found!.sources!]).toEqual(Array.from(found!.items, item => item % 5))
    if (items.length === 0) expect(ranked).toEqual([limit])
    expect(Math.max(...ranked)).toBeLessThanOrEqual(limit + items.length)
  }
})

test('of popular items those that are discounted sink by what they count', () => {
  // Item i has 5 - i users.
  const counts = [5, 4, 3, 2, 1]
  const indptr = BigUint64Array.from([0, 5, 9, 12, 14, 15].map(BigInt))
  const popularity = popularityOf({ rows: counts.length, indptr })
  const listed = (factors: readonly number[], limit: number) => {
    const discounts = { items: Uint32Array.of(0, 3), factors: Float32Array.from(factors) }
    return [...popularDiscounted(popularity, limit, none, { only: undefined, discounts }).items]
  }
  expect(listed([0.7, 0.9], 5)).toEqual([1, 0, 2, 3, 4])
  expect(listed([0.1, 0.1], 3)).toEqual([1, 2, 4])
  expect(listed([0.1, 0.1], 5)).toEqual([1, 2, 4, 0, 3])
  // Where the latest come first, as if their places were doubled by half the factor.
  const latest = { ...popularity, latest: () => Uint32Array.of(3, 4) }
  const discounts = { items: Uint32Array.of(3, 9), factors: Float32Array.of(0.45, 0.5) }
  expect([...popularDiscounted(latest, 4, none, { only: undefined, discounts }).items]).toEqual([4, 3, 0, 1])
})
