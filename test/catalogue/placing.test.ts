import { expect, test } from 'vitest'
import { type Described, FeatureIndex } from '../../src/catalogue/placing/feature-index.ts'
import { featuresOf } from '../../src/catalogue/placing/features.ts'
import { randomNumbers } from '../../src/storage/random.ts'

const item = { id: 'x', tags: [], categories: [], hidden: false }
const common = (one: object, other: object) => {
  const [a, b] = [featuresOf({ ...item, ...one }), featuresOf({ ...item, ...other })]
  return a.filter(feature => b.includes(feature)).length
}

test('items have in common the words of title and text, whatever their case, and labels of the same kind', () => {
  expect(common({ title: 'Blue River' }, { text: 'down the RIVER' })).toBe(1)
  expect(common({ tags: ['jazz'] }, { tags: ['jazz', 'slow'] })).toBe(1)
  expect(common({ tags: ['jazz'] }, { categories: ['jazz'], title: 'jazz' })).toBe(0)
  expect(featuresOf(item)).toHaveLength(0)
})

test('words of Hangul with other particles have syllables in common', () => {
  expect(common({ title: '도서관에서' }, { title: '도서관은' })).toBe(2)
  expect(common({ title: '도서관' }, { title: '바닷가' })).toBe(0)
})

test('of a long text the first words count, after the labels', () => {
  const words = Array.from({ length: 1000 }, (_, at) => `w${at}`)
  const features = featuresOf({ ...item, tags: ['jazz'], text: words.join(' ') })
  expect(features).toHaveLength(256)
  expect(common({ tags: ['jazz'], text: words.join(' ') }, { tags: ['jazz'], title: 'w5 w900' })).toBe(2)
})

/** The cosines of two items by definition. */
function cosines(one: Described, other: Described, all: readonly Described[]): number {
  const weightOf = (feature: number) => {
    const count = all.filter(({ features }) => features.includes(feature)).length
    return count === 0 ? 0 : Math.log(1 + all.length / count)
  }
  const norm = ({ features }: Described) => Math.sqrt(features.reduce((sum, f) => sum + weightOf(f) ** 2, 0))
  const both = one.features.filter(feature => other.features.includes(feature))
  const labels = both.length === 0 ? 0 : both.reduce((sum, f) => sum + weightOf(f) ** 2, 0) / norm(one) / norm(other)
  if (!one.vector || !other.vector) return labels
  const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, x, at) => sum + x * b[at]!, 0)
  const lengths = Math.sqrt(dot(one.vector, one.vector) * dot(other.vector, other.vector))
  return labels + Math.max(0, dot(one.vector, other.vector) / lengths)
}

test('finds the items that are most alike by the definition, as one that compares all does', () => {
  const seed = Math.floor(Math.random() * 1e6)
  const random = randomNumbers(seed)
  const describe = (): Described => ({
    features: Uint32Array.from(new Set(Array.from({ length: 6 }, () => Math.floor(random() ** 2 * 30)))),
    vector: random() < 0.5 ? Array.from({ length: 5 }, () => random() - 0.5) : undefined,
  })
  const all = Array.from({ length: 60 }, describe)
  const index = new FeatureIndex(all)
  for (let round = 0; round < 20; round++) {
    const own = Math.floor(random() * 60)
    const wanted = round % 2 ? describe() : all[own]!
    const left = round % 2 ? -1 : own
    const expected = all
      .map((other, place) => ({ place, similarity: cosines(wanted, other, all) }))
      .filter(({ place, similarity }) => place !== left && similarity > 0)
      .sort((a, b) => b.similarity - a.similarity || a.place - b.place)
      .slice(0, 10)
    const { places, similarities } = index.nearest(wanted, 10, left)
    expect(similarities.length, `seed ${seed}`).toBe(expected.length)
    similarities.forEach((similarity, at) => {
      expect(similarity, `seed ${seed}`).toBeCloseTo(expected[at]!.similarity, 5)
      expect(cosines(wanted, all[places[at]!]!, all), `seed ${seed}`).toBeCloseTo(similarity, 5)
    })
  }
})

test('what has nothing that is known is like nothing', () => {
  const index = new FeatureIndex([{ features: Uint32Array.of(1) }, { features: Uint32Array.of() }])
  expect(index.nearest({ features: Uint32Array.of(7) }, 5)).toEqual({ places: [], similarities: [] })
  expect(index.nearest({ features: Uint32Array.of(1), vector: [1, 2] }, 5).places).toEqual([0])
  expect(new FeatureIndex([]).nearest({ features: Uint32Array.of(7) }, 5).places).toEqual([])
})
