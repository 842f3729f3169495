/**
 * MessagePack from untrusted senders: the bytes are scanned once, without making anything, before msgpackr unpacks them. So what
 * msgpackr sees is one whole value of plain types, within the limits.
 */
import { Packr, Unpackr } from 'msgpackr'
import { ServiceError } from './errors.ts'
import { limits } from './limits.ts'
import { MsgpackScanner } from './msgpack-scanner.ts'

/** Integers of 64 bits become numbers where these hold them exactly. The types of msgpackr lack `auto`; its README has it. */
const unpackOptions: object = { useRecords: false, mapsAsObjects: true, int64AsType: 'auto' }
const unpackr = new Unpackr(unpackOptions)
const packr = new Packr({ useRecords: false, variableMapSize: true })
/** The types of msgpackr do not have `skipValues`; its README does. It makes packing a fourth slower. */
const skipUndefined = { useRecords: false, variableMapSize: true, skipValues: [undefined] }
const sparsePackr = new Packr(skipUndefined)
const scanner = new MsgpackScanner(limits)

/** The bytes are part of a larger buffer, which nobody else writes to where they are. */
export function encodeMsgpack(value: unknown): Uint8Array {
  return packr.pack(value)
}

/** As {@link encodeMsgpack}, but fields that are undefined are left out, as in JSON. */
export function encodeSparseMsgpack(value: unknown): Uint8Array {
  return sparsePackr.pack(value)
}

/**
 * The value that `bytes` spell. Whole numbers that a number cannot hold exactly come as bigint.
 *
 * @throws {ServiceError} `too_large`, `too_deep`, `bad_msgpack`.
 */
export function decodeMsgpack(bytes: Uint8Array): unknown {
  scanner.begin()
  const isWhole = scanner.scan(bytes, 0, bytes.length)
  if (scanner.refusal) throw scanner.refusal
  if (!isWhole) throw new ServiceError('bad_msgpack', 'expected a whole value, but the bytes end within it')
  const after = bytes.length - scanner.position
  if (after > 0) throw new ServiceError('bad_msgpack', `expected one value in a frame, got ${after} bytes after it`)
  return unpackMsgpack(bytes, 0, bytes.length)
}

const range = { start: 0, end: 0 }

/**
 * The value that `bytes` spell from `start` to `end`, which a {@link MsgpackScanner} has passed.
 *
 * @throws {ServiceError} `bad_msgpack`.
 */
export function unpackMsgpack(bytes: Uint8Array, start: number, end: number): unknown {
  range.start = start
  range.end = end
  try {
    return unpackr.unpack(bytes, range)
  } catch (error) {
    throw new ServiceError('bad_msgpack', `expected MessagePack: ${(error as Error).message}`)
  }
}
