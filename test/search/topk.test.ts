import { afterAll, expect, test } from 'vitest'
import { native } from '../../src/native.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { search } from '../../src/search/search.ts'
import { type Found, type SearchOptions, TopKIndex, topKIndexBytes, topKIndexPieces } from '../../src/search/topk.ts'
import { allocateFactors, setUnpadded } from '../../src/storage/factors.ts'
import { naiveSearch } from './naive.ts'

const pool = new Pool({ threads: 3 })
afterAll(() => pool.close())

const [rank, items, queries] = [21, 3000, 700]
const random = seeded(7)
/** Long-tailed norms, and every 50th item is the same as the one before: equal scores. */
const factors = new Float32Array(items * rank)
for (let item = 0; item < items; item++) {
  const same = item % 50 === 49
  for (let j = item * rank; j < (item + 1) * rank; j++) {
    factors[j] = same ? factors[j - rank]! : (random() - 0.5) / (1 + item / 100)
  }
}
const asked = Float32Array.from({ length: queries * rank }, () => random() - 0.4)
const exclude = {
  indptr: Uint32Array.from({ length: queries + 1 }, (_, q) => q * 20),
  indices: Uint32Array.from({ length: queries * 20 }, (_, at) => (at % 20) * 9 + (at % 7)),
}
const only = Uint32Array.from({ length: items / 3 }, (_, at) => at * 3)
const index = TopKIndex.build(factors, rank)

test.for<[string, SearchOptions]>([
  ['all items', { limit: 10 }],
  ['without excluded items', { limit: 10, exclude }],
  ['among few items', { limit: 25, only: Uint32Array.of(3, 999, 2500) }],
  ['among many items, without excluded ones', { limit: 25, exclude, only }],
  ['by cosine', { limit: 10, exclude, measure: 'cosine' }],
])('finds what looking at everything finds: %s', ([, options]) => {
  const found = index.search(asked, options)
  for (let q = 0; q < queries; q += 23) {
    expect(list(found, q, options.limit)).toEqual(naiveSearch(factors, query(q), options, q))
  }
})

test('any number of workers finds the same', async () => {
  const options = { limit: 7, exclude, only }
  const alone = index.search(asked, options)
  expect(await search(pool, index, asked, options)).toEqual(alone)
  const few = asked.subarray(0, 2 * rank)
  expect(await search(pool, index, few, { limit: 7 })).toEqual(index.search(few, { limit: 7 }))
})

test('similar items are those of the highest cosine, without the item itself', () => {
  const found = index.similar(Uint32Array.of(49, 7), { limit: 5 })
  expect(found.items[0]).toBe(48)
  expect(found.scores[0]).toBe(1)
  const exclude = { indptr: Uint32Array.of(0, 1), indices: Uint32Array.of(7) }
  const expected = naiveSearch(factors, factors.subarray(7 * rank, 8 * rank), { limit: 5, exclude, measure: 'cosine' })
  expect(list(found, 1, 5)).toEqual(expected)
})

test('an index made of padded rows, from wherever in memory it was read, finds the same', () => {
  const padded = allocateFactors(items, rank)
  setUnpadded(padded, factors)
  const bytes = topKIndexBytes(padded)
  const memory = new Uint8Array(bytes + 64)
  for (const begin of [0, 1, 63]) {
    const buffer = memory.subarray(begin, begin + bytes)
    let at = 0
    for (const piece of topKIndexPieces(padded)) {
      buffer.set(piece, at)
      at += piece.length
    }
    expect(at).toBe(bytes)
    const options = { limit: 9, exclude }
    expect(TopKIndex.of({ buffer, factors, rank }).search(asked, options)).toEqual(index.search(asked, options))
  }
})

test('a list shorter than asked for is padded', () => {
  const found = index.search(query(0), { limit: 4, only: Uint32Array.of(5) })
  expect([...found.items]).toEqual([5, 0xffffffff, 0xffffffff, 0xffffffff])
  expect([...found.scores.subarray(1)]).toEqual([-Infinity, -Infinity, -Infinity])
})

test('an index without items finds nothing', () => {
  const found = TopKIndex.build(new Float32Array(0), 3).search(Float32Array.of(1, 2, 3), { limit: 2 })
  expect([...found.items]).toEqual([0xffffffff, 0xffffffff])
})

test('what cannot be is refused with what was expected', () => {
  expect(() => TopKIndex.build(new Float32Array(7), 2)).toThrow('whole rows of a rank from 1 to 1024, got 7 floats')
  expect(() => TopKIndex.build(Float32Array.of(1, 2, Number.NaN), 1)).toThrow('row 2, column 0 is not')
  expect(() => index.search(query(0), { limit: 0 })).toThrow('limit must be a whole number from 1, got 0')
  expect(() => index.search(asked.subarray(1), { limit: 1 })).toThrow(`whole rows of rank ${rank}`)
  expect(() => index.search(query(0), { limit: 1, only: Uint32Array.of(4, 3) })).toThrow('got 3 out of place')
  expect(() => index.search(query(0), { limit: 1, only: Uint32Array.of(items) })).toThrow(`below ${items}`)
  expect(() => index.search(query(0), { limit: 1, exclude })).toThrow('exclude.indptr must have 2 values')
  expect(() => index.similar(Uint32Array.of(items), { limit: 1 })).toThrow(`items must be below ${items}`)
  const foreign = new Uint8Array(1000)
  expect(() => TopKIndex.of({ ...index.parts, buffer: foreign })).toThrow('holds no top-k index')
  const others = factors.subarray(rank)
  expect(() => TopKIndex.of({ ...index.parts, factors: others })).toThrow(
    `the rows of item factors must have ${items} values, got ${items - 1}`,
  )
})

test('every instruction set finds the same', () => {
  const expected = index.search(query(3), { limit: 50 })
  const { buffer } = index.parts
  for (const simd of native.instructionSets()) {
    const [items, scores] = [new Uint32Array(50), new Float32Array(50)]
    native.topKSearch(buffer, factors, rank, query(3), { limit: 50, cosine: false, simd }, items, scores)
    expect({ items, scores }).toEqual(expected)
  }
})

function query(row: number): Float32Array {
  return asked.subarray(row * rank, (row + 1) * rank)
}

function list({ items, scores }: Found, row: number, limit: number): [number, number][] {
  const pairs = Array.from({ length: limit }, (_, at): [number, number] => [
    items[row * limit + at]!,
    scores[row * limit + at]!,
  ])
  return pairs.filter(([item]) => item !== 0xffffffff)
}

/** Numbers from 0 to 1 (mulberry32). */
function seeded(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
