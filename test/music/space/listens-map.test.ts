import { expect, test } from 'vitest'
import { fitFeatureMap } from '../../../src/music/space/map/feature-map.ts'
import { FeatureEncoder } from '../../../src/music/space/map/features.ts'
import { HeldOutRecall } from '../../../src/music/space/map/held-out-recall.ts'
import { fitListensMap } from '../../../src/music/space/map/listens-map.ts'
import { multiply } from '../../../src/music/space/map/products.ts'
import { normalise } from '../../../src/music/space/vectors.ts'
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
    const vectors = Float64Array.from({ length: users * rank }, () => random() - 0.5)
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

test('held-out songs are found by the cosine with the other songs of a user, whatever their length', () => {
  // Two kinds of 30 held-out songs each, behind one song of each kind; a user of each kind has all of it.
  const kindOf = (song: number) => song % 2
  const songs = Array.from({ length: 62 }, (_, song) => song)
  const held = songs.slice(2)
  const recall = new HeldOutRecall({
    vectors: Float32Array.from(songs.flatMap(song => (kindOf(song) === 0 ? [1, 0] : [0, 1]))),
    rank: 2,
    listens: csrOf(songs.map(song => (kindOf(song) === 0 ? [1, 0, 0] : [0, 1, 0]))),
    held,
  })
  const right = Float64Array.from(held.flatMap(song => (kindOf(song) === 0 ? [song, 0] : [0, song])))
  // All of a kind are as high: 20 of 30 are found, whichever.
  expect(recall.of(right.map(value => value * 1e-3))).toBeCloseTo(20 / 30, 12)
  const wrong = Float64Array.from(held.flatMap(song => (kindOf(song) === 0 ? [0, 1] : [1, 0])))
  expect(recall.of(wrong)).toBe(0)
  expect(recall.of(new Float64Array(2 * held.length))).toBeCloseTo(20 / 60, 12)
})

test('the map is fitted to what users listen to where that finds more of the held-out songs', () => {
  const random = randomNumbers(5)
  const [songs, users, rank] = [300, 80, 4]
  const tags = Array.from({ length: songs }, (_, song) =>
    Array.from({ length: rank }, (_, tag) => Number(song % rank === tag)),
  )
  const ofUsers = Float64Array.from({ length: users * rank }, (_, at) =>
    Number(Math.floor(at / rank) % rank === at % rank),
  )
  const listens = tags.map((_, song) =>
    Array.from({ length: users }, (_, user) => Number(user % rank === song % rank && random() < 0.4)),
  )
  // Vectors that have little to do with the tags: a regression onto them finds few.
  const vectors = normalise(
    Float32Array.from(
      { length: songs * rank },
      (_, at) => 0.4 * Number(Math.floor(at / rank) % rank === at % rank) + random() - 0.5,
    ),
    rank,
  )
  const training = {
    features: { songs, tags: csrOf(tags) },
    vectors,
    rank,
    listeners: Uint32Array.from(listens, row => row.reduce((sum, value) => sum + value, 0)),
  }
  const alone = fitFeatureMap(training)!
  expect([alone.fittedTo, alone.recall]).toEqual(['vectors', undefined])
  const map = fitFeatureMap(Object.assign({ users: { vectors: ofUsers, listens: csrOf(listens) } }, training))!
  expect(map.recall!.listens).toBeGreaterThanOrEqual(map.recall!.vectors)
  expect(map.fittedTo).toBe(map.recall!.listens > map.recall!.vectors ? 'listens' : 'vectors')
  const predicted = map.predict(training.features)
  for (let song = 0; song < rank; song++) {
    const own = predicted.subarray(song * rank, (song + 1) * rank)
    expect(own.indexOf(Math.max(...own))).toBe(song)
  }
})
