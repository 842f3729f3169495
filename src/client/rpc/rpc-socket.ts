import { connect, type Socket } from 'node:net'
import type { RpcAddress } from '../../protocol/rpc-address.ts'
import { RefusedMessage, RpcReader } from '../../protocol/rpc-reader.ts'

export interface RpcSocketListeners {
  readonly onMessage: (message: unknown) => void
  /** The connection is gone; nothing follows. */
  readonly onEnd: (reason: string) => void
}

/** What the answers of a web server begin with: no answer of MessagePack-RPC does. */
const http = Buffer.from('HTTP/')
/** In ms. */
const connectWithin = 10_000
/** The server's answers are trusted, but not to fill the memory. */
const bounds = { depth: 32, values: Number.POSITIVE_INFINITY, messageBytes: 1 << 28, frameBytes: 1 << 28 }

/** One connection to an RPC server: messages in, encoded messages out. What is sent in one turn leaves in one piece. */
export class RpcSocket {
  readonly #socket: Socket
  readonly #reader = new RpcReader(bounds)
  readonly #listeners: RpcSocketListeners
  #outgoing: Uint8Array[] = []
  /** Whether anything was received. */
  #isAnswered = false
  #reason = 'the server ended it'

  /** @throws Error that says why there is no connection. */
  static connect(address: RpcAddress, listeners: RpcSocketListeners): Promise<RpcSocket> {
    return new Promise((resolve, reject) => {
      const socket = connect(address)
      socket.once('error', reject)
      socket.setTimeout(connectWithin, () => socket.destroy(new Error(`no answer within ${connectWithin} ms`)))
      socket.once('connect', () => {
        socket.off('error', reject)
        socket.setTimeout(0)
        resolve(new RpcSocket(socket, listeners))
      })
    })
  }

  private constructor(socket: Socket, listeners: RpcSocketListeners) {
    this.#socket = socket
    this.#listeners = listeners
    socket.setNoDelay()
    socket.setKeepAlive(true, 60_000)
    socket.on('data', chunk => this.#receive(chunk))
    socket.on('error', error => {
      this.#reason = error.message
    })
    socket.on('close', () => listeners.onEnd(this.#reason))
  }

  /** Sends `bytes` soon. */
  send(bytes: Uint8Array): void {
    if (this.#outgoing.length === 0) process.nextTick(() => this.#flush())
    this.#outgoing.push(bytes)
  }

  /** Sends `bytes`; fulfilled when the system has them. */
  async sendNow(bytes: Uint8Array): Promise<void> {
    this.#flush()
    await new Promise<void>((resolve, reject) => {
      this.#socket.write(bytes, error => (error ? reject(error) : resolve()))
    })
  }

  /** Sends what is left, and ends the connection. */
  close(): void {
    this.#flush()
    this.#socket.end()
  }

  destroy(reason: string): void {
    this.#socket.destroy(new Error(reason))
  }

  #receive(chunk: Uint8Array): void {
    if (!this.#isAnswered && Buffer.from(chunk.subarray(0, http.length)).equals(http)) {
      this.destroy('it speaks HTTP, not the internal RPC: name the address of `aurochs serve --rpc`')
      return
    }
    this.#isAnswered = true
    this.#reader.push(chunk)
    while (!this.#socket.destroyed) {
      const message = this.#reader.next()
      if (message === undefined) return
      if (message instanceof RefusedMessage) {
        this.destroy(message.error.message)
      } else {
        this.#listeners.onMessage(message)
      }
    }
  }

  #flush(): void {
    const outgoing = this.#outgoing
    if (outgoing.length === 0) return
    this.#outgoing = []
    if (this.#socket.writable) this.#socket.write(outgoing.length === 1 ? outgoing[0] : Buffer.concat(outgoing))
  }
}
