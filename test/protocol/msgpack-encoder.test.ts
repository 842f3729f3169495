import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { expect, test } from 'vitest'
import { encodeMsgpack, encodeMsgpackInParts } from '../../src/protocol/msgpack-encoder.ts'
import { plainValues } from './plain-values.ts'

const packr = new Packr({ useRecords: false, variableMapSize: true })
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('values become the bytes that msgpackr makes of them', () => {
  fc.assert(
    fc.property(plainValues, value => {
      expect(hex(encodeMsgpack(value))).toBe(hex(packr.pack(value)))
    }),
    { numRuns: 1000 },
  )
})

test('long arrays and maps, and integers of 64 bits, become the bytes that msgpackr makes of them', () => {
  const numbers = Array.from({ length: 70_000 }, (_, at) => at)
  for (const value of [
    numbers,
    numbers.slice(0, 16),
    Object.fromEntries(numbers.slice(0, 16).map(number => [`key ${number}`, number])),
    Object.fromEntries(numbers.map(number => [`key ${number}`, number])),
    [2n ** 63n, -(2n ** 63n), 2n ** 64n - 1n],
    new Uint8Array(300).fill(7),
  ]) {
    expect(hex(encodeMsgpack(value))).toBe(hex(packr.pack(value)))
  }
})

test('fields that are undefined are left out, and elements that are become nil, as in JSON', () => {
  expect(encodeMsgpack({ a: undefined, b: [undefined], c: 1 })).toEqual(encodeMsgpack({ b: [null], c: 1 }))
  expect(encodeMsgpack({ item: undefined, score: 1 })).toEqual(encodeMsgpack({ score: 1 }))
})

test('the parts of a value make up its bytes, whatever their size', () => {
  fc.assert(
    fc.property(plainValues, fc.integer({ min: 1, max: 3000 }), (value, partSize) => {
      const parts: Buffer[] = []
      encodeMsgpackInParts(value, partSize, part => parts.push(part))
      expect(hex(Buffer.concat(parts))).toBe(hex(encodeMsgpack(value)))
    }),
    { numRuns: 500 },
  )
  const parts: number[] = []
  encodeMsgpackInParts(Array.from({ length: 1000 }, String), 500, part => parts.push(part.length))
  expect(parts.length).toBeGreaterThan(7)
  expect(Math.max(...parts)).toBeLessThanOrEqual(500)
})

test('what was encoded stays as it is when more is', () => {
  const first = encodeMsgpack({ text: 'first' })
  const copy = Uint8Array.from(first)
  encodeMsgpack({ text: 'x'.repeat(3e6) })
  encodeMsgpack({ text: 'other' })
  expect(Uint8Array.from(first)).toEqual(copy)
})

test('what MessagePack does not have is refused, and what follows is not affected', () => {
  expect(() => encodeMsgpack({ a: [1, () => {}] })).toThrow('expected a value that MessagePack has, got a function')
  expect(() => encodeMsgpack([2n ** 64n])).toThrow('expected an integer of 64 bits')
  expect(hex(encodeMsgpack([1]))).toBe('9101')
})
