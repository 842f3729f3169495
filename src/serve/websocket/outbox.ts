import type { WebSocket } from 'uWebSockets.js'
import type { Codec, LongResult } from '../../protocol/codec.ts'
import { bytesOf, isLongAnswer } from '../../protocol/long-answers.ts'
import type { ListContent, ListEnvelope, ServerMessage } from '../../protocol/messages.ts'
import type { HeldBytes, SendMemory } from '../load/send-memory.ts'
import type { Turns, TurnTaker } from '../load/turns.ts'

/** Writes one message in parts, between which nothing else is sent: uWebSockets.js has it, but not its types. */
export interface FragmentSender {
  sendFirstFragment(fragment: string | Uint8Array, isBinary: boolean): unknown
  sendFragment(fragment: string | Uint8Array): unknown
  sendLastFragment(fragment: string | Uint8Array): unknown
}

/** The part of a socket that an outbox needs. */
export type Sink = Pick<WebSocket<unknown>, 'send' | 'getBufferedAmount' | 'cork'> & FragmentSender

/** With this many bytes unread, lists are kept back: the reader is slow, and only the newest will be of use. */
const slowAt = 64 * 1024

/** What all outboxes of a server share. */
export interface OutboxShare {
  readonly memory: SendMemory
  readonly answerTurns: Turns
}

export interface OutboxListener {
  /** A list was replaced by a newer one before it could leave. */
  readonly onSkip: () => void
  /** The memory is needed for others: the socket must be closed. */
  readonly onOverflow: () => void
  /** Lists were dropped, those of these subscriptions, and the reader has caught up: they are wanted anew. */
  readonly onLost: (subscriptions: readonly number[]) => void
  /** A long answer was written: there may be room for others. */
  readonly onAnswered: () => void
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
 * Messages put in with `push` always leave, in order. A long answer leaves in pieces, as it is read, and when it is the
 * socket's turn. Of the lists of one subscription only the newest waits, and all of them wait while the reader is slow; they
 * are encoded when they leave.
 */
export class Outbox implements TurnTaker {
  readonly #socket: Sink
  readonly #codec: Codec
  readonly #listener: OutboxListener
  readonly #turns: Turns
  readonly #held: HeldBytes
  #messages: ServerMessage[] = []
  #lists = new Map<number, WaitingList>()
  /** Subscriptions whose lists were dropped. */
  #lost = new Set<number>()
  /** Bytes of frames that came and wait for the reader to catch up. */
  #unread = 0
  #unsent = 0
  /** The long answer that is being written. */
  #answer: { readonly bytes: number; readonly pieces: Generator<string | Uint8Array> } | undefined
  /** Bytes of long answers that are not wholly encoded. */
  #unencoded = 0
  #scheduled = false
  #closed = false

  constructor(socket: Sink, codec: Codec, { memory, answerTurns }: OutboxShare, listener: OutboxListener) {
    this.#socket = socket
    this.#codec = codec
    this.#turns = answerTurns
    this.#listener = listener
    this.#held = memory.join({ dropLists: () => this.#dropLists(), close: () => listener.onOverflow() })
  }

  /** Bytes that are to be written, or were and are not sent, as of when something was written or sent last. */
  get unsent(): number {
    return this.#unsent + this.#unencoded
  }

  push(message: ServerMessage): void {
    this.#messages.push(message)
    if (isLong(message)) this.#unencoded += bytesOf(message.result)
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
    this.#held.set(this.unsent + bytes)
  }

  /** Writes what may be written now: at the end of each turn of the event loop, and when the reader has caught up. */
  flush(): void {
    this.#scheduled = false
    if (this.#closed) return
    this.#socket.cork(() => {
      this.#sendMessages()
      // They would be within its message.
      if (this.#answer) return
      for (const [subscription, { envelope, list }] of this.#lists) {
        if (this.#socket.getBufferedAmount() > slowAt) break
        this.#remove(subscription)
        this.#socket.send(this.#codec.encodeList(envelope, list), this.#codec.binary)
      }
    })
    this.#noteUnsent()
    if (this.#answer && this.#isRead) this.#turns.add(this)
    for (const waiting of this.#lists.values()) {
      if (waiting.isKept) continue
      waiting.isKept = true
      this.#held.keep(waiting.list)
    }
    if (this.#lost.size > 0 && this.#isRead) {
      const lost = [...this.#lost]
      this.#lost.clear()
      this.#listener.onLost(lost)
    }
  }

  /** Writes all messages, also where the reader is slow. */
  finish(): void {
    while (this.#answer) this.#socket.cork(() => this.#sendPiece())
    this.flush()
    if (this.#answer) this.finish()
  }

  /** Writes the next piece of a long answer, and after the last what has come meanwhile. */
  takeTurn(): boolean {
    if (this.#closed || !this.#answer) return false
    this.#socket.cork(() => this.#sendPiece())
    if (this.#answer) {
      this.#noteUnsent()
    } else {
      this.flush()
      this.#listener.onAnswered()
    }
    return this.#answer !== undefined && this.#isRead
  }

  /** Whether the reader keeps up. */
  get #isRead(): boolean {
    return this.#unsent <= slowAt
  }

  /** Up to and with the begin of a long answer. */
  #sendMessages(): void {
    let sent = 0
    while (!this.#answer && sent < this.#messages.length) {
      const message = this.#messages[sent++]!
      if (isLong(message)) this.#sendFirstPiece(message)
      else this.#socket.send(this.#codec.encode(message), this.#codec.binary)
    }
    this.#messages.splice(0, sent)
  }

  #sendFirstPiece(message: LongResult): void {
    const pieces = this.#codec.encodePieces(message)
    this.#answer = { pieces, bytes: bytesOf(message.result) }
    this.#socket.sendFirstFragment(pieces.next().value, this.#codec.binary)
  }

  #sendPiece(): void {
    const { pieces, bytes } = this.#answer!
    const { value, done } = pieces.next()
    if (!done) {
      this.#socket.sendFragment(value)
      return
    }
    this.#socket.sendLastFragment('')
    this.#answer = undefined
    this.#unencoded -= bytes
  }

  #noteUnsent(): void {
    this.#unsent = this.#socket.getBufferedAmount()
    this.#held.set(this.unsent + this.#unread)
  }

  /** The socket must not be used any more. */
  close(): void {
    this.#closed = true
    this.#turns.remove(this)
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

function isLong(message: ServerMessage): message is LongResult {
  return message.type === 'result' && isLongAnswer(message.result)
}
