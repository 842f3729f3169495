import { ServiceError } from './errors.ts'
import { limits } from './limits.ts'

const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * Parses JSON from strangers.
 *
 * @throws {ServiceError} `too_large`, `too_deep` before anything is parsed; `bad_json`.
 */
export function decodeJson(bytes: Uint8Array): unknown {
  measure(bytes)
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch (error) {
    throw new ServiceError('bad_json', `expected JSON: ${(error as Error).message}`)
  }
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/** Bounds depth and number of values by the punctuation outside strings; whether that pairs is left to the parser. */
function measure(bytes: Uint8Array): void {
  let depth = 0
  let values = 1
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === quote) {
      for (at++; at < bytes.length && bytes[at] !== quote; at++) if (bytes[at] === backslash) at++
    } else if (byte === openBracket || byte === openBrace) {
      values++
      if (++depth > limits.depth) throw new ServiceError('too_deep', `expected at most ${limits.depth} levels`)
    } else if (byte === closeBracket || byte === closeBrace) {
      depth--
    } else if (byte === comma || byte === colon) {
      values++
    }
  }
  if (values > limits.values) {
    throw new ServiceError('too_large', `expected at most ${limits.values} values in a message, got ${values}`)
  }
}
