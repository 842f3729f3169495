import type { PushUsers } from '../data/users.ts'
import { fitUsualCtr, usualCtrs } from '../statistics/usual-ctr.ts'
import { day } from './article-run.ts'
import type { PushLoopOptions } from './options.ts'

/** Days after which half of a push is forgotten by its user. */
const fatigueHalfLife = 14

/** What the loop knows of users beside their rows: usual CTRs, pushes of late, and who can get a push now. */
export class UserStates {
  readonly #users: PushUsers
  readonly #options: PushLoopOptions
  /** (users) */
  #usualCtrs = new Float64Array(0)
  #meanUsualCtr = 0
  /** (users) Pushes, those before counting less by their age, when the latest was. */
  #pushesOfLate = new Float32Array(0)
  #pushedAt = new Float64Array(0)
  /** (users) Until when they get nothing, to be compared with those who do. */
  #heldOutUntil = new Float64Array(0)
  /** (users) Until when they have quiet hours, as far as it is known. */
  #quietUntil = new Float64Array(0)
  /** (users) The latest step that planned a push for the user; 0: none. */
  #plannedIn = new Uint32Array(0)
  #step = 1

  constructor(users: PushUsers, options: PushLoopOptions) {
    this.#users = users
    this.#options = options
  }

  get size(): number {
    return this.#users.size
  }

  /** Of all users. */
  get meanUsualCtr(): number {
    return this.#meanUsualCtr
  }

  usualCtrOf(user: number): number {
    return this.#usualCtrs[user]!
  }

  /** Makes room for the users that have been added. */
  grow(): void {
    const { size } = this.#users
    if (this.#usualCtrs.length >= size) return
    const capacity = Math.max(size, Math.ceil(this.#usualCtrs.length * 1.5))
    this.#usualCtrs = grown(this.#usualCtrs, new Float64Array(capacity).fill(this.#options.usualCtr))
    this.#pushesOfLate = grown(this.#pushesOfLate, new Float32Array(capacity))
    this.#pushedAt = grown(this.#pushedAt, new Float64Array(capacity))
    this.#heldOutUntil = grown(this.#heldOutUntil, new Float64Array(capacity))
    this.#quietUntil = grown(this.#quietUntil, new Float64Array(capacity))
    this.#plannedIn = grown(this.#plannedIn, new Uint32Array(capacity))
  }

  /** Fits the usual CTRs to the pushes so far. */
  fitUsualCtrs(): void {
    const { size, segments, pushes, clicks } = this.#users
    const counts = {
      segments: segments.subarray(0, size),
      pushes: pushes.subarray(0, size),
      clicks: clicks.subarray(0, size),
    }
    if (counts.pushes.some(count => count > 0)) {
      const segmentCount = 1 + counts.segments.reduce((most, segment) => Math.max(most, segment), 0)
      this.#usualCtrs.set(usualCtrs(fitUsualCtr(counts, segmentCount), counts))
    }
    const sum = this.#usualCtrs.subarray(0, size).reduce((sum, ctr) => sum + ctr, 0)
    this.#meanUsualCtr = sum / Math.max(1, size)
  }

  /** From now on users can be planned for once more. */
  beginStep(): void {
    this.#step++
  }

  /** Nobody else plans for the user in this step. */
  plan(user: number): void {
    this.#plannedIn[user] = this.#step
  }

  countPush(user: number, time: number): void {
    this.#pushesOfLate[user] = this.pushesOfLate(user, time) + 1
    this.#pushedAt[user] = time
  }

  /** Pushes so far, half of each forgotten after two weeks. */
  pushesOfLate(user: number, now: number): number {
    const pushes = this.#pushesOfLate[user]!
    return pushes === 0 ? 0 : pushes * 2 ** ((this.#pushedAt[user]! - now) / (fatigueHalfLife * day))
  }

  holdOut(user: number, now: number): void {
    if (user < this.#heldOutUntil.length) this.#heldOutUntil[user] = now + this.#options.daysBetween * day
  }

  /** Nobody sends to the user before a time. */
  keepQuiet(user: number, until: number): void {
    this.#quietUntil[user] = until
  }

  /** Whether the user can have a push now. */
  isEligible(user: number, now: number): boolean {
    return this.mayHave(user, now) && this.#plannedIn[user] !== this.#step && this.#quietUntil[user]! <= now
  }

  /** Whether the user can have a push now, or will within hours. */
  mayHave(user: number, now: number): boolean {
    const { lastVisit, busyUntil, reachable } = this.#users
    return (
      busyUntil[user]! <= now &&
      this.#heldOutUntil[user]! <= now &&
      lastVisit[user]! < now - this.#options.inactiveDays * day &&
      reachable[user] === 1
    )
  }

  /** A bit each: who can have a push now, or will within hours. */
  eligible(now: number): Uint32Array {
    const { size } = this.#users
    const bits = new Uint32Array(Math.ceil(size / 32))
    for (let user = 0; user < size; user++) if (this.mayHave(user, now)) bits[user >> 5]! |= 1 << (user & 31)
    return bits
  }
}

function grown<A extends Float64Array | Float32Array | Uint32Array>(old: A, larger: A): A {
  larger.set(old as never)
  return larger
}
