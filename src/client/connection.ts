import type { ClientMessageInput, ServerMessage } from '../protocol/messages.ts'
import { type BackoffOptions, waitAfter } from './backoff.ts'

/** How messages become frames. */
export interface ClientCodec {
  readonly subprotocol: 'aurochs.v1.json' | 'aurochs.v1.msgpack'
  encode(message: ClientMessageInput): string | Uint8Array<ArrayBuffer>
  decode(frame: string | ArrayBuffer): unknown
}

export const json: ClientCodec = {
  subprotocol: 'aurochs.v1.json',
  encode: message => JSON.stringify(message),
  decode: frame => JSON.parse(frame as string),
}

/**
 * MessagePack by any library that offers `pack` and `unpack`, such as `new Packr({ useRecords: false })` of msgpackr. The
 * server takes plain types only.
 */
export function msgpack(library: {
  pack(value: unknown): Uint8Array
  unpack(bytes: Uint8Array): unknown
}): ClientCodec {
  return {
    subprotocol: 'aurochs.v1.msgpack',
    encode: message => new Uint8Array(library.pack(message)),
    decode: frame => library.unpack(new Uint8Array(frame as ArrayBuffer)),
  }
}

export interface ConnectionOptions extends BackoffOptions {
  /** Default: {@link json}. */
  readonly codec?: ClientCodec
  /** Where the platform has no WebSocket of its own, or another is wanted. */
  readonly WebSocket?: typeof WebSocket
  /** Who is calling, for the server's log: `name/version`. */
  readonly agent?: string
}

export interface Listeners {
  /** The server has said welcome: everything that should hold on this connection must be said anew. */
  readonly onWelcome: () => void
  readonly onMessage: (message: ServerMessage) => void
  /** The connection was lost, or could not be made; another try follows in `wait` ms. */
  readonly onLost: (reason: string, wait: number) => void
}

const protocolVersion = 1
/** In ms. Between signs of life, and until the server must have given one. */
const [pingEvery, answerWithin] = [20_000, 10_000]

/** A socket that comes back when it is lost, until it is closed. */
export class Connection {
  readonly #url: string
  readonly #listeners: Listeners
  readonly #options: ConnectionOptions
  readonly #codec: ClientCodec
  #socket: WebSocket | undefined
  #welcome = false
  #failures = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #closed = false

  constructor(url: string, listeners: Listeners, options: ConnectionOptions) {
    this.#url = url
    this.#listeners = listeners
    this.#options = options
    this.#codec = options.codec ?? json
    this.#connect()
  }

  get open(): boolean {
    return this.#welcome
  }

  /** Sends if connected; otherwise does nothing, since `onWelcome` will be the time to say it. */
  send(message: ClientMessageInput): void {
    if (this.#welcome) this.#write(message)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#timer)
    this.#socket?.close(1000)
    this.#drop()
  }

  #write(message: ClientMessageInput): void {
    this.#socket?.send(this.#codec.encode(message))
  }

  #connect(): void {
    const socket = new (this.#options.WebSocket ?? WebSocket)(this.#url, this.#codec.subprotocol)
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => {
      const { agent } = this.#options
      this.#write({ type: 'hello', protocol: protocolVersion, ...(agent !== undefined && { agent }) })
    }
    socket.onmessage = event => this.#receive(event.data)
    socket.onclose = event => this.#lost(event.reason || `closed with code ${event.code}`)
    // A close should follow, but Node's WebSocket has none for a connection that never came about.
    socket.onerror = () => this.#lost('the connection failed')
    this.#socket = socket
    this.#expectAnswer()
  }

  #receive(frame: string | ArrayBuffer): void {
    this.#expectSilence()
    const message = this.#codec.decode(frame) as ServerMessage
    if (message.type === 'welcome') {
      this.#welcome = true
      this.#failures = 0
      this.#listeners.onWelcome()
    } else if (message.type !== 'pong') {
      this.#listeners.onMessage(message)
    }
  }

  /** The server has just spoken: if it then falls silent, it is asked whether it is still there. */
  #expectSilence(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#write({ type: 'ping' })
      this.#expectAnswer()
    }, pingEvery)
  }

  #expectAnswer(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      // A dead peer never confirms a close, and browsers wait long for it.
      const socket = this.#socket
      this.#lost(`no answer within ${answerWithin / 1000} s`)
      socket?.close()
    }, answerWithin)
  }

  #lost(reason: string): void {
    if (this.#closed) return
    this.#drop()
    const wait = waitAfter(++this.#failures, this.#options)
    this.#timer = setTimeout(() => this.#connect(), wait)
    this.#listeners.onLost(reason, wait)
  }

  #drop(): void {
    clearTimeout(this.#timer)
    this.#welcome = false
    if (this.#socket) this.#socket.onclose = this.#socket.onerror = this.#socket.onmessage = this.#socket.onopen = null
    this.#socket = undefined
  }
}
