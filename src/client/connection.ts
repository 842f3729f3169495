import type { WireError } from '../protocol/errors.ts'
import type { ClientMessageInput, Failure, ServerMessage, Welcome } from '../protocol/messages.ts'
import { features, protocolVersions } from '../protocol/versions.ts'
import { type BackoffOptions, reconnectWait, retryWait } from './backoff.ts'
import { type ClientCodec, encodeWithinLimits, type Frame, json } from './codec.ts'
import type { KeySource } from './key-source.ts'

export interface ConnectionOptions extends BackoffOptions {
  /** Default: {@link json}. */
  readonly codec?: ClientCodec
  /** Where the platform has no WebSocket of its own, or another is wanted. */
  readonly WebSocket?: typeof WebSocket
  /**
   * What the server knows the client by, where it expects a key or a token. One that is refused ends the client; where it is
   * a function, once it has been asked for another. Default: none.
   */
  readonly key?: KeySource
  /** Who is calling, for those who watch the traffic: `name/version`. */
  readonly agent?: string
}

export interface ConnectionListeners {
  /** The server has said welcome: whatever should hold on this connection must be sent anew. */
  readonly onWelcome: (welcome: Welcome) => void
  readonly onMessage: (message: ServerMessage) => void
  /** The server refuses this client for good. */
  readonly onRefused: (failure: WireError) => void
  /** The connection was lost, or could not be made; another try follows in `wait` ms. */
  readonly onDisconnect: (reason: string, wait: number) => void
}

/** In ms: after this long without a message the server is asked whether it is still there. */
const pingInterval = 20_000
/** The code that the server closes a socket with whose key it refuses. */
const unauthorizedClose = 4401
/** In ms: how long it may take to answer that, or to say welcome. */
const answerTimeout = 10_000

/** A socket that is opened again when it is lost, until it is closed. */
export class Connection {
  readonly #url: string
  readonly #listeners: ConnectionListeners
  readonly #options: ConnectionOptions
  readonly #codec: ClientCodec
  readonly #retries = new Set<ReturnType<typeof setTimeout>>()
  #socket: WebSocket | undefined
  #isWelcome = false
  #failures = 0
  /** Counts connections, and what ends them: a key that comes late is for none. */
  #attempt = 0
  /** Whether a key was refused since the last welcome. */
  #isKeyRefused = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #isClosed = false

  constructor(url: string, listeners: ConnectionListeners, options: ConnectionOptions) {
    this.#url = url
    this.#listeners = listeners
    this.#options = options
    this.#codec = options.codec ?? json
    this.#connect()
  }

  /** Whether the server has said welcome on a socket that is still open. */
  get isOpen(): boolean {
    return this.#isWelcome
  }

  /** @throws {RangeError} when `message` is beyond the protocol's limits. */
  encode(message: ClientMessageInput): Frame {
    return encodeWithinLimits(this.#codec, message)
  }

  /** Sends if connected; otherwise does nothing, since `onWelcome` will follow. */
  send(frame: Frame): void {
    if (this.#isWelcome) this.#socket?.send(frame)
  }

  /** Sends after `wait` ms if `isWanted` then, and if the connection was not lost before: then `onWelcome` will follow. */
  sendLater(frame: Frame, wait: number, isWanted: () => boolean): void {
    this.later(wait, () => {
      if (isWanted()) this.send(frame)
    })
  }

  /** Calls `action` after `wait` ms, if the connection was not lost before: then `onWelcome` will follow. */
  later(wait: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#retries.delete(timer)
      action()
    }, wait)
    this.#retries.add(timer)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const socket = this.#socket
    this.#drop()
    socket?.close(1000)
  }

  #write(message: ClientMessageInput): void {
    this.#socket?.send(this.encode(message))
  }

  #connect(): void {
    const { key } = this.#options
    if (typeof key !== 'function') {
      this.#open(key)
      return
    }
    const attempt = ++this.#attempt
    const isWanted = () => attempt === this.#attempt
    this.#expectAnswer()
    Promise.resolve()
      .then(key)
      .then(
        given => {
          if (isWanted()) this.#open(given)
        },
        error => {
          if (isWanted()) this.#lose(`there is no key to connect with: ${(error as Error)?.message ?? error}`)
        },
      )
  }

  #open(key: string | undefined): void {
    const socket = new (this.#options.WebSocket ?? WebSocket)(this.#url, this.#codec.subprotocol)
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => {
      const { agent } = this.#options
      this.#write({ type: 'hello', protocols: [...protocolVersions], features: [...features], key, agent })
    }
    socket.onmessage = event => this.#receive(event.data)
    socket.onclose = ({ code, reason }) => {
      if (code === unauthorizedClose) this.#refuseKey({ code: 'unauthorized', message: reason })
      else this.#lose(reason || `closed with code ${code}`)
    }
    // A close should follow, but Node's WebSocket has none for a connection that was never made.
    socket.onerror = () => this.#lose('the connection failed')
    this.#socket = socket
    this.#expectAnswer()
  }

  #receive(frame: string | ArrayBuffer): void {
    let message: ServerMessage
    try {
      message = this.#codec.decode(frame) as ServerMessage
    } catch {
      this.#lose(`the server sent a frame that is not of ${this.#codec.subprotocol}`)
      return
    }
    if (message.type === 'welcome') {
      this.#isWelcome = true
      this.#isKeyRefused = false
      this.#failures = 0
      this.#expectMessage()
      this.#listeners.onWelcome(message)
    } else if (message.type === 'error' && message.code === 'unauthorized' && isOfConnection(message)) {
      this.#refuseKey(message)
    } else if (this.#isWelcome) {
      this.#expectMessage()
      if (message.type !== 'pong') this.#listeners.onMessage(message)
    } else if (message.type === 'error') {
      if (retryWait(message) === undefined) this.#listeners.onRefused(message)
      else this.#lose(message.message)
    }
  }

  #refuseKey(failure: WireError): void {
    const mayAskAgain = typeof this.#options.key === 'function' && !this.#isKeyRefused
    this.#isKeyRefused = true
    if (mayAskAgain) this.#lose(failure.message)
    else this.#listeners.onRefused(failure)
  }

  /** The server has just sent a message: if no other follows, it is asked whether it is still there. */
  #expectMessage(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#write({ type: 'ping' })
      this.#expectAnswer()
    }, pingInterval)
  }

  #expectAnswer(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#lose(`no answer within ${answerTimeout / 1000} s`), answerTimeout)
  }

  #lose(reason: string): void {
    if (this.#isClosed) return
    const socket = this.#socket
    // Before it is closed: a dead peer never confirms a close, and browsers wait long for it.
    this.#drop()
    socket?.close()
    const wait = reconnectWait(++this.#failures, this.#options)
    this.#timer = setTimeout(() => this.#connect(), wait)
    this.#listeners.onDisconnect(reason, wait)
  }

  #drop(): void {
    this.#attempt++
    clearTimeout(this.#timer)
    for (const timer of this.#retries) clearTimeout(timer)
    this.#retries.clear()
    this.#isWelcome = false
    if (this.#socket) {
      this.#socket.onopen = null
      this.#socket.onmessage = null
      this.#socket.onclose = null
      this.#socket.onerror = null
    }
    this.#socket = undefined
  }
}

/** Whether it answers nothing that was sent, but speaks of the connection. */
function isOfConnection({ request, id, subscription }: Failure): boolean {
  return request === undefined && id === undefined && subscription === undefined
}
