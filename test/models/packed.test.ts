import fc from 'fast-check'
import { expect, test } from 'vitest'
import { itemSources, type Ranking, type RankRequest } from '../../src/models/algorithm.ts'
import { packLists, packRequests, unpackLists, unpackRequests } from '../../src/models/artifact/packed.ts'

const items = fc.uniqueArray(fc.nat(1000)).map(items => Uint32Array.from(items).sort())
const float = fc.float({ noNaN: true })
const recent = fc.array(fc.record({ item: fc.nat(1000), weight: float, time: fc.nat(2 ** 40) })).map(events => ({
  items: Uint32Array.from(events, ({ item }) => item),
  weights: Float32Array.from(events, ({ weight }) => weight),
  times: Float64Array.from(events, ({ time }) => time),
}))
const request: fc.Arbitrary<RankRequest> = fc.record({
  user: fc.integer({ min: -1, max: 1000 }),
  recent,
  seen: fc.constantFrom('allow', 'exclude'),
  limit: fc.integer({ min: 1, max: 1000 }),
  exclude: items,
  only: fc.option(items, { nil: undefined }),
  allowed: fc.option(items, { nil: undefined }),
})
const weights = fc.dictionary(fc.constantFrom(...itemSources), fc.double({ noNaN: true }), {
  minKeys: 1,
  noNullPrototype: true,
})
const listed = fc.array(fc.tuple(fc.nat(1000), float, fc.nat(itemSources.length - 1)))
const ranking: fc.Arbitrary<Ranking> = fc
  .record({
    list: listed,
    basis: fc.constantFrom('model', 'popularity'),
    weights: fc.option(weights, { nil: undefined }),
  })
  .map(({ list, ...fields }) => ({
    items: Uint32Array.from(list, ([item]) => item),
    scores: Float32Array.from(list, ([, score]) => score),
    sources: Uint8Array.from(list, ([, , source]) => source),
    ...fields,
  }))

test('requests come to a worker as they were sent', () => {
  fc.assert(
    fc.property(fc.array(request), requests => {
      expect(unpackRequests(structuredClone(packRequests(requests)))).toEqual(requests)
    }),
  )
})

test('lists come from a worker as they were made', () => {
  fc.assert(
    fc.property(fc.array(ranking), lists => {
      expect(unpackLists(structuredClone(packLists(lists)))).toEqual(lists)
    }),
  )
})
