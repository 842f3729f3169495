/**
 * MessagePack from strangers: the bytes are walked once, without making anything, before msgpackr unpacks them. So what
 * msgpackr sees is one whole value of plain types, within the limits. Format: https://github.com/msgpack/msgpack/blob/master/spec.md
 */
import { Packr, Unpackr } from 'msgpackr'
import { ServiceError } from './errors.ts'
import { limits } from './limits.ts'

const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'bigint' })
const packr = new Packr({ useRecords: false, variableMapSize: true })

/** The bytes are valid until the next call. */
export function encodeMsgpack(value: unknown): Uint8Array {
  return packr.pack(value)
}

/**
 * The value that `bytes` spell. Whole numbers written in 8 bytes come as bigint.
 *
 * @throws {ServiceError} `too_large`, `too_deep`, `bad_msgpack`.
 */
export function decodeMsgpack(bytes: Uint8Array): unknown {
  measure(bytes)
  try {
    return unpackr.unpack(bytes)
  } catch (error) {
    throw new ServiceError('bad_msgpack', `expected MessagePack: ${(error as Error).message}`)
  }
}

/** Bytes of the value after its first byte, for 0xc0 to 0xdf; -1 marks what has a length of its own, or is refused. */
const fixedSize = [
  ...[0, -1, 0, 0], // nil, never used, false, true
  ...[-1, -1, -1, -1, -1, -1], // bin 8 16 32, ext 8 16 32
  ...[4, 8, 1, 2, 4, 8, 1, 2, 4, 8], // float 32 64, uint 8 16 32 64, int 8 16 32 64
  ...[-1, -1, -1, -1, -1], // fixext
  ...[-1, -1, -1, -1, -1, -1, -1], // str 8 16 32, array 16 32, map 16 32
]

/** Checks that `bytes` are exactly one value of plain types (no extensions, only strings as keys) within the limits. */
function measure(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  // Of each open array or map: how many values are still to come, and whether every other one is a key.
  const left: number[] = [1]
  const keyed: boolean[] = [false]
  let values = 0
  let at = 0

  const length = (size: 1 | 2 | 4): number => {
    if (at + size > bytes.length) throw truncated()
    const value = size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at) : view.getUint32(at)
    at += size
    return value
  }
  const skip = (size: number): void => {
    if (size > bytes.length - at) throw truncated()
    at += size
  }
  const open = (count: number, isMap: boolean): void => {
    left.push(isMap ? 2 * count : count)
    keyed.push(isMap)
    if (left.length - 1 > limits.depth) throw new ServiceError('too_deep', `expected at most ${limits.depth} levels`)
  }

  while (left.length > 0) {
    const top = left.length - 1
    if (left[top] === 0) {
      left.pop()
      keyed.pop()
      continue
    }
    const isKey = keyed[top] && left[top] % 2 === 0
    left[top]--
    if (++values > limits.values)
      throw new ServiceError('too_large', `expected at most ${limits.values} values in a message`)
    const first = length(1)
    const isString = (first >= 0xa0 && first <= 0xbf) || (first >= 0xd9 && first <= 0xdb)
    if (isKey && !isString) throw new ServiceError('bad_msgpack', 'expected only strings as keys of a map')

    if (first <= 0x7f || first >= 0xe0) continue
    if (first <= 0x8f) open(first & 0x0f, true)
    else if (first <= 0x9f) open(first & 0x0f, false)
    else if (first <= 0xbf) skip(first & 0x1f)
    else if (fixedSize[first - 0xc0] >= 0) skip(fixedSize[first - 0xc0])
    else if (first >= 0xc4 && first <= 0xc6) skip(length(first === 0xc4 ? 1 : first === 0xc5 ? 2 : 4))
    else if (first >= 0xd9 && first <= 0xdb) skip(length(first === 0xd9 ? 1 : first === 0xda ? 2 : 4))
    else if (first >= 0xdc) open(length(first % 2 === 0 ? 2 : 4), first >= 0xde)
    else throw new ServiceError('bad_msgpack', `expected plain types, got the type byte 0x${first.toString(16)}`)
  }
  if (at < bytes.length) {
    throw new ServiceError('bad_msgpack', `expected one value in a frame, got ${bytes.length - at} bytes after it`)
  }
}

function truncated(): ServiceError {
  return new ServiceError('bad_msgpack', 'expected a whole value, but the bytes end within it')
}
