import type { HttpResponse } from 'uWebSockets.js'
import { STATUS_CODES } from 'node:http'
import { errorCodes, ServiceError, wireError } from '../../protocol/errors.ts'
import { limits } from '../../protocol/limits.ts'
import { bytesOf, isLongAnswer, jsonPieces, type ManyLists } from '../../protocol/long-answers.ts'
import type { SendMemory } from '../load/send-memory.ts'
import type { Turns, TurnTaker } from '../load/turns.ts'

/** Answers an HTTP request at once: only within its handler. */
export function refuse(response: HttpResponse, error: unknown): void {
  new Reply(response).refuse(error)
}

export interface ReplyOptions {
  /** Headers that come with every answer. Default: none. */
  readonly headers?: readonly (readonly [string, string])[]
  /** Whether the answer is the last of its connection, asked when it is written. Default: it is not. */
  readonly isLast?: () => boolean
  /** Whether the answer has no body, only the length of one, as to HEAD. Default: it has one. */
  readonly isHeadOnly?: boolean
  /** Bounds what is kept of long answers that are not read. Default: nothing does. */
  readonly memory?: SendMemory
  /** When the pieces of a long answer are written. Default: it is written in one. */
  readonly answerTurns?: Turns
  /** Called once, when it was answered or the client has gone. */
  readonly onOver?: () => void
}

type Headers = readonly (readonly [string, string])[]

/** Bytes that are read as they are sent. */
export interface ByteSource {
  readonly length: number
  /** At least one byte from `offset` on. They are sent before it is called again, and may then be overwritten. */
  readonly read: (offset: number) => Promise<Uint8Array>
}

/** In bytes: longer bodies are written as the client reads them. */
const longBody = 64 * 1024

/** One HTTP answer, written at most once, now or later; nothing is written to a client that has gone. */
export class Reply {
  readonly #response: HttpResponse
  readonly #options: ReplyOptions
  readonly #abort = new AbortController()
  #isOver = false
  /** Whether `onOver` was called. */
  #wasTold = false
  /** Whether the request's body is not read to its end. */
  #isReading = false
  #taken = 0
  /** Called when the client goes before it has read all. */
  #whenGone: (() => void) | undefined

  /** Must be made within the request's handler. */
  constructor(response: HttpResponse, options: ReplyOptions = {}) {
    this.#response = response
    this.#options = options
    response.onAborted(() => {
      this.#whenGone?.()
      this.#end()
      this.abandon(new ServiceError('shutting_down', 'the connection is gone'))
    })
  }

  /** Whether it was answered, or the client has gone. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Aborted when the client has gone, or its request is abandoned. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Bytes of a stream that the network has taken, whole pieces of it. */
  get taken(): number {
    return this.#taken
  }

  /** What works for the answer may end: nobody waits for it any more. A stream is not sent on, and its connection is closed. */
  abandon(reason: ServiceError): void {
    this.#abort.abort(reason)
  }

  json(status: number, value: unknown): void {
    const { memory, answerTurns, isHeadOnly = false } = this.#options
    if (memory && answerTurns && !isHeadOnly && isLongAnswer(value)) {
      if (!this.#isOver) this.#sendInPieces(status, value, memory, answerTurns)
      return
    }
    this.send(status, 'application/json', JSON.stringify(value))
  }

  /** Answers with the error's code and message; what is not for the client becomes `internal`. */
  refuse(error: unknown, more: Headers = []): void {
    const failure = wireError(error)
    const { retryAfter } = failure
    const headers: (readonly [string, string])[] = [...more]
    if (retryAfter !== undefined) headers.push(['retry-after', `${Math.ceil(retryAfter / 1000)}`])
    if (failure.code === 'unauthorized') headers.push(['www-authenticate', 'Bearer'])
    const body = JSON.stringify({ error: failure })
    this.send(errorCodes[failure.code].status, 'application/json', body, headers)
  }

  send(status: number, type: string, body: string, headers: readonly (readonly [string, string])[] = []): void {
    if (this.#isOver) return
    const { isHeadOnly = false, memory } = this.#options
    this.#response.cork(() => {
      this.#writeHead(status, type, headers)
      const closes = this.#closes
      if (isHeadOnly) {
        this.#response.writeHeader('content-length', `${Buffer.byteLength(body)}`)
        if (closes) this.#response.writeHeader('connection', 'close')
        // Told a length, it would wait for the body (uWebSockets #1855).
        this.#response.endWithoutBody()
      } else if (memory && body.length > longBody && !closes) this.#sendLong(Buffer.from(body), memory)
      else this.#response.end(body, closes)
    })
    this.#end()
  }

