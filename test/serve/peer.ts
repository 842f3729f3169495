import { Packr } from 'msgpackr'
import type { Subprotocol } from '../../src/protocol/versions.ts'

// biome-ignore lint/suspicious/noExplicitAny: a peer takes what comes, and the tests look at it
export type Message = Record<string, any>

const packr = new Packr({ useRecords: false, variableMapSize: true })

/** The other end of a socket, as anyone could write it from the protocol's description: it knows nothing of our client. */
export class Peer {
  readonly #socket: WebSocket
  readonly #subprotocol: Subprotocol
  readonly #arrived: Message[] = []
  #wake: () => void = () => {}
  /** Once the socket is closed. */
  closed: { readonly code: number; readonly reason: string } | undefined

  static async connect(url: string, subprotocol: Subprotocol = 'aurochs.v1.json'): Promise<Peer> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/stream`, subprotocol)
    socket.binaryType = 'arraybuffer'
    await new Promise((resolve, reject) => {
      socket.onopen = resolve
      socket.onerror = () => reject(new Error(`no socket at ${url}`))
    })
    return new Peer(socket, subprotocol)
  }

  /** Connected and welcome. */
  static async greeted(url: string, subprotocol?: Subprotocol): Promise<Peer> {
    const peer = await Peer.connect(url, subprotocol)
    peer.send({ type: 'hello', protocol: 1 })
    await peer.next('welcome')
    return peer
  }

  private constructor(socket: WebSocket, subprotocol: Subprotocol) {
    this.#socket = socket
    this.#subprotocol = subprotocol
    socket.onmessage = ({ data }) => {
      this.#arrived.push(typeof data === 'string' ? JSON.parse(data) : packr.unpack(new Uint8Array(data)))
      this.#wake()
    }
    socket.onclose = ({ code, reason }) => {
      this.closed = { code, reason }
      this.#wake()
    }
  }

  send(message: Message): void {
    this.raw(this.#subprotocol === 'aurochs.v1.json' ? JSON.stringify(message) : new Uint8Array(packr.pack(message)))
  }

  /** Sends a frame as it is. */
  raw(frame: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(frame)
  }

  /** The next message of one of `types`; what comes before it is left for later. */
  async next(...types: string[]): Promise<Message> {
    for (;;) {
      const at = this.#arrived.findIndex(message => types.includes(message.type))
      if (at >= 0) return this.#arrived.splice(at, 1)[0]
      if (this.closed) throw new Error(`closed with ${this.closed.code} before ${types} came`)
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  /** What has arrived and was not asked for yet. */
  get waiting(): readonly Message[] {
    return this.#arrived
  }

  async close(): Promise<void> {
    this.#socket.close()
    await this.ended()
  }

  async ended(): Promise<void> {
    while (!this.closed) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }
}
