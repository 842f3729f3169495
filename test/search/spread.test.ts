import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Candidates, cosines, type SpreadOptions, sharedTags, spreadPlaces } from '../../src/search/spread.ts'

/** The definition, word for word. */
function naive({ scores, similarity, tags }: Candidates, { limit, diversity, perTag }: SpreadOptions): number[] {
  const all = Array.from(scores)
  const range = Math.max(...all) - Math.min(...all)
  const list: number[] = []
  const passed = new Set<number>()
  while (list.length < limit) {
    const left = [...all.keys()].filter(place => !list.includes(place) && !passed.has(place))
    if (left.length === 0) break
    const value = (place: number) => {
      const relevance = range > 0 ? (all[place]! - Math.min(...all)) / range : 0
      return (1 - diversity) * relevance - diversity * Math.max(0, ...list.map(other => similarity(other, place)))
    }
    const best = left.reduce((best, place) => (value(place) > value(best) ? place : best))
    const isFull = tags[best]!.some(tag => list.filter(other => tags[other]!.includes(tag)).length >= perTag)
    if (isFull) passed.add(best)
    else list.push(best)
  }
  return list
}

const candidates = fc
  .array(
    fc.record({
      score: fc.integer({ min: -5, max: 5 }),
      vector: fc.array(fc.integer({ min: -2, max: 2 }), { minLength: 3, maxLength: 3 }),
      tags: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd')),
    }),
    { maxLength: 12 },
  )
  .map(list => list.sort((a, b) => b.score - a.score))
const options = fc.record({
  limit: fc.integer({ min: 1, max: 14 }),
  diversity: fc.constantFrom(0, 0.25, 0.5, 1),
  perTag: fc.constantFrom(1, 2, Number.POSITIVE_INFINITY),
})

test('lists are spread as the definition says, by vectors and by tags', () => {
  fc.assert(
    fc.property(candidates, options, (list, chosen) => {
      const scores = list.map(({ score }) => score)
      const tags = list.map(({ tags }) => tags)
      const vectors = Float32Array.from(list.flatMap(({ vector }) => vector))
      for (const similarity of [cosines(vectors, 3), sharedTags(tags)]) {
        const given = { scores, tags, similarity }
        expect(spreadPlaces(given, chosen)).toEqual(naive(given, chosen))
      }
    }),
  )
})

test('without diversity and caps the list stays as it is, with all of it the unlike come first', () => {
  const tags = [['a'], ['a'], ['b'], ['a', 'b'], []]
  const given = { scores: [5, 4, 3, 2, 1], tags, similarity: sharedTags(tags) }
  const perTag = Number.POSITIVE_INFINITY
  expect(spreadPlaces(given, { limit: 3, diversity: 0, perTag })).toEqual([0, 1, 2])
  expect(spreadPlaces(given, { limit: 5, diversity: 1, perTag })).toEqual([0, 2, 4, 3, 1])
  expect(spreadPlaces(given, { limit: 5, diversity: 0, perTag: 1 })).toEqual([0, 2, 4])
  expect(cosines(Float32Array.of(1, 0, -1, 0, 0, 0, 3, 0), 2)(0, 3)).toBe(1)
  expect([1, 2].map(other => cosines(Float32Array.of(1, 0, -1, 0, 0, 0), 2)(0, other))).toEqual([0, 0])
})
