/** Who has work that can be done in parts, such as frames that wait to be read. */
export interface TurnTaker {
  /** Does a small part of the work; gives whether more can be done now. */
  takeTurn(): boolean
}

/** In ms: for how long work is done in one go; all that comes meanwhile is served between two. */
const turnTime = 2
/** In ms: work that is further apart is not done in one go. */
const gap = 0.5

/**
 * When work is done of which there may be too much. The socket library gives out all that has come, of one socket after the
 * other, which may be hundreds of thousands of frames: what is beyond the time of a turn waits, and then those who have work
 * take turns, for a short time in each turn of the event loop.
 */
export class Turns {
  /** In the order of their turns. */
  readonly #takers = new Set<TurnTaker>()
  /** On the clock of `performance.now()`: until when work is done in this turn, and when the last was. */
  #turnEnd = 0
  #lastEnd = 0
  #isScheduled = false

  /** Whether work may be done at once; {@link end} must follow. */
  begin(): boolean {
    if (this.#isScheduled) return false
    const now = performance.now()
    // Not by an immediate of each turn of the event loop: with it an event costs 12 % more.
    if (now - this.#lastEnd > gap) this.#turnEnd = now + turnTime
    return now < this.#turnEnd
  }

  /** The work is done. */
  end(): void {
    this.#lastEnd = performance.now()
  }

  /** Has `taker` called when its turn comes. */
  add(taker: TurnTaker): void {
    this.#takers.add(taker)
    this.#schedule()
  }

  /** It has gone. */
  remove(taker: TurnTaker): void {
    this.#takers.delete(taker)
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#run())
  }

  #run(): void {
    const end = performance.now() + turnTime
    // Those that are added again come last, in this loop.
    for (const taker of this.#takers) {
      if (performance.now() >= end) break
      this.#takers.delete(taker)
      if (taker.takeTurn()) this.#takers.add(taker)
    }
    this.#isScheduled = false
    // What comes meanwhile waits behind them.
    if (this.#takers.size > 0) this.#schedule()
  }
}
