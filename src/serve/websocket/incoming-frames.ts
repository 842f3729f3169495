import { ServiceError } from '../../protocol/errors.ts'
import { limits } from '../../protocol/limits.ts'
import { answerInterval, type RateDecision } from '../load/rate-limiter.ts'
import type { Turns, TurnTaker } from '../load/turns.ts'
import type { Sender, Service } from '../service.ts'
import { WaitingFrames } from './waiting-frames.ts'

/** Frames of a client with a rate that may wait to be read: one that sends more at once must wait itself. */
const mostWaiting = 1000
/** Frames that a socket may have read before it is the turn of the next. */
const framesAtOnce = 16
/** Messages in a row that are none, before the `hello` and after it: who sends more does not listen to the answers. */
const mostFaults = { before: 10, after: 20 } as const

/** Whose frames are read. */
export interface FrameHandler {
  sender(): Sender
  /** Whether the answers to what was read leave room for more. */
  hasRoom(): boolean
  /** Whether nothing more is read. */
  isEnding(): boolean
  /** Does what the frame says; gives whether it was a message that the client may send. Never throws. */
  read(bytes: Uint8Array, isBinary: boolean): boolean
  /** Answers a frame that is not read. */
  refuse(error: ServiceError): void
  /** Closes the socket. */
  end(code: number, reason: string): void
  /** Frames of so many bytes wait to be read. */
  holdUnread(bytes: number): void
}

/** Frames of one socket: read at once, when it is its turn, or not at all where they are more than the rate allows. */
export class IncomingFrames implements TurnTaker {
  readonly #service: Service
  readonly #turns: Turns
  readonly #handler: FrameHandler
  /** Those that came while they could not be read. */
  readonly #waiting = new WaitingFrames()
  /** Messages since the last that was one. */
  #faults = 0
  /** Runs while messages were refused that are not answered. */
  #notice: NodeJS.Timeout | undefined

  constructor(service: Service, turns: Turns, handler: FrameHandler) {
    this.#service = service
    this.#turns = turns
    this.#handler = handler
  }

  /** Takes one frame. `bytes` need to live only until this returns. */
  receive(bytes: Uint8Array, isBinary: boolean): void {
    const [handler, service, waiting] = [this.#handler, this.#service, this.#waiting]
    if (handler.isEnding()) return
    const sender = handler.sender()
    const isFull = waiting.size >= mostWaiting
    if (this.#refuses(isFull ? service.decideExcess(sender) : service.decide(sender, bytes.length))) return
    // Only few are read of one without a caller, before it has one, and of one whose last message was none: then it is closed.
    const isShort = !sender.caller || this.#faults > 0
    if (waiting.size === 0 && handler.hasRoom() && (this.#turns.begin() || isShort)) {
      this.#read(bytes, isBinary)
      this.#turns.end()
    } else if (waiting.bytes + bytes.length > limits.frameBytes) {
      handler.refuse(new ServiceError('rate_limited', 'expected answers to be read: no more messages are kept before'))
    } else {
      waiting.push(bytes, isBinary)
      // Whether many come that are none is found out before they are kept.
      if (this.#faults > 0 || waiting.size === framesAtOnce) this.#readWaiting(1)
      this.readLater()
    }
  }

  takeTurn(): boolean {
    this.#readWaiting(framesAtOnce)
    return this.#waiting.size > 0 && this.#handler.hasRoom()
  }

  #readWaiting(most: number): void {
    const [handler, waiting] = [this.#handler, this.#waiting]
    for (let read = 0; read < most && handler.hasRoom(); read++) {
      const frame = waiting.shift()
      if (!frame) break
      if (!this.#refuses(this.#service.decideLate(handler.sender()))) this.#read(frame.bytes, frame.isBinary)
    }
    handler.holdUnread(waiting.bytes)
  }

  /** Has the frames that wait read when it is the socket's turn, if they can be. */
  readLater(): void {
    if (this.#waiting.size === 0) return
    this.#handler.holdUnread(this.#waiting.bytes)
    if (this.#handler.hasRoom()) this.#turns.add(this)
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting.clear()
    this.#turns.remove(this)
  }

  /** The socket is gone. */
  close(): void {
    clearTimeout(this.#notice)
    this.clear()
  }

  /** A client that does not speak the protocol is told so some times, and then closed. */
  #read(bytes: Uint8Array, isBinary: boolean): void {
    this.#faults = this.#handler.read(bytes, isBinary) ? 0 : this.#faults + 1
    const most = this.#handler.sender().caller ? mostFaults.after : mostFaults.before
    if (this.#faults >= most) this.#handler.end(1008, `${most} messages in a row were none`)
  }

  /** Whether a message is not read, by `decision`, which is answered now or soon. */
  #refuses(decision: RateDecision): boolean {
    if (decision === 'taken') return false
    if (decision === 'silence') {
      this.#notice ??= setTimeout(() => this.#noticeRefused(), answerInterval)
    } else if (decision === 'flood') {
      this.#handler.end(1008, 'rate_limited: more messages were sent than the server takes of one client')
    } else {
      this.#handler.refuse(decision)
    }
    return true
  }

  #noticeRefused(): void {
    this.#notice = undefined
    const error = this.#service.rateNotice(this.#handler.sender())
    if (error) this.#handler.refuse(error)
  }
}
