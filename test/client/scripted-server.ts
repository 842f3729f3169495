import { type ClientCodec, json } from '../../src/client/index.ts'

// biome-ignore lint/suspicious/noExplicitAny: the tests look at whatever the client sent
type Sent = Record<string, any>

/** Sockets whose other end is the test: it sees what a client sends, and says what a server would. */
export class ScriptedServer {
  /** Oldest first. */
  readonly sockets: ScriptedSocket[] = []
  readonly WebSocket: typeof WebSocket

  constructor(codec: ClientCodec = json) {
    const { sockets } = this
    class Socket extends ScriptedSocket {
      constructor(_url: string, _subprotocol: string) {
        super(codec)
        sockets.push(this)
      }
    }
    this.WebSocket = Socket as unknown as typeof WebSocket
  }

  get socket(): ScriptedSocket {
    return this.sockets.at(-1)!
  }

  /** Opens the newest socket and says welcome. */
  welcome(generation = 'first'): ScriptedSocket {
    this.socket.open()
    this.socket.say({ type: 'welcome', protocol: 1, generation, model: { algorithm: 'als' } })
    return this.socket
  }
}

export class ScriptedSocket {
  readonly #codec: ClientCodec
  #sent: Sent[] = []
  isClosed = false
  onopen: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  onerror: (() => void) | null = null

  constructor(codec: ClientCodec) {
    this.#codec = codec
  }

  // What the client calls.

  send(frame: string | Uint8Array<ArrayBuffer>): void {
    this.#sent.push(this.#codec.decode(typeof frame === 'string' ? frame : frame.slice().buffer) as Sent)
  }

  close(): void {
    this.isClosed = true
  }

  // What the test calls.

  open(): void {
    this.onopen?.()
  }

  say(message: object): void {
    this.frame(JSON.stringify(message))
  }

  frame(data: string): void {
    this.onmessage?.({ data })
  }

  lose(): void {
    this.isClosed = true
    this.onclose?.({ code: 1006, reason: '' })
  }

  /** What was sent since this was called last. */
  take(): Sent[] {
    return this.#sent.splice(0)
  }
}
