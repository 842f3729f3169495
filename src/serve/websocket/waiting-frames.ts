interface Frame {
  readonly bytes: Uint8Array
  readonly isBinary: boolean
}

/** Frames of one socket that have come and are not read yet, in order. */
export class WaitingFrames {
  #frames: Frame[] = []
  /** Those before it are read. */
  #next = 0
  #bytes = 0

  get size(): number {
    return this.#frames.length - this.#next
  }

  /** Of all frames. */
  get bytes(): number {
    return this.#bytes
  }

  /** Keeps a copy: `bytes` need to live only until this returns. */
  push(bytes: Uint8Array, isBinary: boolean): void {
    this.#frames.push({ bytes: bytes.slice(), isBinary })
    this.#bytes += bytes.length
  }

  shift(): Frame | undefined {
    const frame = this.#frames[this.#next]
    if (!frame) return undefined
    this.#next++
    this.#bytes -= frame.bytes.length
    if (this.#next === this.#frames.length) this.clear()
    return frame
  }

  clear(): void {
    this.#frames = []
    this.#next = 0
    this.#bytes = 0
  }
}
