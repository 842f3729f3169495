import type { ErrorCode, WireError } from '../protocol/errors.ts'

/** The server's refusal of a request. Codes are stable; see protocol/errors.ts. */
export class ServerError extends Error {
  readonly code: ErrorCode
  /** After how many ms the same request may succeed; undefined where it will fail again. */
  readonly retryAfter: number | undefined

  constructor({ code, message, retryAfter }: WireError) {
    super(message)
    this.name = 'ServerError'
    this.code = code
    this.retryAfter = retryAfter
  }
}
