import { limits } from '../protocol/limits.ts'
import type { ClientMessageInput } from '../protocol/messages.ts'
import type { Subprotocol } from '../protocol/versions.ts'

/**
 * What a socket sends: text or bytes, as the encoding wants it. Not `Uint8Array<ArrayBuffer>`, which TypeScript before 5.7
 * cannot read.
 */
export type Frame = string | (Uint8Array & { readonly buffer: ArrayBuffer })

/** How messages become frames. */
export interface ClientCodec {
  readonly subprotocol: Subprotocol
  encode(message: ClientMessageInput): Frame
  decode(frame: string | ArrayBuffer): unknown
}

export const json: ClientCodec = {
  subprotocol: 'aurochs.v1.json',
  encode: message => JSON.stringify(message),
  decode: frame => JSON.parse(frame as string),
}

/**
 * MessagePack by any library that offers `pack` and `unpack`, such as `new Packr({ useRecords: false })` of msgpackr. The
 * server takes plain types only.
 */
export function msgpack(library: {
  pack(value: unknown): Uint8Array
  unpack(bytes: Uint8Array): unknown
}): ClientCodec {
  return {
    subprotocol: 'aurochs.v1.msgpack',
    encode: message => new Uint8Array(library.pack(withoutUndefined(message))),
    decode: frame => library.unpack(new Uint8Array(frame as ArrayBuffer)),
  }
}

/**
 * `message` as a frame that the server will parse. One beyond the limits would be refused unread, by an error that cannot
 * name the request.
 *
 * @throws {RangeError} when `message` is beyond the limits.
 */
export function encodeWithinLimits(codec: ClientCodec, message: ClientMessageInput): Frame {
  const values = countValues(message)
  if (values > limits.values) {
    throw new RangeError(`expected at most ${limits.values} values in a message, got ${values}: split it`)
  }
  const frame = codec.encode(message)
  const bytes = byteLength(frame)
  if (bytes > limits.messageBytes) {
    throw new RangeError(`expected at most ${limits.messageBytes} bytes in a message, got ${bytes}: split it`)
  }
  return frame
}

/** Values in `value`, keys of objects counted too. */
function countValues(value: unknown, depth = 0): number {
  if (typeof value !== 'object' || value === null) return 1
  if (depth === limits.depth) {
    throw new RangeError(`expected at most ${limits.depth} levels of arrays and objects in a message`)
  }
  const keys = Array.isArray(value) ? 0 : 1
  return Object.values(value).reduce((sum: number, inner) => sum + keys + countValues(inner, depth + 1), 1)
}

function byteLength(frame: Frame): number {
  if (typeof frame !== 'string') return frame.byteLength
  // A UTF-16 unit takes at most 3 bytes in UTF-8: most frames need not be encoded to know that they fit.
  return 3 * frame.length <= limits.messageBytes ? frame.length : new TextEncoder().encode(frame).byteLength
}

/** As JSON has it: fields that are undefined are left out. MessagePack would write them as an extension type. */
function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined)
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(fields.map(([name, field]) => [name, withoutUndefined(field)]))
}
