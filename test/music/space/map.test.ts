import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fitFeatureMap, kappaOf } from '../../../src/music/space/map/feature-map.ts'
import { FeatureEncoder, type FeatureMatrix, type SongFeatures } from '../../../src/music/space/map/features.ts'
import { principalCoordinates, symmetricEigen } from '../../../src/music/space/map/principal-axes.ts'
import { ridge } from '../../../src/music/space/map/ridge.ts'
import { songVectors } from '../../../src/music/space/map/song-vectors.ts'
import { randomNumbers } from '../../../src/storage/random.ts'
import { csrOf } from '../../storage/csr-of.ts'

/** Each row of `features` as a list of all its numbers. */
function denseOf({ rows, columns, sparse, dense, width }: FeatureMatrix): number[][] {
  return Array.from({ length: rows }, (_, row) => {
    const values = new Array<number>(columns).fill(0)
    for (let at = Number(sparse.indptr[row]); at < Number(sparse.indptr[row + 1]); at++) {
      values[sparse.indices[at]!]! += sparse.weights[at]!
    }
    for (let at = 0; at < width; at++) values[sparse.columns + at] = dense[row * width + at]!
    return values
  })
}

/** x of Ax = b, by Gauss's elimination with the largest pivot. */
function solved(a: readonly (readonly number[])[], b: readonly number[]): number[] {
  const m = a.map((row, at) => [...row, b[at]!])
  const n = m.length
  for (let k = 0; k < n; k++) {
    const pivot = Array.from({ length: n - k }, (_, at) => k + at).reduce((p, q) =>
      Math.abs(m[q]![k]!) > Math.abs(m[p]![k]!) ? q : p,
    )
    ;[m[k], m[pivot]] = [m[pivot]!, m[k]!]
    for (let row = 0; row < n; row++) {
      if (row === k) continue
      const share = m[row]![k]! / m[k]![k]!
      for (let at = k; at <= n; at++) m[row]![at]! -= share * m[k]![at]!
    }
  }
  return m.map((row, at) => row[n]! / row[at]!)
}

function randomFeatures(seed: number, songs: number, tags: number, width: number): SongFeatures {
  const random = randomNumbers(seed)
  const matrix = Array.from({ length: songs }, () =>
    Array.from({ length: tags }, () => (random() < 0.3 ? 0.1 + 0.9 * random() : 0)),
  )
  const values = Float32Array.from({ length: songs * width }, () => 3 + 2 * random())
  for (let song = 0; song < songs; song++) if (random() < 0.3) values.fill(Number.NaN, song * width, (song + 1) * width)
  return { songs, tags: csrOf(matrix), sound: { values, width } }
}

describe('ridge', () => {
  test('is what the normal equations say', () => {
    const sizes = fc.record({
      seed: fc.nat(),
      songs: fc.integer({ min: 2, max: 12 }),
      tags: fc.integer({ min: 1, max: 5 }),
      width: fc.integer({ min: 0, max: 3 }),
      k: fc.integer({ min: 1, max: 3 }),
    })
    fc.assert(
      fc.property(sizes, ({ seed, songs, tags, width, k }) => {
        const features = randomFeatures(seed, songs, tags, width)
        const random = randomNumbers(seed + 1)
        const rows = Array.from({ length: songs }, (_, song) => song).filter(() => random() < 0.8)
        const encoded = new FeatureEncoder(features, rows).encode(features)
        const weights = Float64Array.from(rows, () => 0.1 + random())
        const targets = Float64Array.from({ length: rows.length * k }, () => random() - 0.5)
        const lambda = 0.1 + random()
        const found = ridge(
          { features: encoded, rows, weights, targets, k, lambda },
          { tolerance: 1e-10, mostSteps: 1000 },
        )
        const dense = denseOf(encoded)
        const normal = Array.from({ length: encoded.columns }, (_, i) =>
          Array.from({ length: encoded.columns }, (_, j) =>
            rows.reduce((sum, row, at) => sum + weights[at]! * dense[row]![i]! * dense[row]![j]!, i === j ? lambda : 0),
          ),
        )
        for (let column = 0; column < k; column++) {
          const right = Array.from({ length: encoded.columns }, (_, i) =>
            rows.reduce((sum, row, at) => sum + weights[at]! * dense[row]![i]! * targets[at * k + column]!, 0),
          )
          solved(normal, right).forEach((value, i) => {
            expect(found[i * k + column]).toBeCloseTo(value, 6)
          })
        }
      }),
      { numRuns: 60 },
    )
  })

  test('ends when it is interrupted', () => {
    const features = randomFeatures(1, 10, 4, 2)
    const rows = Array.from({ length: 10 }, (_, row) => row)
    const encoded = new FeatureEncoder(features, rows).encode(features)
    const problem = {
      features: encoded,
      rows,
      weights: new Float64Array(10).fill(1),
      targets: new Float64Array(10).fill(1),
      k: 1,
      lambda: 1,
    }
    expect(() => ridge(problem, { signal: AbortSignal.abort(new Error('enough')) })).toThrow('enough')
  })
})

