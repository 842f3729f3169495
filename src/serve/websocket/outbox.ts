import type { WebSocket } from 'uWebSockets.js'
import type { Codec } from '../../protocol/codec.ts'
import type { ServerMessage } from '../../protocol/messages.ts'

/** The part of a socket that an outbox needs. */
export type Sink = Pick<WebSocket<unknown>, 'send' | 'getBufferedAmount' | 'cork'>

/** With this many bytes unread, lists are kept back: the reader is slow, and only the newest will be of use. */
const slowAt = 64 * 1024
/** With this many beside the largest message, nothing more can be kept for the reader. */
const overflowAt = 16 * 1024 * 1024

export interface OutboxListener {
  /** A list was replaced by a newer one before it could leave. */
  readonly onSkip: () => void
  /** So much is unread that the socket must be closed. */
  readonly onOverflow: () => void
}

/**
 * What waits to be written to one socket. Messages of one turn of the event loop leave in one write.
 *
 * Messages put in with `push` always leave, in order. Of the lists of one subscription only the newest waits, and all of
 * them wait while the reader is slow; they are encoded when they leave.
 */
export class Outbox {
  readonly #socket: Sink
  readonly #codec: Codec
  readonly #listener: OutboxListener
  #messages: ServerMessage[] = []
  #lists = new Map<number, ServerMessage>()
  /** Bytes of the largest message that was written since the reader had read all. */
  #largest = 0
  #scheduled = false
  #closed = false

  constructor(socket: Sink, codec: Codec, listener: OutboxListener) {
    this.#socket = socket
    this.#codec = codec
    this.#listener = listener
  }

  push(message: ServerMessage): void {
    this.#messages.push(message)
    this.#schedule()
  }

  /** Puts the newest list of `subscription` in place of one that still waits. */
  offerList(subscription: number, list: ServerMessage): void {
    if (this.#lists.delete(subscription)) this.#listener.onSkip()
    this.#lists.set(subscription, list)
    this.#schedule()
  }

  /** Drops the list of `subscription` that waits. */
  dropList(subscription: number): void {
    this.#lists.delete(subscription)
  }

  /** Writes what may be written now: at the end of each turn of the event loop, and when the reader has caught up. */
  flush(): void {
    this.#scheduled = false
    if (this.#closed) return
    this.#socket.cork(() => {
      for (const message of this.#messages.splice(0)) this.#send(message)
      for (const [subscription, list] of this.#lists) {
        if (this.#socket.getBufferedAmount() > slowAt) return
        this.#lists.delete(subscription)
        this.#send(list)
      }
    })
    if (this.#socket.getBufferedAmount() > overflowAt + this.#largest) this.#listener.onOverflow()
  }

  /** The socket must not be used any more. */
  close(): void {
    this.#closed = true
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    queueMicrotask(() => this.flush())
  }

  #send(message: ServerMessage): void {
    const frame = this.#codec.encode(message)
    if (this.#socket.getBufferedAmount() === 0) this.#largest = 0
    this.#largest = Math.max(this.#largest, typeof frame === 'string' ? Buffer.byteLength(frame) : frame.length)
    this.#socket.send(frame, this.#codec.binary)
  }
}
