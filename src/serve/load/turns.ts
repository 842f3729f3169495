/** Who has work that can be done in parts, such as frames that wait to be read. */
export interface TurnTaker {
  /** Does a small part of the work; gives whether more can be done now. */
  takeTurn(): boolean
}

/** In ms: for how long work is done in one go; all that comes meanwhile is served between two. */
export const turnTime = 2

/** Work of many connections that need not be done at once: they take turns, for a short time in each turn of the event loop. */
export class Turns {
  /** In the order of their turns. */
  readonly #takers = new Set<TurnTaker>()
  #isScheduled = false

  /** Whether somebody waits for a turn. */
  get isBusy(): boolean {
    return this.#isScheduled
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
