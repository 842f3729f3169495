import type { z } from 'zod'
import { ServiceError } from './errors.ts'
import { expectation, placeOf } from './expectation.ts'
import { decodeJson } from './json.ts'
import { jsonPieces, type ManyLists, msgpackPieces } from './long-answers.ts'
import type { CallResult, ListContent, ListEnvelope, ServerMessage } from './messages.ts'
import { decodeMsgpack, encodeMsgpack } from './msgpack.ts'
import { type Subprotocol, subprotocols } from './versions.ts'

/** One encoding of the protocol. */
export interface Codec {
  readonly subprotocol: Subprotocol
  /** Whether its frames are binary. */
  readonly binary: boolean
  /** @throws {ServiceError} */
  decode(bytes: Uint8Array): unknown
  /** Bytes are part of a larger buffer, which nobody else writes to where they are. */
  encode(message: ServerMessage): string | Uint8Array
  /** The message of a long answer, in pieces. */
  encodePieces(message: LongResult): Generator<string | Uint8Array>
  /** The message of `list`, which is encoded once, whoever gets it under whatever envelope. */
  encodeList(envelope: ListEnvelope, list: ListContent): string | Uint8Array
}

/** What a `call` gave, where that is long. */
export interface LongResult extends CallResult {
  readonly result: ManyLists
}

/** What lists are in one encoding, without what begins a map: of those that several get, once. */
class ListFields<Fields extends object | string> {
  readonly #encode: (list: ListContent) => Fields
  readonly #shared = new WeakMap<ListContent, Fields>()
  /** Most lists are for one socket: only those that are asked for again are kept, since keeping costs as much as encoding. */
  #last: { readonly list: ListContent; readonly fields: Fields } | undefined

  constructor(encode: (list: ListContent) => Fields) {
    this.#encode = encode
  }

  of(list: ListContent): Fields {
    const shared = this.#shared.get(list)
    if (shared !== undefined) return shared
    if (this.#last?.list === list) {
      this.#shared.set(list, this.#last.fields)
      return this.#last.fields
    }
    const fields = this.#encode(list)
    this.#last = { list, fields }
    return fields
  }
}

const jsonFields = new ListFields(list => JSON.stringify(list).slice(1))
const msgpackFields = new ListFields(list => {
  const bytes = encodeMsgpack(list)
  // Copied: it would keep alive the larger buffer that it is part of.
  return { count: bytes[0]! & 0xf, bytes: new Uint8Array(bytes.subarray(1)) }
})

function encodeJsonList(envelope: ListEnvelope, list: ListContent): string {
  return `${JSON.stringify(envelope).slice(0, -1)},${jsonFields.of(list)}`
}

/** Maps of up to 15 fields begin with a byte that has their number in its lower half. */
const fixmap = 0x80

function encodeMsgpackList(envelope: ListEnvelope, list: ListContent): Uint8Array {
  const fields = msgpackFields.of(list)
  const head = encodeMsgpack(envelope)
  const message = new Uint8Array(head.length + fields.bytes.length)
  message.set(head)
  message[0] = fixmap | ((head[0]! & 0xf) + fields.count)
  message.set(fields.bytes, head.length)
  return message
}

const codecs: Readonly<Record<Subprotocol, Codec>> = {
  'aurochs.v1.json': {
    subprotocol: 'aurochs.v1.json',
    binary: false,
    decode: decodeJson,
    encode: JSON.stringify,
    encodePieces: ({ result, ...envelope }) => jsonPieces(result, envelope),
    encodeList: encodeJsonList,
  },
  'aurochs.v1.msgpack': {
    subprotocol: 'aurochs.v1.msgpack',
    binary: true,
    decode: decodeMsgpack,
    encode: encodeMsgpack,
    encodePieces: ({ result, ...envelope }) => msgpackPieces(result, envelope),
    encodeList: encodeMsgpackList,
  },
}

/** The codec for what a client offers in `Sec-WebSocket-Protocol`: JSON if nothing, undefined if nothing that we know. */
export function negotiate(offered: string): Codec | undefined {
  if (offered === '') return codecs['aurochs.v1.json']
  const names = offered.split(',').map(name => name.trim())
  const chosen = subprotocols.find(name => names.includes(name))
  return chosen && codecs[chosen]
}

/**
 * `value` as `schema` has it, with defaults filled in.
 *
 * @throws {ServiceError} `bad_message`, which names the fields that are wrong: the first three.
 */
export function check<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value, { error: expectation })
  if (result.success) return result.data
  const messages = result.error.issues.slice(0, 3).map(({ path, message }) => {
    return path.length > 0 ? `${placeOf(path)}: ${message}` : message
  })
  throw new ServiceError('bad_message', messages.join('; '))
}
