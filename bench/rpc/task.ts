import type { Id } from '../../src/protocol/values.ts'

/** What is to be done, over and over. */
export interface Task {
  readonly method: 'ping' | 'recommend' | 'recommend_batch'
  /** Of one `recommend_batch`. */
  readonly users?: number
  /** Calls at once. Default: one after the other. */
  readonly inFlight?: number
  /** In s, after at most one of warm-up. */
  readonly seconds: number
}

/** Gives users by turns, in an order that jumps about. */
export class Users {
  readonly #ids: readonly Id[]
  #at = 0

  constructor(ids: readonly Id[]) {
    this.#ids = ids
  }

  next(): Id {
    this.#at = (this.#at + 104_729) % this.#ids.length
    return this.#ids[this.#at]!
  }

  some(count: number): Id[] {
    return Array.from({ length: count }, () => this.next())
  }
}

/** How many times a second `work` is done, `inFlight` of them at once. */
export async function rateOf(work: () => Promise<unknown>, seconds: number, inFlight = 1): Promise<number> {
  await repeat(work, Math.min(1, seconds), inFlight)
  const began = performance.now()
  const done = await repeat(work, seconds, inFlight)
  return (1000 * done) / (performance.now() - began)
}

async function repeat(work: () => Promise<unknown>, seconds: number, inFlight: number): Promise<number> {
  const until = performance.now() + 1000 * seconds
  let done = 0
  const one = async () => {
    while (performance.now() < until) {
      await work()
      done++
    }
  }
  await Promise.all(Array.from({ length: inFlight }, one))
  return done
}
