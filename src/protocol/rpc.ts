/**
 * Internal RPC: MessagePack-RPC, as its public specification has it
 * (https://github.com/msgpack-rpc/msgpack-rpc/blob/master/spec.md), over TCP or a Unix socket. Messages follow each other
 * without framing, and answers come in the order in which they are ready:
 *
 *     request       [0, number, method, params]       any method of methods.ts
 *     response      [1, number, nil, result]
 *                   [1, number, error, nil]           error is a map {code, message, retryAfter?}: see errors.ts
 *     notification  [2, method, params]               is carried out and never answered
 *
 * `params` is an array of the method's parameters, a map, and of options, a map: `[]`, `[parameters]` or
 * `[parameters, {timeout: ms}]`. Counted from when the server reads the call, a call that is not answered after `timeout`
 * is answered by `deadline_exceeded`; what of it still waits is not done. Strings are of the type `str`; `bin` is none.
 * They must be UTF-8.
 *
 * Where the server expects a key or a token, a connection begins with `authenticate {key}`, answered by `{}`; what follows
 * is called by its owner. One that is refused is answered by `unauthorized`, and the connection ends; so it does once the
 * key is revoked or has expired, after that error to each pending call and one without a number.
 *
 * A message that is whole but not within limits.ts is answered by an error, and the connection goes on. Where bytes are
 * no MessagePack-RPC, or a message has more than `limits.frameBytes`, nothing can be told of what follows: an error with
 * the request's number, or nil where that is not known, is the last that the server writes before it closes.
 */
import { z } from 'zod'
import { check } from './codec.ts'
import { ServiceError, type WireError } from './errors.ts'
import { limits } from './limits.ts'

/** The parameters of `authenticate`. */
export const AuthenticateSchema = z.object({ key: z.string().min(1).max(limits.credentialLength) })

export const messageType = { request: 0, response: 1, notification: 2 } as const

export type RequestMessage = readonly [0, number, string, readonly unknown[]]
export type ResponseMessage = readonly [1, number | null, WireError | null, unknown]
export type NotificationMessage = readonly [2, string, readonly unknown[]]

/** The longest wait that timers know, in ms. */
export const longestTimeout = 2 ** 31 - 1

const OptionsSchema = z.object({
  timeout: z.number().gt(0).max(longestTimeout, `expected ms up to ${longestTimeout}`).optional(),
})

/** What a call carries beside its method. */
export interface CallArguments {
  readonly parameters: unknown
  /** In ms. */
  readonly timeout?: number | undefined
}

/**
 * What the third part of a message spells.
 *
 * @throws {ServiceError} `bad_message`
 */
export function callArguments(params: unknown): CallArguments {
  if (!Array.isArray(params) || params.length > 2 || params.some(part => !isMap(part))) {
    throw new ServiceError(
      'bad_message',
      'expected params to be [], [parameters] or [parameters, {timeout: ms}], both maps with names as keys',
    )
  }
  const [parameters = {}, options] = params
  return options === undefined ? { parameters } : { parameters, timeout: check(OptionsSchema, options).timeout }
}

/** `value` as the number of a request, a whole one in 32 bits, or undefined. */
export function requestNumber(value: unknown): number | undefined {
  const number = typeof value === 'bigint' ? Number(value) : value
  return typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= 0xffffffff
    ? number
    : undefined
}

/** The number of the request that `bytes` begin with at `start`, if they reach so far. */
export function peekRequestNumber(bytes: Uint8Array, start: number, end: number): number | undefined {
  const first = bytes[start]
  const number = start + 2
  if (number >= end || first !== 0x94 || bytes[start + 1] !== messageType.request) return undefined
  const kind = bytes[number]
  if (kind <= 0x7f) return kind
  const size = kind === 0xcc ? 1 : kind === 0xcd ? 2 : kind === 0xce ? 4 : 0
  if (size === 0 || number + size >= end) return undefined
  let value = 0
  for (let byte = 1; byte <= size; byte++) value = 256 * value + bytes[number + byte]
  return value
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)
}
