/** Who has frames that wait to be read. */
export interface FrameReader {
  /** Reads at most `most` frames; gives whether more can be read now. */
  readSome(most: number): boolean
}

/** In ms: for how long frames are read in one go; all other connections are served between two. */
const turnTime = 2
/** In ms: frames that are further apart are not read in one go. */
const gap = 0.5
/** Frames that a socket may have read before it is the turn of the next. */
const framesAtOnce = 16

/**
 * When frames are read. The socket library gives out all frames that have come, of one socket after the other, which may be
 * hundreds of thousands: those beyond the time of a turn wait, and then their sockets take turns.
 */
export class FrameTurns {
  /** In the order of their turns. */
  readonly #readers = new Set<FrameReader>()
  /** On the clock of `performance.now()`: until when frames are read in this turn, and when the last one was read. */
  #turnEnd = 0
  #lastRead = 0
  #isScheduled = false

  /** Whether a frame may be read at once; {@link end} must follow. */
  begin(): boolean {
    if (this.#isScheduled) return false
    const now = performance.now()
    // Not by an immediate of each turn of the event loop: with it an event costs 12 % more.
    if (now - this.#lastRead > gap) this.#turnEnd = now + turnTime
    return now < this.#turnEnd
  }

  /** The frame is read. */
  end(): void {
    this.#lastRead = performance.now()
  }

  /** Has the frames of `reader` read when its turn comes. */
  add(reader: FrameReader): void {
    this.#readers.add(reader)
    this.#schedule()
  }

  /** It has gone. */
  remove(reader: FrameReader): void {
    this.#readers.delete(reader)
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#readWaiting())
  }

  #readWaiting(): void {
    const end = performance.now() + turnTime
    // Those that are added again come last, in this loop.
    for (const reader of this.#readers) {
      if (performance.now() >= end) break
      this.#readers.delete(reader)
      if (reader.readSome(framesAtOnce)) this.#readers.add(reader)
    }
    this.#isScheduled = false
    // What comes meanwhile waits behind them.
    if (this.#readers.size > 0) this.#schedule()
  }
}