describe('features', () => {
  test('rows of tags are of length 1, rare tags count more, and tags that were not learned nothing', () => {
    const tags = csrOf([
      [1, 1, 0],
      [1, 0, 0],
      [1, 0, 1],
    ])
    const rows = denseOf(new FeatureEncoder({ songs: 3, tags }, [0, 1]).encode({ songs: 3, tags }))
    expect(rows.map(row => Math.hypot(...row.slice(0, 3)))).toEqual([1, 1, 1].map(one => expect.closeTo(one, 6)))
    expect(rows[0]![1]).toBeGreaterThan(rows[0]![0]!)
    expect(rows[2]![2]).toBe(0)
    expect(rows[2]!.slice(3)).toEqual([1, 1, 0])
  })

  test('sounds are standardised, whatever their level, and 0 where there is none', () => {
    const values = Float32Array.of(1e6, 1, 1e6 + 2, 3, Number.NaN, Number.NaN)
    const tags = csrOf([[1], [1], [1]])
    const features = { songs: 3, tags, sound: { values, width: 2 } }
    const rows = denseOf(new FeatureEncoder(features, [0, 1, 2]).encode(features))
    const one = expect.closeTo(Math.SQRT1_2, 6)
    const less = expect.closeTo(-Math.SQRT1_2, 6)
    expect(rows.map(row => row.slice(1))).toEqual([
      [less, less, 1, 1, 1],
      [one, one, 1, 1, 1],
      [0, 0, 1, 1, 0],
    ])
  })
})

/** Songs whose vectors are a linear map of tags and sound, with noise that falls with listeners. */
function world(seed: number, noise: number) {
  const [songs, rank] = [400, 4]
  const features = randomFeatures(seed, songs, 6, 3)
  const random = randomNumbers(seed + 7)
  const all = Array.from({ length: songs }, (_, song) => song)
  const encoded = denseOf(new FeatureEncoder(features, all).encode(features))
  const map = Array.from({ length: encoded[0]!.length }, () => Array.from({ length: rank }, () => random() - 0.5))
  const listeners = Uint32Array.from(all, () => Math.floor(1 + 60 * random() ** 3))
  const truth = encoded.map(row =>
    Array.from({ length: rank }, (_, k) => row.reduce((sum, value, at) => sum + value * map[at]![k]!, 0)),
  )
  const gauss = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const vectors = Float32Array.from(
    truth.flatMap((row, song) => row.map(value => value + (noise * gauss()) / Math.sqrt(listeners[song]!))),
  )
  return { training: { features, vectors, rank, listeners }, truth }
}

