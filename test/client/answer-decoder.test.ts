import fc from 'fast-check'
import { Packr, Unpackr } from 'msgpackr'
import { expect, test } from 'vitest'
import { decodeAnswer } from '../../src/client/rpc/answer-decoder.ts'
import { plainValues } from '../protocol/plain-values.ts'

const packr = new Packr({ useRecords: false, variableMapSize: true })
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'bigint' })

test('bytes become the value that msgpackr makes of them', () => {
  fc.assert(
    fc.property(plainValues, value => {
      const bytes = packr.pack(value)
      const decoded = decodeAnswer(bytes, 0)
      expect(decoded).toEqual(value)
      expect(decoded).toEqual(unpackr.unpack(bytes))
    }),
    { numRuns: 1000 },
  )
})

test('every type is read, in each of its lengths', () => {
  const text = Buffer.from('äöü'.padEnd(70_000, 'text '))
  const scalars = 'c0 c2 c3 ca3fc00000 cb3ff8000000000000'
  const integers = 'ccff cdffff ceffffffff cfffffffffffffffff d080 d18000 d280000000 d38000000000000000'
  const containers = 'c403010203 c50003010203 c600000003010203 dc0001c0 dd00000001c0 de0001a16101 df00000001a16101'
  const strings = [
    `d902${text.toString('hex', 0, 2)}`,
    `da0120${text.toString('hex', 0, 0x120)}`,
    `db${text.length.toString(16).padStart(8, '0')}${text.toString('hex')}`,
  ]
  for (const hex of [...`${scalars} ${integers} ${containers}`.split(' '), ...strings]) {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'))
    expect(decodeAnswer(bytes, 0), hex.slice(0, 40)).toEqual(unpackr.unpack(bytes))
  }
})

test('a value is read from where it starts, whatever was read before', () => {
  const [one, other] = [packr.pack({ item: 'i1', score: 0.5 }), packr.pack([{ item: 'i2', scores: 1 }, 'i1'])]
  const both = Buffer.concat([one, other])
  for (let n = 0; n < 2; n++) {
    expect(decodeAnswer(both, one.length)).toEqual([{ item: 'i2', scores: 1 }, 'i1'])
    expect(decodeAnswer(both, 0)).toEqual({ item: 'i1', score: 0.5 })
    expect(decodeAnswer(other, 0)).toEqual([{ item: 'i2', scores: 1 }, 'i1'])
  }
})

test('a key named __proto__ is a field as any other', () => {
  const bytes = Buffer.concat([Buffer.of(0x81, 0xa9), Buffer.from('__proto__'), Buffer.of(0x81, 0xa1, 0x61, 1)])
  const decoded = decodeAnswer(bytes, 0) as object
  expect(Object.keys(decoded)).toEqual(['__proto__'])
  expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype)
})
