import type { ServiceError } from './errors.ts'
import { unpackMsgpack } from './msgpack.ts'
import { type MsgpackBounds, MsgpackScanner } from './msgpack-scanner.ts'
import { peekRequestNumber } from './rpc.ts'

const nothing = new Uint8Array(0)

/** In place of a message that must not be unpacked. */
export class RefusedMessage {
  readonly error: ServiceError
  /** Of the request that it is, where that can be read. */
  readonly number: number | undefined
  /** Whether the end of it cannot be found: nothing that follows can be read. */
  readonly isLast: boolean

  constructor(error: ServiceError, number: number | undefined, isLast: boolean) {
    this.error = error
    this.number = number
    this.isLast = isLast
  }
}

/**
 * Cuts a stream of bytes into MessagePack values, however the stream is cut into chunks. It keeps no more than the bytes
 * of one value that is within its bounds, and the last chunk.
 */
export class RpcReader {
  readonly #scanner: MsgpackScanner
  /** The unread bytes are those from `#start` to `#end`. */
  #bytes: Uint8Array = nothing
  #start = 0
  /** From here on nothing is scanned yet. */
  #scanned = 0
  #end = 0
  /** Whether `#bytes` was made here, with room for more, or is somebody's chunk. */
  #isOwn = false
  /** The message that is being read, once it is refused. */
  #refused: RefusedMessage | undefined
  #isBroken = false

  constructor(bounds: MsgpackBounds) {
    this.#scanner = new MsgpackScanner(bounds)
  }

  /** Adds what came; nobody may write to `chunk` any more. */
  push(chunk: Uint8Array): void {
    const unread = this.#end - this.#start
    if (unread === 0) {
      this.#bytes = chunk
      this.#start = 0
      this.#scanned = 0
      this.#end = chunk.length
      this.#isOwn = false
      return
    }
    if (!this.#isOwn || this.#end + chunk.length > this.#bytes.length) {
      const roomy = new Uint8Array(2 * (unread + chunk.length))
      roomy.set(this.#bytes.subarray(this.#start, this.#end))
      this.#bytes = roomy
      this.#scanned -= this.#start
      this.#start = 0
      this.#end = unread
      this.#isOwn = true
    }
    this.#bytes.set(chunk, this.#end)
    this.#end += chunk.length
  }

  /** The next message, unpacked or as a {@link RefusedMessage}; undefined until more bytes come. */
  next(): unknown {
    if (this.#isBroken) return undefined
    try {
      return this.#read()
    } catch (error) {
      const { number } = this.#refused ?? { number: this.#number }
      this.#isBroken = true
      this.#release()
      return new RefusedMessage(error as ServiceError, number, true)
    }
  }

  #read(): unknown {
    const scanner = this.#scanner
    const isWhole = scanner.scan(this.#bytes, this.#scanned, this.#end)
    this.#scanned = scanner.position
    const { refusal } = scanner
    if (refusal) {
      this.#refused ??= new RefusedMessage(refusal, this.#number, false)
      this.#start = this.#scanned
    }
    if (!isWhole) {
      if (this.#start === this.#end) this.#release()
      return undefined
    }
    const message = this.#refused ?? unpackMsgpack(this.#bytes, this.#start, this.#scanned)
    this.#start = this.#scanned
    this.#refused = undefined
    scanner.begin()
    return message
  }

  /** Of the request that begins the unread bytes, where it can be read. */
  get #number(): number | undefined {
    return peekRequestNumber(this.#bytes, this.#start, this.#end)
  }

  #release(): void {
    this.#bytes = nothing
    this.#start = 0
    this.#scanned = 0
    this.#end = 0
  }
}
