/** Who has frames that wait to be read. */
export interface FrameReader {
  /** Reads at most `most` frames; gives whether more can be read now. */
  readSome(most: number): boolean
}

/** In ms: for how long frames are read in one turn of the event loop; all other connections are served between two. */
const turnTime = 2
/** Frames that a socket may have read before it is the turn of the next. */
const framesAtOnce = 16

/**
 * When frames are read. The socket library gives out all frames that have come, of one socket after the other, which may be
 * hundreds of thousands: those beyond the time of a turn wait, and then their sockets take turns.
 */
export class FrameTurns {
  /** In the order of their turns. */
  readonly #readers = new Set<FrameReader>()
  /** On the clock of `performance.now()`; undefined until something is read in this turn. */
  #turnEnd: number | undefined

  /** Whether a frame may be read at once. */
  get hasTime(): boolean {
    const now = performance.now()
    if (this.#turnEnd === undefined) {
      this.#turnEnd = now + turnTime
      setImmediate(() => this.#nextTurn())
    }
    return now < this.#turnEnd
  }

  /** Has the frames of `reader` read when its turn comes. */
  add(reader: FrameReader): void {
    this.#readers.add(reader)
    if (this.#turnEnd !== undefined) return
    this.#turnEnd = 0
    setImmediate(() => this.#nextTurn())
  }

  /** It has gone. */
  remove(reader: FrameReader): void {
    this.#readers.delete(reader)
  }

  #nextTurn(): void {
    this.#turnEnd = undefined
    if (this.#readers.size === 0) return
    const end = performance.now() + turnTime
    // Those that are added again come last, in this loop.
    for (const reader of this.#readers) {
      if (performance.now() >= end) break
      this.#readers.delete(reader)
      if (reader.readSome(framesAtOnce)) this.#readers.add(reader)
    }
    if (this.#readers.size === 0) return
    // What comes meanwhile waits behind them.
    this.#turnEnd = 0
    setImmediate(() => this.#nextTurn())
  }
}
