import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { expect, test } from 'vitest'
import { negotiate } from '../../src/protocol/codec.ts'
import { ServiceError } from '../../src/protocol/errors.ts'
import { decodeJson } from '../../src/protocol/json.ts'
import { limits } from '../../src/protocol/limits.ts'
import { decodeMsgpack } from '../../src/protocol/msgpack.ts'

const packr = new Packr({ useRecords: false, variableMapSize: true })
const bytesOf = (text: string) => new TextEncoder().encode(text)

/** Values that both encodings can hold, at most `limits.depth` deep. */
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
    if (error instanceof ServiceError) return error.code
    throw error
  }
}

test('a list that is encoded once is the same message as one that is encoded whole, under any envelope', () => {
  const item = fc.record({
    item: fc.oneof(fc.string(), fc.integer()),
    score: fc.double({ noNaN: true, noDefaultInfinity: true }),
  })
  const basis = fc.constantFrom('model' as const, 'popularity' as const)
  const content = fc.record(
    { list: fc.string(), generation: fc.string(), items: fc.array(item, { maxLength: 30 }), basis, after: fc.string() },
    { requiredKeys: ['list', 'generation', 'items'] },
  )
  const about = fc.oneof(fc.record({ user: fc.string() }), fc.record({ item: fc.string() }))
  const bytes = (frame: string | Uint8Array) => Buffer.from(frame as Uint8Array)
  for (const name of ['aurochs.v1.json', 'aurochs.v1.msgpack']) {
    const { encode, encodeList } = negotiate(name)!
    fc.assert(
      fc.property(
        content,
        fc.array(about, { minLength: 1, maxLength: 3 }),
        fc.nat(2 ** 32 - 1),
        (list, about, number) => {
          for (const subject of about) {
            const envelope = { type: 'list' as const, subscription: number, sequence: number, ...subject }
            expect(bytes(encodeList(envelope, list))).toEqual(bytes(encode({ ...envelope, ...list })))
          }
        },
      ),
    )
  }
})

test('values within the limits come out of MessagePack and JSON as they went in', () => {
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

test('strings that are no UTF-8 are refused, as keys and as values, short and long', () => {
  const malformed = [[0xff], [0xc3], [0x80], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf5, 0x80, 0x80, 0x80]]
  for (const bytes of malformed) {
    for (const length of [0, 5, 100]) {
      const text = [...Array<number>(length).fill(0x61), ...bytes, ...Array<number>(length).fill(0x62)]
      const value = [0xd9, text.length, ...text]
      expect(codeOf(() => decodeMsgpack(Uint8Array.from(value)))).toBe('bad_msgpack')
      expect(codeOf(() => decodeMsgpack(Uint8Array.from([0x81, ...value, 0x01])))).toBe('bad_msgpack')
      expect(codeOf(() => decodeJson(Uint8Array.from([0x22, ...text, 0x22])))).toBe('bad_json')
    }
  }
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

test('brackets and commas inside a JSON string are not counted', () => {
  const text = '\\"[[[[[[[[[[[[{{{{{{{{{{,,,:::'.repeat(500)
  expect(decodeJson(bytesOf(JSON.stringify({ text })))).toEqual({ text })
})

test('lengths and counts that the bytes do not hold are refused', () => {
  const code = (hex: string) => codeOf(() => decodeMsgpack(Buffer.from(hex, 'hex')))
  for (const hex of ['dcffff', 'd9ff61', 'c4ff00', '9f', '8f']) expect(code(hex), hex).toBe('bad_msgpack')
  // Beyond the limits, too: either says so.
  for (const hex of ['ddffffffff', 'dfffffffff', 'dbffffffff', 'c6ffffffff']) {
    expect(code(hex), hex).toMatch(/^(bad_msgpack|too_large)$/)
  }
})

test('more values than the limit are refused', () => {
  const many = Array.from({ length: limits.values + 1 }, () => 0)
  expect(codeOf(() => decodeMsgpack(packr.pack(many)))).toBe('too_large')
  expect(codeOf(() => decodeJson(bytesOf(JSON.stringify(many))))).toBe('too_large')
})

test('extension types, records, dates and keys that are not strings are refused', () => {
  const values = [new Date(), new Map([[1, 2]]), new Set([1]), /x/, new Error('x')]
  const extended = new Packr({ moreTypes: true, mapsAsObjects: false })
  for (const value of values)
    expect(
      codeOf(() => decodeMsgpack(extended.pack(value))),
      String(value),
    ).toBe('bad_msgpack')
  expect(codeOf(() => decodeMsgpack(new Packr({ useRecords: true }).pack({ a: 1 })))).toBe('bad_msgpack')
  expect(codeOf(() => decodeMsgpack(Buffer.of(0xc1)))).toBe('bad_msgpack')
})

test('the subprotocol decides the encoding, and none means JSON', () => {
  expect(negotiate('')?.subprotocol).toBe('aurochs.v1.json')
  expect(negotiate('x, aurochs.v1.json')?.subprotocol).toBe('aurochs.v1.json')
  expect(negotiate('aurochs.v1.json, aurochs.v1.msgpack')?.subprotocol).toBe('aurochs.v1.msgpack')
  expect(negotiate('aurochs.v2.json')).toBeUndefined()
})
