import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { expect, test } from 'vitest'
import { limits } from '../../src/protocol/limits.ts'
import { RefusedMessage, RpcReader } from '../../src/protocol/rpc-reader.ts'

const packr = new Packr({ useRecords: false, variableMapSize: true })
const small = { depth: 4, values: 50, messageBytes: 400, frameBytes: 1000 }

/** All that `reader` makes of `chunks`. */
function messagesOf(chunks: readonly Uint8Array[], bounds = small): unknown[] {
  const reader = new RpcReader(bounds)
  const messages: unknown[] = []
  for (const chunk of chunks) {
    reader.push(chunk)
    for (let message = reader.next(); message !== undefined; message = reader.next()) messages.push(message)
  }
  return messages
}

/** `bytes` in pieces that end at `cuts`. */
function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map(place => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  return places.slice(1).map((place, at) => bytes.slice(places[at], place))
}

const values = fc.letrec(tie => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 6 },
    fc.constantFrom(null, true, false),
    fc.integer(),
    // msgpackr packs -0 as the integer 0.
    fc.double({ noNaN: true }).map(number => number + 0),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 30 }),
    fc.dictionary(
      fc.string().filter(key => key !== '__proto__'),
      tie('value'),
      { maxKeys: 5, noNullPrototype: true },
    ),
  ),
})).value
const extension = fc.uint8Array({ minLength: 2, maxLength: 2 }).map(([type, byte]) => Buffer.of(0xd4, type!, byte!))
const packed = fc.oneof({ arbitrary: values.map(value => Buffer.from(packr.pack(value))), weight: 9 }, extension)

test('the same messages come out however the stream of bytes is cut', () => {
  fc.assert(
    fc.property(fc.array(packed, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 40 }), (messages, cuts) => {
      const bytes = Buffer.concat(messages)
      const whole = messages.flatMap(message => messagesOf([message]))
      expect(messagesOf([bytes])).toEqual(whole.slice(0, 1 + whole.findIndex(isLast) || undefined))
      expect(messagesOf(cut(bytes, cuts))).toEqual(messagesOf([bytes]))
      expect(messagesOf(Array.from(bytes, byte => Uint8Array.of(byte)))).toEqual(messagesOf([bytes]))
    }),
    { numRuns: 300 },
  )
})

test('what is within the bounds comes out as it went in', () => {
  fc.assert(
    fc.property(fc.array(values), messages => {
      const bytes = Buffer.concat(messages.map(message => Buffer.from(packr.pack(message))))
      const loose = { depth: 20, values: 1e6, messageBytes: 1e6, frameBytes: 1e6 }
      expect(messagesOf([bytes], loose)).toEqual(messages)
    }),
  )
})

test('bytes of any kind are messages, or refused with a code, or wait for more', () => {
  const codes = ['bad_msgpack', 'too_deep', 'too_large']
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(), { maxLength: 5 }), (bytes, cuts) => {
      const messages = messagesOf(cut(bytes, cuts))
      for (const message of messages) if (message instanceof RefusedMessage) expect(codes).toContain(message.error.code)
      expect(messages.slice(0, -1).some(isLast)).toBe(false)
    }),
    { numRuns: 2000 },
  )
})

test('a request that is too deep, too long or of other types is refused by its number, and the next is read', () => {
  const deep = Buffer.concat([Buffer.of(0x94, 0, 0xcd, 1, 2), Buffer.from([0xa1, 0x61]), nested(40)])
  const many = packr.pack([0, 70_000, 'ping', Array.from({ length: 60 }, () => 0)])
  const long = packr.pack([0, 5, 'ping', ['x'.repeat(500)]])
  const date = packr.pack([0, 200, 'ping', [new Date()]])
  const keys = Buffer.of(0x94, 0, 3, 0xa1, 0x61, 0x91, 0x81, 1, 2)
  const next = packr.pack([0, 9, 'ping', []])
  for (const chunks of [[], [3], [7, 30], [1, 2, 3, 4, 5, 6, 7, 8, 9]]) {
    for (const [bytes, number, code] of [
      [deep, 258, 'too_deep'],
      [many, 70_000, 'too_large'],
      [long, 5, 'too_large'],
      [date, 200, 'bad_msgpack'],
      [keys, 3, 'bad_msgpack'],
    ] as const) {
      const [refused, ...rest] = messagesOf(cut(Buffer.concat([bytes, next]), chunks))
      expect(refused).toMatchObject({ number, isLast: false, error: { code } })
      expect(rest).toEqual([[0, 9, 'ping', []]])
    }
  }
})

test('a message that never ends is the last', () => {
  const announced = Buffer.concat([Buffer.of(0x94, 0, 7, 0xa1, 0x61, 0x91, 0xdb, 0xff, 0xff, 0xff, 0xff)])
  expect(messagesOf([announced])).toMatchObject([{ number: 7, isLast: true, error: { code: 'too_large' } }])
  const endless = Array.from({ length: 30 }, () => Buffer.alloc(100, 0x91))
  expect(messagesOf(endless)).toMatchObject([{ number: undefined, isLast: true, error: { code: 'too_large' } }])
  const unused = [packr.pack([2, 'a', []]), Buffer.of(0xc1), packr.pack([2, 'b', []])]
  expect(messagesOf([Buffer.concat(unused)])).toMatchObject([
    [2, 'a', []],
    { isLast: true, error: { code: 'bad_msgpack' } },
  ])
})

test('the longest message is taken in the smallest pieces, each byte looked at once', () => {
  const ids = Array.from({ length: limits.batchUsers }, (_, user) => `${user}`.padEnd(1200, 'x'))
  const request = [0, 1, 'recommend_batch', [{ users: ids }]]
  const bytes = packr.pack(request)
  expect(bytes.length).toBeGreaterThan(0.9 * limits.messageBytes)
  const reader = new RpcReader(limits)
  for (let at = 0; at < bytes.length - 1; at++) {
    reader.push(bytes.slice(at, at + 1))
    if (reader.next() !== undefined) throw new Error(`a message after ${at} bytes`)
  }
  reader.push(bytes.slice(-1))
  expect(reader.next()).toEqual(request)
})

function isLast(message: unknown): boolean {
  return message instanceof RefusedMessage && message.isLast
}

/** So many arrays inside each other. */
function nested(levels: number): Buffer {
  return Buffer.concat([Buffer.alloc(levels - 1, 0x91), Buffer.of(0x90)])
}
