/**
 * The least WebSocket client that our server accepts, over plain TCP: a thousand of them cost a fraction of what
 * a thousand platform WebSockets do, so that the bench measures the server. Text frames only, never fragmented.
 */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'

export interface Listener {
  /** One text frame's bytes, valid until this returns. */
  readonly onText: (text: Buffer) => void
  readonly onEnd: (reason: string) => void
}

export class BareSocket {
  readonly #socket: Socket
  #left: Buffer = Buffer.alloc(0)

  static async open(host: string, port: number, path: string, listener: Listener): Promise<BareSocket> {
    const socket = connect({ host, port, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    )
    const answer = await new Promise<Buffer>((resolve, reject) => {
      socket.once('data', resolve)
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('the server closed the socket before it answered')))
    })
    const head = answer.indexOf('\r\n\r\n')
    if (!answer.toString('latin1', 0, 12).startsWith('HTTP/1.1 101') || head < 0) {
      throw new Error(`the server refused the socket: ${answer.toString('latin1', 0, 200)}`)
    }
    return new BareSocket(socket, answer.subarray(head + 4), listener)
  }

  private constructor(socket: Socket, first: Buffer, listener: Listener) {
    this.#socket = socket
    socket.on('data', bytes => this.#read(bytes, listener))
    socket.on('error', error => listener.onEnd(error.message))
    socket.on('close', () => listener.onEnd('closed'))
    if (first.length > 0) this.#read(first, listener)
  }

  /** `text` must be ASCII and shorter than 64 KiB. */
  send(text: string): void {
    this.#write(0x81, text)
  }

  close(): void {
    this.#socket.removeAllListeners('close')
    this.#socket.destroy()
  }

  #write(opcode: number, text: string): void {
    const long = text.length > 125
    const frame = Buffer.alloc((long ? 8 : 6) + text.length)
    frame[0] = opcode
    frame[1] = 0x80 | (long ? 126 : text.length)
    if (long) frame.writeUInt16BE(text.length, 2)
    // Clients must mask. The mask is the four zeros before the text, which changes nothing and costs nothing.
    frame.write(text, long ? 8 : 6, 'latin1')
    this.#socket.write(frame)
  }

  #read(bytes: Buffer, { onText, onEnd }: Listener): void {
    let buffer = this.#left.length > 0 ? Buffer.concat([this.#left, bytes]) : bytes
    for (;;) {
      if (buffer.length < 2) break
      const short = buffer[1]! & 0x7f
      const head = short < 126 ? 2 : short === 126 ? 4 : 10
      if (buffer.length < head) break
      const length = short < 126 ? short : short === 126 ? buffer.readUInt16BE(2) : Number(buffer.readBigUInt64BE(2))
      if (buffer.length < head + length) break
      const opcode = buffer[0]! & 0x0f
      const body = buffer.subarray(head, head + length)
      if (opcode === 1) onText(body)
      else if (opcode === 9) this.#write(0x8a, body.toString('latin1'))
      else if (opcode === 8) onEnd(`closed with code ${length >= 2 ? body.readUInt16BE() : 1005}`)
      buffer = buffer.subarray(head + length)
    }
    this.#left = buffer
  }
}
