import { expect, test } from 'vitest'
import { noSends } from '../../src/push/statistics/lift.ts'
import { boundsAtDepth, type DepthBand } from '../../src/push/statistics/lift-by-depth.ts'
import { normalRule } from '../../src/push/volume/normal-rule.ts'
import { stratifiedRanks } from '../../src/push/volume/stratified-ranks.ts'
import { randomNumbers } from '../../src/storage/random.ts'

const edges = [0, 500, 700, 980, 1372, 1920, 2689, 3764]
const usualCtr = 0.02
const liftAt = (rank: number) => 6 * ((rank + 1) / 500) ** -0.3

/** More sends of each band at every look. */
function* looks(random: () => number, count: number): Generator<DepthBand[]> {
  let bands: DepthBand[] = edges.slice(1).map((to, at) => ({ from: edges[at]!, to, sums: noSends }))
  for (let look = 0; look < count; look++) {
    bands = bands.map(({ from, to, sums }) => {
      let { sends, clicks, exposure, exposureSquares } = sums
      for (let send = 0; send < 40; send++) {
        const rank = from + Math.floor(random() * (to - from))
        clicks += Number(random() < usualCtr * liftAt(rank))
        exposure += usualCtr
        exposureSquares += usualCtr ** 2
        sends++
      }
      return { from, to, sums: { sends, clicks, exposure, exposureSquares, exposureVariance: 0 } }
    })
    yield bands
  }
}

test('the bounds hold the lift of the next depth at all looks, which the average of all sends exceeds', () => {
  const runs = 200
  const next = { from: edges.at(-1)!, to: edges.at(-1)! + 1 }
  const truth = liftAt(next.from)
  let [covered, width, average] = [0, 0, 0]
  for (let run = 0; run < runs; run++) {
    let isCovered = true
    for (const bands of looks(randomNumbers(run + 3), 25)) {
      const [lower, upper] = boundsAtDepth(bands, next)
      isCovered &&= lower <= truth && truth <= upper
      width = upper
      average =
        bands.reduce((sum, { sums }) => sum + sums.clicks, 0) / bands.reduce((a, { sums }) => a + sums.exposure, 0)
    }
    covered += Number(isCovered)
  }
  console.log(
    `next depth, lift ${truth.toFixed(2)}: covered at 25 looks ${((100 * covered) / runs).toFixed(1)} %, last bound ${width.toFixed(2)}, average of all sends ${average.toFixed(2)}`,
  )
  expect(covered / runs).toBeGreaterThanOrEqual(0.95)
  expect(average).toBeGreaterThan(1.3 * truth)
  // They are no wider than is of use: an article as weak is told from one of twice the lift.
  expect(width).toBeLessThan(2 * truth)
})

test('without sends anything may be', () => {
  expect(boundsAtDepth([], { from: 0, to: 1 })).toEqual([0, Number.POSITIVE_INFINITY])
})

const target = 2.4
const sumsOf = (clicks: number, exposure: number) => {
  return { sends: 500, clicks, exposure, exposureSquares: exposure ** 2 / 500, exposureVariance: 0 }
}

test.each([
  { clicks: 0, exposure: 0, action: 'wait', reason: 'nothing seen yet' },
  { clicks: 30, exposure: 10, action: 'grow', reason: 'lift at or above the target' },
  { clicks: 22, exposure: 10, action: 'grow', reason: 'target within the interval' },
  { clicks: 10, exposure: 10, action: 'stop', reason: 'target above the interval' },
])('the normal rule after $clicks clicks of $exposure that are usual: $reason', ({ clicks, exposure, ...decision }) => {
  expect(normalRule(sumsOf(clicks, exposure), target)).toEqual(decision)
})

test('a first round has one rank of each equal part of the depth, the same for the same seed', () => {
  const ranks = stratifiedRanks(1003, 100, 4)
  expect(ranks).toEqual(stratifiedRanks(1003, 100, 4))
  ranks.forEach((rank, part) => {
    expect(rank).toBeGreaterThanOrEqual(Math.floor((part * 1003) / 100))
    expect(rank).toBeLessThan(Math.floor(((part + 1) * 1003) / 100))
  })
  expect(stratifiedRanks(5, 5, 1)).toEqual(Uint32Array.of(0, 1, 2, 3, 4))
  expect(() => stratifiedRanks(5, 6, 1)).toThrow('size must be a whole number from 0 to 5, got 6')
})