describe('the map from features to vectors', () => {
  test('finds a linear one, and explains nearly all', () => {
    const { training, truth } = world(3, 0.01)
    const map = fitFeatureMap(training)!
    expect(map.explained).toBeGreaterThan(0.98)
    const predicted = map.predict(training.features)
    truth.flat().forEach((value, at) => {
      // Nothing is said of songs of which nothing is known.
      if (predicted[at] !== 0) expect(Math.abs(predicted[at]! - value)).toBeLessThan(0.1)
    })
  })

  test('explains nothing where features say nothing', () => {
    const { training } = world(3, 0)
    const random = randomNumbers(9)
    const map = fitFeatureMap({ ...training, vectors: training.vectors.map(() => random() - 0.5) })!
    expect(map.explained).toBeLessThan(0.05)
  })

  test('there is none of too few songs', () => {
    const { training } = world(3, 0)
    expect(fitFeatureMap(training, { leastListeners: 1000 })).toBeUndefined()
  })

  test('a song without tags and sound gets zeros', () => {
    const { training } = world(3, 0)
    const map = fitFeatureMap(training)!
    const nothing = {
      songs: 1,
      tags: csrOf([[0, 0, 0, 0, 0, 0]]),
      sound: { values: new Float32Array(3).fill(Number.NaN), width: 3 },
    }
    expect(Array.from(map.predict(nothing))).toEqual([0, 0, 0, 0])
  })

  test('kappa is the noise of one listener over what features leave open', () => {
    const random = randomNumbers(4)
    const listeners = Array.from({ length: 20_000 }, () => 1 + Math.floor(30 * random()))
    const residuals = Float64Array.from(listeners, count => (0.2 + 1.6 / count) * -Math.log(1 - random()))
    expect(kappaOf(residuals, listeners)).toBeGreaterThan(6)
    expect(kappaOf(residuals, listeners)).toBeLessThan(10.5)
    expect(kappaOf(Float64Array.of(1), [3])).toBe(10)
  })
})

test('vectors go from features to listeners as these become more', () => {
  const byListeners = Float32Array.of(1, 0, 1, 0, 1, 0, 0, 0, 0, 0)
  const byFeatures = Float32Array.of(0, 1, 0, 1, 0, 1, 0, 0.5, 0, 0)
  const listeners = Uint32Array.of(0, 4, 100, 0, 0)
  const { vectors, sources } = songVectors({ rank: 2, byListeners, listeners, byFeatures, kappa: 4 })
  expect(sources).toEqual(['features', 'both', 'listeners', 'features', undefined])
  const half = expect.closeTo(Math.SQRT1_2, 6)
  expect(Array.from(vectors)).toEqual([0, 1, half, half, 1, 0, 0, 1, 0, 0])
})

describe('principal axes', () => {
  test('eigenvectors of a symmetric matrix give it again', () => {
    const random = randomNumbers(5)
    const n = 7
    const matrix = new Float64Array(n * n)
    for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) matrix[i * n + j] = matrix[j * n + i] = random() - 0.5
    const { values, vectors } = symmetricEigen(matrix.slice(), n)
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0
        for (let k = 0; k < n; k++) sum += values[k]! * vectors[i * n + k]! * vectors[j * n + k]!
        expect(sum).toBeCloseTo(matrix[i * n + j]!, 10)
      }
    }
    expect(Array.from(values)).toEqual(Array.from(values).sort((a, b) => b - a))
  })

  test('coordinates keep all distances where there are as many axes as features', () => {
    const features = randomFeatures(8, 30, 4, 2)
    const all = Array.from({ length: 30 }, (_, song) => song)
    const encoded = new FeatureEncoder(features, all).encode(features, { indicators: false })
    const rows = denseOf(encoded)
    const coordinates = principalCoordinates(encoded, { rank: 6, whitening: 0, seed: 1 })
    const distance = (a: ArrayLike<number>, b: ArrayLike<number>) =>
      Math.hypot(...Array.from(a, (value, at) => value - b[at]!))
    for (const a of all) {
      for (const b of all) {
        const found = distance(coordinates.subarray(a * 6, a * 6 + 6), coordinates.subarray(b * 6, b * 6 + 6))
        expect(found).toBeCloseTo(distance(rows[a]!, rows[b]!), 6)
      }
    }
  })

  test('axes that there are not have 0, and whole whitening makes deviations 1', () => {
    const features = randomFeatures(8, 30, 2, 0)
    const all = Array.from({ length: 30 }, (_, song) => song)
    const encoded = new FeatureEncoder(features, all).encode(features, { indicators: false })
    const coordinates = principalCoordinates(encoded, { rank: 4, whitening: 1, seed: 1 })
    const deviation = (axis: number) =>
      Math.sqrt(all.reduce((sum, row) => sum + coordinates[row * 4 + axis]! ** 2, 0) / 30)
    expect([0, 1, 2, 3].map(deviation)).toEqual([expect.closeTo(1, 6), expect.closeTo(1, 6), 0, 0])
  })
})
