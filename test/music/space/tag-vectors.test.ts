import { expect, test } from 'vitest'
import { chooseTagVectors, meanTagVectors } from '../../../src/music/space/tag-vectors.ts'
import { normalise } from '../../../src/music/space/vectors.ts'
import { randomNumbers } from '../../../src/storage/random.ts'
import { csrOf } from '../../storage/csr-of.ts'

function randomSpace(seed: number, songs: number, tags: number, rank: number) {
  const random = randomNumbers(seed)
  const matrix = Array.from({ length: songs }, () =>
    Array.from({ length: tags }, () => (random() < 0.4 ? random() : 0)),
  )
  const vectors = normalise(
    Float32Array.from({ length: songs * rank }, () => random() - 0.4),
    rank,
  )
  // Of some songs nothing is known.
  for (let song = 0; song < songs; song += 5) vectors.fill(0, song * rank, (song + 1) * rank)
  return { matrix, vectors, rank, songTags: csrOf(matrix) }
}

test('a tag is the weighted mean of its songs less that of all', () => {
  const { matrix, vectors, rank, songTags } = randomSpace(3, 23, 4, 3)
  const rows = matrix.map((_, song) => Array.from(vectors.subarray(song * rank, (song + 1) * rank)))
  const known = [...rows.keys()].filter(song => rows[song]!.some(value => value !== 0))
  const found = meanTagVectors({ vectors, rank, songTags })
  for (let tag = 0; tag < 4; tag++) {
    const weights = known.map(song => matrix[song]![tag]!)
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const expected = Array.from({ length: rank }, (_, k) => {
      const mean = known.reduce((sum, song, at) => sum + (weights[at]! * rows[song]![k]!) / total, 0)
      return mean - known.reduce((sum, song) => sum + rows[song]![k]! / known.length, 0)
    })
    const norm = Math.hypot(...expected)
    expected.forEach((value, k) => {
      expect(found[tag * rank + k]).toBeCloseTo(value / norm, 4)
    })
  }
})

test('a tag that no known song has is zeros', () => {
  const vectors = Float32Array.of(1, 0, 0, 1, 0, 0)
  const songTags = csrOf([
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ])
  const found = meanTagVectors({ vectors, rank: 2, songTags })
  expect(Array.from(found.subarray(4))).toEqual([0, 0])
})

/** Two kinds of songs, each with a tag, in directions of their own. */
function twoKinds() {
  const songs = 40
  const random = randomNumbers(1)
  const matrix = Array.from({ length: songs }, (_, song) => [Number(song % 2 === 0), Number(song % 2 === 1)])
  const vectors = normalise(
    Float32Array.from({ length: songs * 2 }, (_, at) => (at % 2 === (at >> 1) % 2 ? 1 : 0) + 0.2 * random()),
    2,
  )
  return { vectors, rank: 2, songTags: csrOf(matrix) }
}

test('vectors of a model are taken where they find songs better, and where songs have none', () => {
  const songs = twoKinds()
  const own = chooseTagVectors(songs, undefined)
  expect(own.chosen).toBe('songs')
  const wrong = chooseTagVectors(songs, Float32Array.of(0, 1, 1, 0))
  expect(wrong.chosen).toBe('songs')
  expect(wrong.auc!.songs).toBe(1)
  expect(wrong.auc!.model).toBe(0)
  expect(Array.from(wrong.vectors)).toEqual(Array.from(own.vectors))
  // Equal is not better.
  expect(chooseTagVectors(songs, Float32Array.of(3, 0, 0, 3)).chosen).toBe('songs')
})

test('a tag that the chosen vectors lack has the others', () => {
  const songs = twoKinds()
  const { vectors, auc } = chooseTagVectors(songs, Float32Array.of(2, 0, 0, 0))
  expect(auc).toEqual({ songs: 1, model: 1 })
  expect(Math.hypot(vectors[2]!, vectors[3]!)).toBeCloseTo(1, 6)
})
