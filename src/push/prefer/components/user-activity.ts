import { grown } from '../../../storage/shared-array.ts'
import { never } from '../../data/users.ts'

const hour = 3_600_000

/** When each user last came, and how often they did until then. In shared memory; times in ms since 1970. */
export class UserActivity {
  /** (users) -Infinity: never. */
  lastVisits = new Float64Array(0)
  /** (users) Visits until the last one, each half as much for every half-life that it was earlier. */
  visits = new Float32Array(0)
  readonly #halfLife: number
  readonly #visitGap: number

  /**
   * @param halfLife in ms. Default: 14 days.
   * @param visitGap What comes within this time (in ms) of a visit's begin is no other one. Default: 30 minutes.
   */
  constructor(halfLife = 14 * 24 * hour, visitGap = hour / 2) {
    this.#halfLife = halfLife
    this.#visitGap = visitGap
  }

  grow(capacity: number): void {
    const before = this.lastVisits.length
    this.lastVisits = grown(Float64Array, this.lastVisits, capacity).fill(never, before)
    this.visits = grown(Float32Array, this.visits, capacity)
  }

  /** What is older than the last visit is left out. */
  visit(user: number, time: number): void {
    const last = this.lastVisits[user]!
    if (time < last + this.#visitGap) return
    this.visits[user] = this.visits[user]! * 2 ** ((last - time) / this.#halfLife) + 1
    this.lastVisits[user] = time
  }

  /** As one who never came. */
  forget(user: number): void {
    this.lastVisits[user] = never
    this.visits[user] = 0
  }
}
