import { Packr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { check } from '../../src/protocol/codec.ts'
import { decodeJson } from '../../src/protocol/json.ts'
import { limits } from '../../src/protocol/limits.ts'
import { Call, clientMessages, Hello, StreamEvent, Subscribe } from '../../src/protocol/messages.ts'
import { isMethodName, methods } from '../../src/protocol/methods.ts'
import { decodeMsgpack } from '../../src/protocol/msgpack.ts'
import { EventSchema } from '../../src/protocol/values.ts'
import { longestEvents, longestFilter, padded } from './longest.ts'

const packr = new Packr({ useRecords: false, variableMapSize: true })
const bytesOf = (text: string) => new TextEncoder().encode(text)
const event = { id: 'e', user: 'ann', item: 'i1' }

test('an id is the same id as a number, as digits and as a 64-bit integer', () => {
  for (const user of [42, '42', 42n]) {
    const message = { type: 'subscribe', subscription: 1, query: { kind: 'user', user } }
    expect(check(Subscribe, message)).toEqual({
      type: 'subscribe',
      subscription: 1,
      query: { kind: 'user', user: '42', limit: 10, seen: 'exclude', exclude: [] },
    })
    expect(check(EventSchema, { id: 'e', user, item: user })).toMatchObject({ user: '42', item: '42' })
  }
})

test('a refusal says which field was wrong', () => {
  const message = { ...event, type: 'event' }
  expect(() => check(StreamEvent, { ...message, weight: 'much' })).toThrow(/^weight: /)
  expect(() => check(StreamEvent, { ...message, item: 1.5 })).toThrow(/^item: .*whole number/)
  expect(() => check(Subscribe, { type: 'subscribe', subscription: 1, query: { kind: 'usr' } })).toThrow(
    /^query\.kind: /,
  )
  expect(() => check(methods.record_batch.params, { events: [event, { ...event, id: '' }] })).toThrow(
    /^events\[1\]\.id: expected at least 1 character, got 0$/,
  )
})

test.each([
  ['a field that is missing', { id: 'e' }, 'user: expected text of 1 to 256 characters or a whole number, got nothing'],
  [
    'two that are wrong',
    { ...event, weight: 'x', kind: 5 },
    'weight: expected a number, got "x"; kind: expected text, got 5',
  ],
  ['a weight that is too large', { ...event, weight: 1e9 }, 'weight: expected at most 1000000, got 1000000000'],
  ['neither item nor undo', { id: 'e', user: 'u' }, 'expected an item, or undo with the id of the event to take back'],
  ['what is no object', [event], 'expected an object, got [{"id":"e","user":"ann","item":"i1"}]'],
])('a refusal says what was expected and what came: %s', (_, value, message) => {
  expect(() => check(EventSchema, value)).toThrow(message)
})

test('text that would be kept or compared as another one is refused', () => {
  const message = 'expected text without NUL and half surrogates'
  for (const odd of ['\ud800', 'a\udfffb', '\0', 'a\0b']) {
    for (const field of ['id', 'user', 'item', 'kind', 'list']) {
      expect(() => check(EventSchema, { ...event, [field]: odd })).toThrow(`${field}: ${message}`)
    }
    expect(() => check(EventSchema, { id: 'e', user: 'u', undo: odd })).toThrow(`undo: ${message}`)
    expect(() => check(methods.recommend.params, { user: 'u', only: ['a', odd] })).toThrow(`only[1]: ${message}`)
  }
  for (const good of ['\ufffd', '🎵', 'é', '\u0001']) check(EventSchema, { ...event, id: good, user: good, item: good })
})

test('an integer of 64 bits is taken wherever a number is', () => {
  const eight = (sign: number, value: bigint) => {
    const bytes = new Uint8Array(9)
    bytes[0] = sign
    new DataView(bytes.buffer).setBigInt64(1, value)
    return bytes
  }
  // {"id": "e", "user": …, "item": …, "time": …, "weight": …}
  const message = (number: Uint8Array, time: Uint8Array) =>
    Buffer.concat([
      Buffer.of(0x85, 0xa2, ...bytesOf('id'), 0xa1, ...bytesOf('e'), 0xa4, ...bytesOf('user')),
      number,
      Buffer.of(0xa4, ...bytesOf('item')),
      number,
      Buffer.of(0xa4, ...bytesOf('time')),
      time,
      Buffer.of(0xa6, ...bytesOf('weight')),
      time,
    ])
  expect(check(EventSchema, decodeMsgpack(message(eight(0xcf, 7n), eight(0xcf, 5n))))).toEqual({
    id: 'e',
    user: '7',
    item: '7',
    time: 5,
    weight: 5,
  })
  expect(check(EventSchema, decodeMsgpack(message(eight(0xcf, -1n), eight(0xd3, -5n))))).toMatchObject({
    user: `${2n ** 64n - 1n}`,
    time: -5,
    weight: -5,
  })
})

test('unknown fields are ignored, wherever they stand', () => {
  const unknown = { unknown: { a: [1] } }
  expect(check(StreamEvent, { ...event, type: 'event', ...unknown })).toEqual({ ...event, type: 'event', weight: 1 })
  expect(check(Hello, { type: 'hello', protocols: [1], ...unknown })).toEqual({ type: 'hello', protocols: [1] })
  const query = { kind: 'similar', item: 'a', ...unknown }
  expect(check(Subscribe, { type: 'subscribe', subscription: 0, query, ...unknown })).toEqual({
    type: 'subscribe',
    subscription: 0,
    query: { kind: 'similar', item: 'a', limit: 10 },
  })
  expect(check(methods.record_batch.params, { events: [{ ...event, ...unknown }], ...unknown })).toEqual({
    events: [{ ...event, weight: 1 }],
  })
})

test('a message may not reach into prototypes', () => {
  const text = '{"type":"event","id":"1","user":"u","item":"a","__proto__":{"weight":5}}'
  for (const value of [decodeJson(bytesOf(text)), decodeMsgpack(packr.pack(JSON.parse(text)))]) {
    expect(check(StreamEvent, value).weight).toBe(1)
  }
  const call = '{"type":"call","method":"recommend","params":{"__proto__":{"user":"u","limit":5}}}'
  for (const value of [decodeJson(bytesOf(call)), decodeMsgpack(packr.pack(JSON.parse(call)))]) {
    const { params } = check(Call, value)
    expect(Object.getPrototypeOf(params)).toBe(Object.prototype)
    expect(() => check(methods.recommend.params, params)).toThrow(/^user: /)
  }
  const packed = Buffer.concat([Buffer.of(0x81, 0xa9), Buffer.from('__proto__'), Buffer.of(0x81, 0xa1, 0x61, 1)])
  decodeMsgpack(packed)
  expect(({} as Record<string, unknown>).a).toBeUndefined()
})

test('every message may carry a request number of 32 bits', () => {
  const examples = {
    hello: { protocols: [1] },
    subscribe: { subscription: 1, query: { kind: 'similar', item: 1 } },
    unsubscribe: { subscription: 1 },
    feedback: { subscription: 1, song: 7, outcome: 'accepted' },
    event,
    call: { method: 'ping' },
    ping: {},
  }
  for (const [type, schema] of Object.entries(clientMessages)) {
    const message = { ...examples[type as keyof typeof examples], type }
    expect(check(schema, message)).not.toHaveProperty('request')
    for (const request of [0, 0xffffffff]) expect(check(schema, { ...message, request })).toMatchObject({ request })
    for (const request of [-1, 1.5, 2 ** 32, '1']) {
      expect(() => check(schema, { ...message, request }), type).toThrow(/^request: /)
    }
  }
})

describe('an event', () => {
  test('says when it happened in ms or as an ISO time with a zone, and both come out as ms', () => {
    const ms = Date.UTC(2024, 4, 31, 18, 30)
    for (const time of [ms, '2024-05-31T18:30:00Z', '2024-05-31T20:30:00.000+02:00']) {
      expect(check(EventSchema, { ...event, time }).time).toBe(ms)
    }
    expect(check(EventSchema, { ...event, time: -1 }).time).toBe(-1)
    expect(check(EventSchema, event)).not.toHaveProperty('time')
    for (const time of ['2024-05-31', '2024-05-31T18:30:00', 'now', 1.5, 9e15, null]) {
      expect(() => check(EventSchema, { ...event, time }), `${time}`).toThrow(/^time: /)
    }
  })

  test('weighs from 0.000001 to a million either way', () => {
    for (const weight of [1e-6, -1e-6, 1e6, -1e6]) expect(check(EventSchema, { ...event, weight }).weight).toBe(weight)
    for (const weight of [0, -0, 1e-46, -9e-7, 1e9, -1e9, 1_000_001, Number.NaN, Infinity, '1', null]) {
      expect(() => check(EventSchema, { ...event, weight }), `${weight}`).toThrow(/^weight: /)
    }
  })

  test('has an item or takes one event back, and never both or neither', () => {
    const { item, ...bare } = event
    expect(check(EventSchema, { ...bare, undo: 'other' })).toEqual({ ...bare, undo: 'other', weight: 1 })
    for (const wrong of [bare, { ...event, undo: 'other' }]) {
      expect(() => check(EventSchema, wrong)).toThrow('expected an item, or undo')
      expect(() => check(StreamEvent, { ...wrong, type: 'event' })).toThrow('expected an item, or undo')
    }
    expect(() => check(EventSchema, { ...bare, undo: '' })).toThrow(/^undo: /)
  })

  test('keeps its kind and its list within their lengths', () => {
    const fields = { kind: padded('', limits.kindLength), list: padded('', limits.listIdLength) }
    expect(check(EventSchema, { ...event, ...fields })).toMatchObject(fields)
    expect(() => check(EventSchema, { ...event, kind: `${fields.kind}x` })).toThrow(/^kind: /)
    expect(() => check(EventSchema, { ...event, list: `${fields.list}x` })).toThrow(/^list: /)
  })

  test('needs its user in a batch, but not on a socket', () => {
    const { user, ...withoutUser } = event
    expect(() => check(EventSchema, withoutUser)).toThrow(/^user: /)
    expect(check(StreamEvent, { ...withoutUser, type: 'event' })).not.toHaveProperty('user')
  })
})

describe('the limits agree with each other', () => {
  const longest: [string, { type: string; [field: string]: unknown }][] = [
    [
      'the longest events of a record_batch',
      { type: 'call', request: 0xffffffff, method: 'record_batch', params: { events: longestEvents(limits.events) } },
    ],
    [
      'the longest filters of a recommend_batch',
      {
        type: 'call',
        request: 0xffffffff,
        method: 'recommend_batch',
        params: {
          users: longestFilter('u'),
          limit: limits.batchItems / limits.batchUsers,
          seen: 'exclude',
          exclude: longestFilter('e'),
          only: longestFilter('o'),
        },
      },
    ],
    [
      'the longest filters of a subscription',
      {
        type: 'subscribe',
        request: 0xffffffff,
        subscription: 0xffffffff,
        query: {
          kind: 'user',
          user: padded('u', limits.idLength),
          limit: limits.listItems,
          exclude: longestFilter('e'),
          only: longestFilter('o'),
        },
      },
    ],
  ]
  test.each(longest)('%s fit into one message', (_, message) => {
    const frames: [Uint8Array, (bytes: Uint8Array) => unknown][] = [
      [bytesOf(JSON.stringify(message)), decodeJson],
      [packr.pack(message), decodeMsgpack],
    ]
    for (const [bytes, decode] of frames) {
      expect(bytes.length).toBeLessThanOrEqual(limits.messageBytes)
      const decoded = check(clientMessages[message.type as 'call' | 'subscribe'], decode(bytes))
      expect(decoded).toMatchObject({ type: message.type, request: 0xffffffff })
      if (decoded.type === 'call' && isMethodName(decoded.method)) check(methods[decoded.method].params, decoded.params)
    }
  })

  test('one more of anything is refused by name', () => {
    const { record_batch, recommend_batch, recommend } = methods
    expect(() => check(record_batch.params, { events: longestEvents(limits.events + 1) })).toThrow(/^events: /)
    const users = [...longestFilter('u'), 'one more']
    expect(() => check(recommend_batch.params, { users })).toThrow(/^users: /)
    expect(() => check(recommend.params, { user: 'a', exclude: [...longestFilter('e'), 1] })).toThrow(/^exclude: /)
    expect(() => check(recommend.params, { user: 'a', only: [...longestFilter('o'), 1] })).toThrow(/^only: /)
    const items = { users: longestFilter('u'), limit: limits.batchItems / limits.batchUsers + 1 }
    expect(() => check(recommend_batch.params, items)).toThrow(`at most ${limits.batchItems}`)
  })
})

test('a frame that is too large as a message is still one that the server reads', () => {
  expect(limits.frameBytes).toBeGreaterThan(limits.messageBytes)
})

test('a method is known by its own name only', () => {
  expect(isMethodName('recommend')).toBe(true)
  for (const name of ['toString', '__proto__', 'constructor', 'Recommend', '']) expect(isMethodName(name)).toBe(false)
})
