import { isUtf8 } from 'node:buffer'
import { ServiceError } from './errors.ts'

/** What a value from an untrusted sender may cost. */
export interface MsgpackBounds {
  /** Arrays and maps inside each other. */
  readonly depth: number
  /** Values, keys of maps counted too. */
  readonly values: number
  /** Bytes of the value. */
  readonly messageBytes: number
  /** Bytes beyond which its end is not even looked for. */
  readonly frameBytes: number
}

const scalar = 0
const string = 1
const array = 2
const map = 3
const extension = 4
const neverUsed = 5

/** By first byte of a value: what it is. Format: https://github.com/msgpack/msgpack/blob/master/spec.md */
const kinds = new Uint8Array(256)
/** By first byte: bytes of the length or count that follow it, 0 where it holds that itself. */
const lengthSizes = new Uint8Array(256)
/** By first byte: payload bytes, or values of an array or pairs of a map; with a length or count, what comes on top of it. */
const fixedLengths = new Uint8Array(256)

function define(first: number, kind: number, lengthSize: number, fixedLength: number): void {
  kinds[first] = kind
  lengthSizes[first] = lengthSize
  fixedLengths[first] = fixedLength
}
for (let count = 0; count < 16; count++) {
  define(0x80 + count, map, 0, count)
  define(0x90 + count, array, 0, count)
}
for (let length = 0; length < 32; length++) define(0xa0 + length, string, 0, length)
define(0xc1, neverUsed, 0, 0)
for (const [step, size] of [1, 2, 4].entries()) {
  define(0xc4 + step, scalar, size, 0) // bin
  define(0xc7 + step, extension, size, 1) // the type and so many bytes
  define(0xd9 + step, string, size, 0)
}
define(0xca, scalar, 0, 4) // float 32
define(0xcb, scalar, 0, 8) // float 64
for (const [step, size] of [1, 2, 4, 8].entries()) {
  define(0xcc + step, scalar, 0, size) // uint
  define(0xd0 + step, scalar, 0, size) // int
}
for (const [step, size] of [1, 2, 4, 8, 16].entries()) define(0xd4 + step, extension, 0, 1 + size)
define(0xdc, array, 2, 0)
define(0xdd, array, 4, 0)
define(0xde, map, 2, 0)
define(0xdf, map, 4, 0)

/**
 * Finds the end of a MessagePack value, whose bytes may come in parts, and whether it may be unpacked: plain types only
 * (no extensions), only strings as keys, all of them UTF-8, within bounds. Nothing is made of the bytes, and each is looked
 * at once.
 *
 * A value that must not be unpacked is scanned to its end all the same, in constant memory.
 */
export class MsgpackScanner {
  readonly #bounds: MsgpackBounds
  /** Of each open array or map: values still to come. The outermost level holds the value itself. */
  readonly #left: Float64Array
  /** Of each level: whether it is a map, in which every other value is a key. */
  readonly #isMap: Uint8Array
  #level = 0
  #values = 0
  /** Bytes of the value that earlier scans passed. */
  #bytes = 0
  #position = 0
  /** Payload bytes of a begun value that are still to come. */
  #skip = 0
  #refusal: ServiceError | undefined

  constructor(bounds: MsgpackBounds) {
    this.#bounds = bounds
    this.#left = new Float64Array(bounds.depth + 1)
    this.#isMap = new Uint8Array(bounds.depth + 1)
    this.begin()
  }

  /** Why the value must not be unpacked, as soon as that is known. */
  get refusal(): ServiceError | undefined {
    return this.#refusal
  }

  /** Where in its source the last scan stopped: after the value, or where the next scan must go on. */
  get position(): number {
    return this.#position
  }

  /** Expects a new value. */
  begin(): void {
    this.#left[0] = 1
    this.#level = 0
    this.#values = 0
    this.#bytes = 0
    this.#skip = 0
    this.#refusal = undefined
  }

