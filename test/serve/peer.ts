import { Packr } from 'msgpackr'
import type { Subprotocol } from '../../src/protocol/versions.ts'

// biome-ignore lint/suspicious/noExplicitAny: a peer takes what comes, and the tests look at it
export type Message = Record<string, any>

const packr = new Packr({ useRecords: false, variableMapSize: true })

/** A WebSocket client as anyone could write it from the description of the protocol, apart from our own client. */
export class Peer {
  readonly #socket: WebSocket
  readonly #subprotocol: Subprotocol
  readonly #arrived: Message[] = []
  #wake: () => void = () => {}
  #requests = 0
  /** Once the socket is closed. */
  closed: { readonly code: number; readonly reason: string } | undefined

  static async connect(
    url: string,
    subprotocol: Subprotocol = 'aurochs.v1.json',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Peer> {
    // Node's takes headers, which the types of browsers do not have.
    const options = { protocols: subprotocol, headers } as unknown as string
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/stream`, options)
    socket.binaryType = 'arraybuffer'
    await new Promise((resolve, reject) => {
      socket.onopen = resolve
      socket.onerror = () => reject(new Error(`no socket at ${url}`))
    })
    return new Peer(socket, subprotocol)
  }

  /** Connected, after the server's welcome. */
  static async greeted(url: string, subprotocol?: Subprotocol): Promise<Peer> {
    const peer = await Peer.connect(url, subprotocol)
    peer.send({ type: 'hello', protocols: [1] })
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

  /** Sends `message` under a request number of its own; gives the message that answers it. */
  ask(message: Message): Promise<Message> {
    const request = ++this.#requests
    this.send({ ...message, request })
    return this.#take(arrived => arrived.request === request, `an answer to ${message.type}`)
  }

  /** The next message of one of `types`; what comes before it is left for later. */
  next(...types: string[]): Promise<Message> {
    return this.#take(arrived => types.includes(arrived.type), types.join(' or '))
  }

  /** What has arrived and was not taken yet. */
  get waiting(): readonly Message[] {
    return this.#arrived
  }

  async close(): Promise<void> {
    this.#socket.close()
    await this.ended()
  }

  async ended(): Promise<void> {
    while (!this.closed) await this.#changed()
  }

  async #take(isWanted: (arrived: Message) => boolean, name: string): Promise<Message> {
    for (;;) {
      const at = this.#arrived.findIndex(isWanted)
      if (at >= 0) return this.#arrived.splice(at, 1)[0]!
      if (this.closed) throw new Error(`closed with ${this.closed.code} before ${name} came`)
      await this.#changed()
    }
  }

  /** Waits for a message, or the end. */
  #changed(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }
}
