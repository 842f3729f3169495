import type { z } from 'zod'
import { ServiceError } from './errors.ts'
import { expectation, placeOf } from './expectation.ts'
import { decodeJson } from './json.ts'
import type { ServerMessage } from './messages.ts'
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
}

const codecs: Readonly<Record<Subprotocol, Codec>> = {
  'aurochs.v1.json': {
    subprotocol: 'aurochs.v1.json',
    binary: false,
    decode: decodeJson,
    encode: JSON.stringify,
  },
  'aurochs.v1.msgpack': {
    subprotocol: 'aurochs.v1.msgpack',
    binary: true,
    decode: decodeMsgpack,
    encode: encodeMsgpack,
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
