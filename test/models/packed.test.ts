import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Ranking, RankRequest } from '../../src/models/algorithm.ts'
import { packLists, packRequests, unpackLists, unpackRequests } from '../../src/models/packed.ts'

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
const ranking: fc.Arbitrary<Ranking> = fc.array(fc.tuple(fc.nat(1000), float)).chain(list =>
  fc.constantFrom('model' as const, 'popularity' as const).map(basis => ({
    items: Uint32Array.from(list, ([item]) => item),
    scores: Float32Array.from(list, ([, score]) => score),
    basis,
  })),
)

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