  /**
   * Goes on with `source` from `start`; gives whether the value ends before `end`. A length or a string that is not whole
   * yet is left for the next scan: see {@link position}.
   *
   * @throws {ServiceError} where no end can be found: `bad_msgpack`, `too_large`.
   */
  scan(source: Uint8Array, start: number, end: number): boolean {
    const { values: mostValues, messageBytes, depth } = this.#bounds
    const messageEnd = start - this.#bytes + messageBytes
    const left = this.#left
    const isMap = this.#isMap
    // The state is kept in locals while the loop runs: with fields it takes more than twice as long.
    let level = this.#level
    let remaining = left[level]
    let values = this.#values
    let at = start + Math.min(this.#skip, end - start)
    let skip = this.#skip - (at - start)
    while (skip === 0) {
      while (remaining === 0 && level > 0) remaining = left[--level]
      if (remaining === 0 || at >= end) break
      const first = source[at]
      const lengthSize = lengthSizes[first]
      if (at + lengthSize >= end) break
      let length = 0
      for (let byte = 1; byte <= lengthSize; byte++) length = 256 * length + source[at + byte]
      length += fixedLengths[first]
      at += 1 + lengthSize

      const kind = kinds[first]
      const isContainer = kind === array || kind === map
      const payload = isContainer ? 0 : length
      if (kind === string && at + payload > end && at + payload <= messageEnd && !this.#refusal) {
        at -= 1 + lengthSize
        break
      }
      const isBadKey = kind !== string && isMap[level] === 1 && remaining % 2 === 0
      remaining--
      values++
      if (
        isBadKey ||
        kind >= extension ||
        values > mostValues ||
        at + payload > messageEnd ||
        (isContainer && level === depth) ||
        (kind === string && !this.#refusal && !isText(source, at, at + payload))
      ) {
        const bytes = this.#bytes + at + payload - start
        if (kind === neverUsed || bytes > this.#bounds.frameBytes) throw this.#endless(kind)
        this.#refusal ??= this.#refusalOf(first, isBadKey, values, bytes)
        // From here on only the end is looked for: one count of values to come is enough for that.
        while (level > 0) remaining += left[--level]
      }
      if (isContainer) {
        const count = kind === map ? 2 * length : length
        if (this.#refusal) {
          remaining += count
        } else {
          left[level] = remaining
          level++
          isMap[level] = kind === map ? 1 : 0
          remaining = count
        }
      }
      at += payload
      if (at > end) {
        skip = at - end
        at = end
      }
    }
    left[level] = remaining
    this.#level = level
    this.#values = values
    this.#bytes += at - start
    this.#skip = skip
    this.#position = at
    return skip === 0 && level === 0 && remaining === 0
  }

  #endless(kind: number): ServiceError {
    if (kind === neverUsed) return new ServiceError('bad_msgpack', 'expected MessagePack, got the byte 0xc1')
    const { messageBytes, frameBytes } = this.#bounds
    return new ServiceError('too_large', `expected at most ${messageBytes} bytes in a message, got over ${frameBytes}`)
  }

  /** What is wrong with the value that begins with the byte `first`. */
  #refusalOf(first: number, isBadKey: boolean, values: number, bytes: number): ServiceError {
    const { depth, values: mostValues, messageBytes } = this.#bounds
    if (isBadKey) return new ServiceError('bad_msgpack', 'expected only strings as keys of a map')
    if (kinds[first] === extension) {
      return new ServiceError('bad_msgpack', `expected plain types, got the type byte 0x${first.toString(16)}`)
    }
    if (kinds[first] === string && values <= mostValues && bytes <= messageBytes) {
      return new ServiceError('bad_msgpack', 'expected strings in UTF-8')
    }
    if (values > mostValues) return new ServiceError('too_large', `expected at most ${mostValues} values in a message`)
    if (bytes > messageBytes)
      return new ServiceError('too_large', `expected at most ${messageBytes} bytes in a message`)
    return new ServiceError('too_deep', `expected at most ${depth} levels`)
  }
}

/** Whether the bytes are UTF-8. Most strings are short and of ASCII: for those a look at each byte costs less than a call. */
function isText(source: Uint8Array, begin: number, end: number): boolean {
  let bits = 0x80
  if (end - begin <= 64) {
    bits = 0
    for (let at = begin; at < end; at++) bits |= source[at]!
  }
  return bits < 0x80 || isUtf8(source.subarray(begin, end))
}
