import type { HttpResponse } from 'uWebSockets.js'
import { STATUS_CODES } from 'node:http'
import { errorCodes, WireError } from '../../protocol/errors.ts'

/** Answers an HTTP request at once: only within its handler. */
export function refuse(response: HttpResponse, error: unknown): void {
  new Reply(response).refuse(error)
}

/** One HTTP answer, written whole and at most once, now or later; nothing is written to who has gone. */
export class Reply {
  readonly #response: HttpResponse
  readonly #headers: readonly (readonly [string, string])[]
  #over = false

  /** Must be made within the request's handler. `headers` come with every answer. */
  constructor(response: HttpResponse, headers: readonly (readonly [string, string])[] = []) {
    this.#response = response
    this.#headers = headers
    response.onAborted(() => {
      this.#over = true
    })
  }

  json(status: number, value: unknown): void {
    this.send(status, 'application/json', JSON.stringify(value))
  }

  /** Answers with the error's code and message; what is not for the client becomes `internal`. */
  refuse(error: unknown): void {
    const { code, message } = error instanceof WireError ? error : new WireError('internal', 'a fault of the server')
    this.json(errorCodes[code].status, { error: { code, message } })
  }

  send(status: number, type: string, body: string): void {
    if (this.#over) return
    this.#over = true
    this.#response.cork(() => {
      this.#response.writeStatus(`${status} ${STATUS_CODES[status]}`)
      for (const [name, value] of this.#headers) this.#response.writeHeader(name, value)
      this.#response.writeHeader('content-type', type).end(body)
    })
  }

  /** The request's body, at most `limit` bytes. */
  body(limit: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      let bytes = Buffer.alloc(0)
      let tooLarge = false
      this.#response.onData((chunk, isLast) => {
        // The chunk's memory is gone when this returns: concat copies it.
        if (bytes.length + chunk.byteLength > limit) tooLarge = true
        else bytes = Buffer.concat([bytes, Buffer.from(chunk)])
        if (!isLast) return
        if (tooLarge) reject(new WireError('too_large', `expected at most ${limit} bytes in a body`))
        else resolve(bytes)
      })
    })
  }
}
