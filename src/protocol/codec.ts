import type { z } from 'zod'
import { ServiceError } from './errors.ts'
import { decodeJson } from './json.ts'
import { type ServerMessage, type Subprotocol, subprotocols } from './messages.ts'
import { decodeMsgpack, encodeMsgpack } from './msgpack.ts'

/** One encoding of the protocol. */
export interface Codec {
  readonly subprotocol: Subprotocol
  /** Whether its frames are binary. */
  readonly binary: boolean
  /** @throws {ServiceError} */
  decode(bytes: Uint8Array): unknown
  /** Bytes are valid until the next call. */
  encode(message: ServerMessage): string | Uint8Array
}

const codecs: Readonly<Record<Subprotocol, Codec>> = {
  'aurochs.v1.json': { subprotocol: 'aurochs.v1.json', binary: false, decode: decodeJson, encode: JSON.stringify },
  'aurochs.v1.msgpack': {
    ...{ subprotocol: 'aurochs.v1.msgpack', binary: true },
    ...{ decode: decodeMsgpack, encode: encodeMsgpack },
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
 * @throws {ServiceError} `bad_message`
 */
export function check<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const told = result.error.issues.slice(0, 3).map(issue => {
    const path = issue.path.join('.')
    return path ? `${path}: ${issue.message}` : issue.message
  })
  throw new ServiceError('bad_message', told.join('; '))
}
