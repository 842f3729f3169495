import { expect, test } from 'vitest'
import { arrange } from '../../src/music/mix/order/arrange.ts'
import { energyAt, energyTargets, evenCurve } from '../../src/music/mix/order/energy-curve.ts'
import { type CandidatePool, Objective } from '../../src/music/mix/order/objective.ts'
import { Spacing } from '../../src/music/mix/order/spacing.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { listsOf, naiveValue } from './naive-mix.ts'

function randomPool(songs: number, length: number, seed: number): CandidatePool {
  const random = randomNumbers(seed)
  const rank = 4
  const vectors = new Float32Array(songs * rank)
  for (let song = 0; song < songs; song++) {
    const row = Array.from({ length: rank }, () => random() - 0.3)
    const norm = Math.hypot(...row)
    vectors.set(
      row.map(value => value / norm),
      song * rank,
    )
  }
  return {
    rank,
    vectors,
    relevance: Float64Array.from({ length: songs }, random),
    energy: Float64Array.from({ length: songs }, () => (random() < 0.2 ? Number.NaN : random())),
    targets: seed % 2 === 0 ? undefined : Float64Array.from({ length }, random),
    before: undefined,
  }
}

const weightsOf = (seed: number) => ({ diversity: (seed % 5) / 5, smoothness: (seed % 3) / 2 })
const unspaced = (songs: number) => Array.from({ length: songs }, () => ({ artist: undefined, title: undefined }))

test.each(Array.from({ length: 20 }, (_, seed) => seed))('the objective is what its formula says: seed %i', seed => {
  const pool = randomPool(8, 5, seed)
  const { diversity, smoothness } = weightsOf(seed)
  const objective = new Objective(pool, { diversity, smoothness })
  for (const order of [[0], [3, 1], [7, 2, 4, 0, 5]]) {
    expect(objective.valueOf(order)).toBeCloseTo(naiveValue(pool, order, diversity, smoothness), 5)
  }
})

test('lists of small pools are nearly always the best of all lists', () => {
  let best = 0
  const cases = 60
  for (let seed = 0; seed < cases; seed++) {
    const pool = randomPool(7, 4, seed)
    const objective = new Objective(pool, weightsOf(seed))
    const order = arrange(objective, () => new Spacing(unspaced(7), { gap: 1, perArtist: 7 }), 4)
    expect(new Set(order).size, `seed ${seed}`).toBe(4)
    const values = [...listsOf(7, 4)].map(list => objective.valueOf(list))
    const [highest, mean] = [Math.max(...values), values.reduce((sum, value) => sum + value, 0) / values.length]
    const value = objective.valueOf(order)
    // What is lost is little beside what any list loses.
    expect((highest - value) / (highest - mean), `seed ${seed}`).toBeLessThan(0.15)
    if (value > highest - 1e-6) best++
  }
  expect(best).toBeGreaterThanOrEqual(0.85 * cases)
})

test('the spacing holds in lists of any pool, and lists are as long as it allows', () => {
  for (let seed = 0; seed < 30; seed++) {
    const pool = randomPool(60, 16, seed)
    const random = randomNumbers(seed + 100)
    const songs = Array.from({ length: 60 }, (_, song) => ({
      artist: random() < 0.1 ? undefined : `a${Math.floor(random() * 12)}`,
      title: `t${Math.floor(song / 2)}`,
    }))
    const rule = { gap: 1 + (seed % 5), perArtist: 3 }
    const order = arrange(new Objective(pool, weightsOf(seed)), () => new Spacing(songs, rule), 16)
    expect(order.length, `seed ${seed}`).toBe(16)
    expect(new Set(order.map(song => songs[song]!.title)).size, `seed ${seed}`).toBe(16)
    const counts = new Map<string, number>()
    order.forEach((song, place) => {
      const { artist } = songs[song]!
      if (artist === undefined) return
      counts.set(artist, (counts.get(artist) ?? 0) + 1)
      const near = order.slice(Math.max(0, place - rule.gap + 1), place).map(other => songs[other]!.artist)
      expect(near, `seed ${seed}`).not.toContain(artist)
    })
    expect(Math.max(...counts.values()), `seed ${seed}`).toBeLessThanOrEqual(3)
  }
})

test('a list of one artist is as long as the share allows', () => {
  const songs = Array.from({ length: 9 }, (_, song) => ({ artist: 'one', title: `t${song}` }))
  const objective = new Objective(randomPool(9, 9, 2), { diversity: 0.3, smoothness: 0.5 })
  expect(arrange(objective, () => new Spacing(songs, { gap: 1, perArtist: 2 }), 9).length).toBe(2)
  expect(arrange(objective, () => new Spacing(songs, { gap: 3, perArtist: 9 }), 9).length).toBe(1)
})

test('songs of what was before the list keep their distance, and their titles do not come again', () => {
  const songs = ['a', 'b', 'c', 'd'].map(artist => ({ artist, title: artist.toUpperCase() }))
  const before = [
    { artist: 'x', title: 'D' },
    { artist: 'a', title: 'other' },
  ]
  const spacing = () => new Spacing(songs, { gap: 2, perArtist: 1 }, before)
  const pool = { ...randomPool(4, 3, 0), relevance: Float64Array.of(9, 1, 0, 99) }
  const order = arrange(new Objective(pool, { diversity: 0, smoothness: 0 }), spacing, 3)
  expect(order[0]).not.toBe(0)
  expect([...order].sort()).toEqual([0, 1, 2])
})

test('an energy curve goes straight from point to point, and on as it began and ended', () => {
  const curve = [
    { at: 0.75, energy: 0.2 },
    { at: 0.25, energy: 0.8 },
  ]
  expect([0, 0.25, 0.5, 0.75, 1].map(at => energyAt(curve, at))).toEqual(
    [0.8, 0.8, 0.5, 0.2, 0.2].map(e => expect.closeTo(e, 12)),
  )
  expect(evenCurve([0.2, 0.8, 0.3])).toEqual([
    { at: 0, energy: 0.2 },
    { at: 0.5, energy: 0.8 },
    { at: 1, energy: 0.3 },
  ])
  expect(energyTargets(undefined, { first: 0, count: 3, total: 3 })).toBeUndefined()
  const targets = energyTargets(evenCurve([0, 1]), { first: 2, count: 3, total: 5 })
  expect([...targets!]).toEqual([0.5, 0.75, 1])
})

test('a song that fits little and joins two that fit is not the first', () => {
  // The third lies between the others, so that a list that begins with it has the smoothest transitions.
  const vectors = Float32Array.of(1, 0, 0.8, 0.6, 0.95, 0.31)
  const relevance = Float64Array.of(1, 0.9, 0)
  const energy = new Float64Array(3).fill(0.5)
  const objective = new Objective(
    { rank: 2, vectors, relevance, energy, targets: undefined, before: undefined },
    { diversity: 0.3, smoothness: 0.5 },
  )
  const order = arrange(objective, () => new Spacing(unspaced(3), { gap: 1, perArtist: 3 }), 3)
  expect(order[0]).not.toBe(2)
})
