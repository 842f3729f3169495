import type { WebSocket } from 'uWebSockets.js'
import type { Codec } from '../../protocol/codec.ts'
import type { ListContent, ListEnvelope, ServerMessage } from '../../protocol/messages.ts'
import type { HeldBytes, SendMemory } from '../load/send-memory.ts'

/** The part of a socket that an outbox needs. */
export type Sink = Pick<WebSocket<unknown>, 'send' | 'getBufferedAmount' | 'cork'>

/** With this many bytes unread, lists are kept back: the reader is slow, and only the newest will be of use. */
const slowAt = 64 * 1024

export interface OutboxListener {
  /** A list was replaced by a newer one before it could leave. */
  readonly onSkip: () => void
  /** The memory is needed for others: the socket must be closed. */
  readonly onOverflow: () => void
  /** Lists were dropped, those of these subscriptions, and the reader has caught up: they are wanted anew. */
  readonly onLost: (subscriptions: readonly number[]) => void
}

/** The newest list of a subscription. */
interface WaitingList {
  readonly envelope: ListEnvelope
  readonly list: ListContent
  /** Whether it was told to the memory that all connections share. */
  isKept: boolean
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
  readonly #held: HeldBytes
  #messages: ServerMessage[] = []
  #lists = new Map<number, WaitingList>()
  /** Subscriptions whose lists were dropped. */
  #lost = new Set<number>()
  /** Bytes of frames that came and wait for the reader to catch up. */
  #unread = 0
  #unsent = 0
  #scheduled = false
  #closed = false

  constructor(socket: Sink, codec: Codec, memory: SendMemory, listener: OutboxListener) {
    this.#socket = socket
    this.#codec = codec
    this.#listener = listener
    this.#held = memory.join({ dropLists: () => this.#dropLists(), close: () => listener.onOverflow() })
  }

  /** Bytes that were written and not sent, as of when something was written or sent last. */
  get unsent(): number {
    return this.#unsent
  }

  push(message: ServerMessage): void {
    this.#messages.push(message)
    this.#schedule()
  }

  /** Puts the newest list of a subscription in place of one that still waits. */
  offerList(envelope: ListEnvelope, list: ListContent): void {
    const { subscription } = envelope
    if (this.#remove(subscription)) this.#listener.onSkip()
    this.#lists.set(subscription, { envelope, list, isKept: false })
    this.#schedule()
  }

  /** Drops the list of `subscription` that waits. */
  dropList(subscription: number): void {
    this.#lost.delete(subscription)
    this.#remove(subscription)
  }

  /** Counts the bytes of frames that came and wait until the reader has caught up. */
  holdUnread(bytes: number): void {
    this.#unread = bytes
    this.#held.set(this.#unsent + bytes)
  }

  /** Writes what may be written now: at the end of each turn of the event loop, and when the reader has caught up. */
  flush(): void {
    this.#scheduled = false
    if (this.#closed) return
    this.#socket.cork(() => {
      for (const message of this.#messages.splice(0)) {
        this.#socket.send(this.#codec.encode(message), this.#codec.binary)
      }
      for (const [subscription, { envelope, list }] of this.#lists) {
        if (this.#socket.getBufferedAmount() > slowAt) break
        this.#remove(subscription)
        this.#socket.send(this.#codec.encodeList(envelope, list), this.#codec.binary)
      }
    })
    this.#unsent = this.#socket.getBufferedAmount()
    for (const waiting of this.#lists.values()) {
      if (waiting.isKept) continue
      waiting.isKept = true
      this.#held.keep(waiting.list)
    }
    this.#held.set(this.#unsent + this.#unread)
    if (this.#lost.size > 0 && this.#unsent <= slowAt) {
      const lost = [...this.#lost]
      this.#lost.clear()
      this.#listener.onLost(lost)
    }
  }

  /** The socket must not be used any more. */
  close(): void {
    this.#closed = true
    for (const subscription of [...this.#lists.keys()]) this.#remove(subscription)
    this.#held.leave()
  }

  /** Gives whether a list of `subscription` waited. */
  #remove(subscription: number): boolean {
    const waiting = this.#lists.get(subscription)
    if (!waiting) return false
    this.#lists.delete(subscription)
    if (waiting.isKept) this.#held.drop(waiting.list)
    return true
  }

  #dropLists(): void {
    for (const [subscription, { isKept }] of [...this.#lists]) {
      if (!isKept) continue
      this.#remove(subscription)
      this.#lost.add(subscription)
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    queueMicrotask(() => this.flush())
  }
}
