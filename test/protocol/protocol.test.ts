import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { expect, test } from 'vitest'
import { check, negotiate } from '../../src/protocol/codec.ts'
import { WireError } from '../../src/protocol/errors.ts'
import { decodeJson } from '../../src/protocol/json.ts'
import { limits } from '../../src/protocol/limits.ts'
import { ClientMessage } from '../../src/protocol/messages.ts'
import { decodeMsgpack } from '../../src/protocol/msgpack.ts'

const packr = new Packr({ useRecords: false, variableMapSize: true })
const bytesOf = (text: string) => new TextEncoder().encode(text)

/** Values that both encodings can carry, at most `limits.depth` deep. */
const plain = fc.letrec(tie => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: limits.depth - 1 },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(value => value || 0),
    fc.string({ unit: 'grapheme' }),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(
      fc.string().filter(key => key !== '__proto__'),
      tie('value'),
      { maxKeys: 20, noNullPrototype: true },
    ),
  ),
})).value

function codeOf(decode: () => unknown): string {
  try {
    decode()
    return 'accepted'
  } catch (error) {
    if (error instanceof WireError) return error.code
    throw error
  }
}

test('what MessagePack and JSON spell within the limits comes out as it went in', () => {
  fc.assert(
    fc.property(plain, value => {
      expect(decodeMsgpack(packr.pack(value))).toEqual(value)
      expect(decodeJson(bytesOf(JSON.stringify(value)))).toEqual(value)
    }),
  )
})

test('bytes of any kind are either a value or a refusal with a code', () => {
  const codes = new Set(['accepted', 'bad_msgpack', 'bad_json', 'too_deep', 'too_large'])
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      expect(codes).toContain(codeOf(() => decodeMsgpack(bytes)))
      expect(codes).toContain(codeOf(() => decodeJson(bytes)))
    }),
    { numRuns: 2000 },
  )
})

test('a MessagePack value that is cut short or followed by more is refused', () => {
  fc.assert(
    fc.property(plain, fc.nat(), (value, cut) => {
      const bytes = packr.pack(value)
      expect(codeOf(() => decodeMsgpack(bytes.subarray(0, cut % bytes.length)))).toBe('bad_msgpack')
      expect(codeOf(() => decodeMsgpack(Buffer.concat([bytes, Buffer.of(0)])))).toBe('bad_msgpack')
    }),
  )
})

test('nesting beyond the limit is refused before anything is built', () => {
  const deep = 60_000
  expect(codeOf(() => decodeMsgpack(new Uint8Array(deep).fill(0x91)))).toBe('too_deep')
  expect(codeOf(() => decodeMsgpack(Buffer.from('81a161'.repeat(deep / 3), 'hex')))).toBe('too_deep')
  expect(codeOf(() => decodeJson(bytesOf('['.repeat(deep))))).toBe('too_deep')
  expect(codeOf(() => decodeJson(bytesOf('{"a":'.repeat(deep / 5))))).toBe('too_deep')
  const allowed = '['.repeat(limits.depth) + ']'.repeat(limits.depth)
  expect(decodeJson(bytesOf(allowed))).toEqual(JSON.parse(allowed))
})

test('brackets and commas inside a JSON string count for nothing', () => {
  const text = '\\"[[[[[[[[[[[[{{{{{{{{{{,,,:::'.repeat(500)
  expect(decodeJson(bytesOf(JSON.stringify({ text })))).toEqual({ text })
})

test('lengths and counts that the bytes do not hold are refused', () => {
  for (const hex of [
    'ddffffffff',
    'dfffffffff',
    'dbffffffff',
    'c6ffffffff',
    'dcffff',
    'd9ff61',
    'c4ff00',
    '9f',
    '8f',
  ]) {
    expect(
      codeOf(() => decodeMsgpack(Buffer.from(hex, 'hex'))),
      hex,
    ).toBe('bad_msgpack')
  }
})

test('more values than the limit are refused', () => {
  const many = Array.from({ length: limits.values + 1 }, () => 0)
  expect(codeOf(() => decodeMsgpack(packr.pack(many)))).toBe('too_large')
  expect(codeOf(() => decodeJson(bytesOf(JSON.stringify(many))))).toBe('too_large')
})

test('extension types, records, dates and keys that are no strings are refused', () => {
  const strange = [new Date(), new Map([[1, 2]]), new Set([1]), /x/, new Error('x')]
  const inventive = new Packr({ moreTypes: true, mapsAsObjects: false })
  for (const value of strange)
    expect(
      codeOf(() => decodeMsgpack(inventive.pack(value))),
      String(value),
    ).toBe('bad_msgpack')
  expect(codeOf(() => decodeMsgpack(new Packr({ useRecords: true }).pack({ a: 1 })))).toBe('bad_msgpack')
  expect(codeOf(() => decodeMsgpack(Buffer.of(0xc1)))).toBe('bad_msgpack')
})

test('a message may not reach into prototypes', () => {
  const event = '{"type":"event","id":"1","item":"a","__proto__":{"weight":5}}'
  expect(codeOf(() => check(ClientMessage, decodeJson(bytesOf(event))))).toBe('bad_message')
  const packed = Buffer.concat([Buffer.of(0x81, 0xa9), Buffer.from('__proto__'), Buffer.of(0x81, 0xa1, 0x61, 1)])
  expect(codeOf(() => check(ClientMessage, decodeMsgpack(packed)))).toBe('bad_message')
  expect(({} as Record<string, unknown>).a).toBeUndefined()
})

test('an id is the same id as a number, as digits and as a 64-bit integer', () => {
  const users = [42, '42', 42n].map(user => check(ClientMessage, { type: 'subscribe', subscription: 1, user }))
  for (const message of users) {
    expect(message).toEqual({
      ...{ type: 'subscribe', subscription: 1, user: '42', limit: 10 },
      filters: { seen: false, exclude: [] },
    })
  }
})

test('a refusal says which field was wrong', () => {
  const wrong = { type: 'event', id: 'e', item: 'i', weight: -1 }
  expect(() => check(ClientMessage, wrong)).toThrow(/^weight: /)
  expect(() => check(ClientMessage, { ...wrong, weight: 1, wieght: 2 })).toThrow(/wieght/)
  expect(() => check(ClientMessage, { type: 'subscrbie' })).toThrow(/type/)
  expect(() => check(ClientMessage, { type: 'event', id: 'e', item: 1.5 })).toThrow('whole number')
})

test('the subprotocol decides the encoding, and none means JSON', () => {
  expect(negotiate('')?.subprotocol).toBe('aurochs.v1.json')
  expect(negotiate('x, aurochs.v1.json')?.subprotocol).toBe('aurochs.v1.json')
  expect(negotiate('aurochs.v1.json, aurochs.v1.msgpack')?.subprotocol).toBe('aurochs.v1.msgpack')
  expect(negotiate('aurochs.v2.json')).toBeUndefined()
})