  /**
   * Sends `length` bytes that `read` gives, a piece at a time, as the client takes them; `read` gives those from an offset, at least one. Whatever
   * happens, also when it is abandoned, it resolves once no more is read.
   *
   * @throws what `read` throws, after the connection is closed.
   */
  async stream(status: number, type: string, headers: Headers, { length, read }: ByteSource): Promise<void> {
    if (this.#isOver) return
    const response = this.#response
    const { isHeadOnly = false } = this.#options
    if (isHeadOnly || length === 0) {
      response.cork(() => {
        this.#writeHead(status, type, headers)
        if (isHeadOnly) response.writeHeader('content-length', `${length}`)
        if (isHeadOnly) response.endWithoutBody()
        else response.end('', this.#closes)
      })
      this.#end()
      return
    }
    this.#isOver = true
    let isGone = false
    const gone = new Promise<void>(resolve => {
      this.#whenGone = () => {
        isGone = true
        this.#onOver()
        resolve()
      }
    })
    const close = () => {
      if (!isGone) response.close()
    }
    response.cork(() => this.#writeHead(status, type, headers))
    this.signal.addEventListener('abort', close)
    if (this.signal.aborted) close()
    try {
      for (let sent = 0; sent < length && !isGone; ) {
        const piece = await Promise.race([read(sent), gone])
        if (!piece || isGone) return
        sent += piece.length
        await Promise.race([this.#sendPiece(piece, length), gone])
        this.#taken = sent
      }
      if (!isGone) this.#onOver()
    } catch (error) {
      close()
      throw error
    } finally {
      this.signal.removeEventListener('abort', close)
    }
  }

  /** Resolves once the network has taken all of a piece of `length` bytes. */
  #sendPiece(piece: Uint8Array, length: number): Promise<void> {
    const response = this.#response
    return new Promise(resolve => {
      let isTaken = false
      response.cork(() => {
        const begin = response.getWriteOffset()
        ;[isTaken] = response.tryEnd(piece, length)
        if (isTaken) return
        response.onWritable(offset => {
          const [isTakenNow] = response.tryEnd(piece.subarray(offset - begin), length)
          if (isTakenNow) resolve()
          return isTakenNow
        })
      })
      if (isTaken) resolve()
    })
  }

  /** Answers that what the client has is the newest. */
  notModified(headers: readonly (readonly [string, string])[]): void {
    if (this.#isOver) return
    this.#response.cork(() => {
      this.#writeHead(304, undefined, headers)
      if (this.#closes) this.#response.writeHeader('connection', 'close')
      this.#response.endWithoutBody()
    })
    this.#end()
  }

  /** Whether the answer is the last of its connection. */
  get #closes(): boolean {
    // What is left of a body that is not read would be taken for another request.
    return this.#isReading || (this.#options.isLast?.() ?? false)
  }

  #writeHead(status: number, type: string | undefined, headers: readonly (readonly [string, string])[] = []): void {
    const { headers: always = [] } = this.#options
    this.#response.writeStatus(`${status} ${STATUS_CODES[status]}`)
    for (const [name, value] of [...always, ...headers]) this.#response.writeHeader(name, value)
    if (type !== undefined) this.#response.writeHeader('content-type', type)
  }

  /** Encodes and sends an answer as the client reads it, one piece at each turn. */
  #sendInPieces(status: number, value: ManyLists, memory: SendMemory, turns: Turns): void {
    const response = this.#response
    const pieces = jsonPieces(value)
    const held = memory.join({ dropLists: () => {}, close: () => response.close() })
    const end = () => {
      turns.remove(writer)
      held.leave()
      this.#onOver()
    }
    const writer: TurnTaker = {
      takeTurn: () => {
        let isTaken = true
        response.cork(() => {
          const { value: piece, done } = pieces.next()
          if (!done) isTaken = response.write(piece)
          else response.end('', this.#closes)
          if (done) end()
        })
        return isTaken && !this.#wasTold
      },
    }
    this.#isOver = true
    this.#whenGone = end
    response.cork(() => this.#writeHead(status, 'application/json'))
    response.onWritable(() => {
      turns.add(writer)
      return true
    })
    held.set(bytesOf(value))
    turns.add(writer)
  }

  /** Sends what the network takes, and the rest whenever it takes more: the socket library would keep a copy. */
  #sendLong(body: Buffer, memory: SendMemory): void {
    const response = this.#response
    const begin = response.getWriteOffset()
    const held = memory.join({ dropLists: () => {}, close: () => response.close() })
    this.#whenGone = () => held.leave()
    const sendRest = (offset: number): boolean => {
      const [isTaken, isDone] = response.tryEnd(body.subarray(offset - begin), body.length)
      if (isDone) held.leave()
      else held.set(body.length - (response.getWriteOffset() - begin))
      return isTaken
    }
    response.onWritable(sendRest)
    sendRest(begin)
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#onOver()
  }

  #onOver(): void {
    if (this.#wasTold) return
    this.#wasTold = true
    this.#options.onOver?.()
  }

  /**
   * The request's body, of which `declared` bytes are to come where the client said so. No more of it is read than is
   * allowed: the answer to a longer one closes the connection.
   *
   * @throws {ServiceError} `too_large` when it has more than `limits.messageBytes`.
   */
  body(declared: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const buffer = new BodyBuffer(declared)
      const refuse = () =>
        reject(new ServiceError('too_large', `expected at most ${limits.messageBytes} bytes in a body`))
      this.#isReading = true
      if (declared > limits.messageBytes) return refuse()
      this.#response.onData((chunk, isLast) => {
        if (this.#isOver) return
        if (buffer.length + chunk.byteLength > limits.messageBytes) return refuse()
        buffer.append(new Uint8Array(chunk))
        if (!isLast) return
        this.#isReading = false
        resolve(buffer.bytes)
      })
    })
  }
}

/** The begin of a body, in one buffer that doubles when it is full: a body may come in as many chunks as it has bytes. */
class BodyBuffer {
  #bytes: Uint8Array
  length = 0

  constructor(declared: number) {
    this.#bytes = new Uint8Array(Math.min(declared || 4096, limits.messageBytes))
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }

  append(chunk: Uint8Array): void {
    const length = this.length + chunk.length
    if (length > this.#bytes.length) {
      const roomy = new Uint8Array(Math.max(length, 2 * this.#bytes.length))
      roomy.set(this.bytes)
      this.#bytes = roomy
    }
    this.#bytes.set(chunk, this.length)
    this.length = length
  }
}
