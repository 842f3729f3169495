/** Lines at the end of a terminal that are written anew in place, each cut to its width. */
export class LiveText {
  readonly #stream: NodeJS.WriteStream
  #lines = 0

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
    // Where the process is ended in the middle, the cursor comes back.
    process.on('exit', this.#showCursor)
    stream.write('\x1b[?25l')
  }

  /** Lines that fit. */
  get rows(): number {
    return Math.max(4, (this.#stream.rows ?? 24) - 1)
  }

  show(lines: readonly string[]): void {
    const width = Math.max(20, this.#stream.columns ?? 80)
    const cut = lines.slice(0, this.rows).map(line => (line.length > width ? `${line.slice(0, width - 1)}…` : line))
    // Each line is cleared as it is written: nothing flickers.
    const up = this.#lines > 0 ? `\x1b[${this.#lines}A\r` : ''
    this.#stream.write(`${up}${cut.map(line => `${line}\x1b[K\n`).join('')}\x1b[J`)
    this.#lines = cut.length
  }

  /** Leaves what was shown last. */
  close(): void {
    this.#showCursor()
    process.off('exit', this.#showCursor)
  }

  readonly #showCursor = () => {
    this.#stream.write('\x1b[?25h')
  }
}
