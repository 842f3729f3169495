import type { Turns, TurnTaker } from '../load/turns.ts'

/** Calls of one address that are begun at its turn. */
const callsAtOnce = 4

/** When calls by HTTP are begun: at once, or where there are too many when it is the turn of the address they come from. */
export class CallTurns {
  readonly #turns: Turns
  readonly #waiting = new Map<string, WaitingCalls>()

  constructor(turns: Turns) {
    this.#turns = turns
  }

  /** Calls `begin` now or later; gives what it gives. */
  run<Result>(address: string, begin: () => Promise<Result>): Promise<Result> {
    if (!this.#waiting.has(address) && this.#turns.begin()) {
      const result = begin()
      this.#turns.end()
      return result
    }
    return new Promise((resolve, reject) => {
      let calls = this.#waiting.get(address)
      if (!calls) {
        calls = new WaitingCalls(() => this.#waiting.delete(address))
        this.#waiting.set(address, calls)
      }
      calls.push(() => void begin().then(resolve, reject))
      this.#turns.add(calls)
    })
  }
}

/** Those of one address. */
class WaitingCalls implements TurnTaker {
  readonly #onEmpty: () => void
  #calls: (() => void)[] = []
  /** Those before it have begun. */
  #next = 0

  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty
  }

  push(call: () => void): void {
    this.#calls.push(call)
  }

  takeTurn(): boolean {
    for (let begun = 0; begun < callsAtOnce && this.#next < this.#calls.length; begun++) this.#calls[this.#next++]!()
    const isMore = this.#next < this.#calls.length
    if (!isMore) this.#onEmpty()
    return isMore
  }
}
