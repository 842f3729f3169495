import { connect, type Socket } from 'node:net'
import { Packr, UnpackrStream } from 'msgpackr'

// biome-ignore lint/suspicious/noExplicitAny: a peer takes what comes, and the tests look at it
export type Answer = [1, number | null, Record<string, any> | null, any]

const packr = new Packr({ useRecords: false, variableMapSize: true })

/** The other end of an RPC connection, as anyone could write it from the specification: it knows nothing of our client. */
export class RpcPeer {
  readonly socket: Socket
  readonly #stream = new UnpackrStream({ useRecords: false, mapsAsObjects: true } as never)
  readonly #answers: Answer[] = []
  #wake: () => void = () => {}
  isClosed = false

  /** Connects to `unix:PATH` or `tcp:HOST:PORT`. */
  static async connect(address: string): Promise<RpcPeer> {
    const [scheme, host, port] = address.split(':') as [string, string, string?]
    const socket = scheme === 'unix' ? connect(host) : connect(Number(port), host)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new RpcPeer(socket)
  }

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('close', () => {
      this.isClosed = true
      this.#wake()
    })
    socket.pipe(this.#stream)
    this.#stream.on('data', answer => {
      this.#answers.push(answer)
      this.#wake()
    })
  }

  /** Sends messages in one piece. */
  send(...messages: unknown[]): void {
    this.raw(Buffer.concat(messages.map(message => Buffer.from(packr.pack(message)))))
  }

  raw(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  /** The next answer. */
  async next(): Promise<Answer> {
    while (this.#answers.length === 0) {
      if (this.isClosed) throw new Error('closed before an answer came')
      await this.#news()
    }
    return this.#answers.shift()!
  }

  /** The next `count` answers, by number. */
  async nextOf(count: number): Promise<Map<number | null, Answer>> {
    const answers = new Map<number | null, Answer>()
    for (let n = 0; n < count; n++) {
      const answer = await this.next()
      answers.set(answer[1], answer)
    }
    return answers
  }

  async call(method: string, ...params: unknown[]): Promise<Answer> {
    this.send([0, 4_000_000_000, method, params])
    return this.next()
  }

  /** What has arrived and was not asked for yet. */
  get waiting(): readonly Answer[] {
    return this.#answers
  }

  /** Waits until the server has ended the connection. */
  async ended(): Promise<void> {
    while (!this.isClosed) await this.#news()
  }

  close(): void {
    this.socket.destroy()
  }

  #news(): Promise<void> {
    return new Promise<void>(resolve => {
      this.#wake = resolve
    })
  }
}
