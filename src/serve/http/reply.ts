import type { HttpResponse } from 'uWebSockets.js'
import { STATUS_CODES } from 'node:http'
import { errorCodes, ServiceError, wireError } from '../../protocol/errors.ts'
import { limits } from '../../protocol/limits.ts'

/** Answers an HTTP request at once: only within its handler. */
export function refuse(response: HttpResponse, error: unknown): void {
  new Reply(response).refuse(error)
}

/** One HTTP answer, written whole and at most once, now or later; nothing is written to a client that has gone. */
export class Reply {
  readonly #response: HttpResponse
  readonly #headers: readonly (readonly [string, string])[]
  readonly #abort = new AbortController()
  #isOver = false

  /** Must be made within the request's handler. `headers` come with every answer. */
  constructor(response: HttpResponse, headers: readonly (readonly [string, string])[] = []) {
    this.#response = response
    this.#headers = headers
    response.onAborted(() => {
      this.#isOver = true
      this.#abort.abort(new ServiceError('shutting_down', 'the connection is gone'))
    })
  }

  /** Whether it was answered, or the client has gone. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Aborted when the client has gone. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  json(status: number, value: unknown): void {
    this.send(status, 'application/json', JSON.stringify(value))
  }

  /** Answers with the error's code and message; what is not for the client becomes `internal`. */
  refuse(error: unknown): void {
    const failure = wireError(error)
    const { retryAfter } = failure
    const headers = retryAfter === undefined ? [] : [['retry-after', `${Math.ceil(retryAfter / 1000)}`] as const]
    const body = JSON.stringify({ error: failure })
    this.send(errorCodes[failure.code].status, 'application/json', body, headers)
  }

  send(status: number, type: string, body: string, headers: readonly (readonly [string, string])[] = []): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#response.cork(() => {
      this.#response.writeStatus(`${status} ${STATUS_CODES[status]}`)
      for (const [name, value] of [...this.#headers, ...headers]) this.#response.writeHeader(name, value)
      this.#response.writeHeader('content-type', type).end(body)
    })
  }

  /**
   * The request's body. One of more than `limits.frameBytes` closes the connection instead.
   *
   * @throws {ServiceError} `too_large` when it has more than `limits.messageBytes`.
   */
  body(): Promise<Uint8Array> {
    const { messageBytes, frameBytes } = limits
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      let length = 0
      this.#response.onData((chunk, isLast) => {
        if (this.#isOver) return
        length += chunk.byteLength
        // The chunk's memory is gone when this returns: it is copied.
        if (length <= messageBytes) chunks.push(Buffer.from(chunk.slice(0)))
        if (length > frameBytes) this.#response.close()
        if (!isLast && length <= frameBytes) return
        if (length > messageBytes)
          reject(new ServiceError('too_large', `expected at most ${messageBytes} bytes in a body`))
        else resolve(Buffer.concat(chunks))
      })
    })
  }
}
