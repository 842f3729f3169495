import { expect, test } from 'vitest'
import { FeatureEncoder } from '../../../src/music/space/map/features.ts'
import { fitListensMap } from '../../../src/music/space/map/listens-map.ts'
import { multiply } from '../../../src/music/space/map/products.ts'
import { randomNumbers } from '../../../src/storage/random.ts'
import { csrOf } from '../../storage/csr-of.ts'

test.each([1, 2, 3])(
  'no small change of the map from tags to vectors lowers its loss over all pairs (seed %i)',
  seed => {
    const random = randomNumbers(seed)
    const [songs, users, rank, confidence, lambda] = [9, 7, 3, 5, 0.5]
    const dense = (rows: number, columns: number, share: number) =>
      Array.from({ length: rows }, () => Array.from({ length: columns }, () => Number(random() < share)))
    const features = { songs, tags: csrOf(dense(songs, 4, 0.5)) }
    const listens = dense(songs, users, 0.4)
    const learned = Array.from({ length: songs - 2 }, (_, song) => song)
    const vectors = Float32Array.from({ length: users * rank }, () => random() - 0.5)
    const encoded = new FeatureEncoder(features, learned).encode(features)
    const problem = {
      features: encoded,
      songs: learned,
      listeners: csrOf(listens),
      users: vectors,
      rank,
      confidence,
      lambda,
    }
    const map = fitListensMap(problem, { steps: 500 })
    const loss = (weights: Float64Array) => {
      const images = new Float64Array(learned.length * rank)
      multiply(encoded, learned, weights, rank, images)
      let sum = lambda * weights.reduce((squares, value) => squares + value * value, 0)
      for (const song of learned) {
        for (let user = 0; user < users; user++) {
          let score = 0
          for (let k = 0; k < rank; k++) score += vectors[user * rank + k]! * images[song * rank + k]!
          const isThere = listens[song]![user]!
          sum += (isThere ? confidence : 1) * (isThere - score) ** 2
        }
      }
      return sum
    }
    // The loss is quadratic: at its least, both neighbours in each direction are as far above.
    const least = loss(map)
    for (let at = 0; at < map.length; at++) {
      const [up, down] = [1e-3, -1e-3].map(
        step => loss(map.map((value, place) => (place === at ? value + step : value))) - least,
      )
      expect(up).toBeGreaterThan(0)
      expect(up! - down!).toBeCloseTo(0, 7)
    }
  },
)
