import { grown } from '../../storage/shared-array.ts'

/** Never: before all times. */
export const never = Number.NEGATIVE_INFINITY

/**
 * What is known of each user for pushes, a row each, in shared memory. Rows stay as they are when users are added; times in ms since 1970.
 */
export class PushUsers {
  #size = 0
  /** The latest visit, and when the slot of the latest push ends. */
  lastVisit: Float64Array = new Float64Array(0)
  busyUntil: Float64Array = new Float64Array(0)
  /** 1 where a push can be sent: an address, and no opt-out. */
  reachable: Uint8Array = new Uint8Array(0)
  /** Which of the segments, for the priors of usual CTRs. */
  segments: Uint8Array = new Uint8Array(0)
  /** Minutes that the clocks of the user's zone are ahead of UTC. */
  zones: Int16Array = new Int16Array(0)
  /** Pushes whose clicks are all in, and clicks on them. */
  pushes: Uint32Array = new Uint32Array(0)
  clicks: Uint32Array = new Uint32Array(0)

  constructor(size = 0) {
    this.grow(size)
  }

  get size(): number {
    return this.#size
  }

  /** Adds rows up to this size: never visited, no push, not reachable. */
  grow(size: number): void {
    if (size <= this.#size) return
    const capacity = this.lastVisit.length
    if (size > capacity) {
      const next = Math.max(size, Math.ceil(capacity * 1.5))
      this.lastVisit = grown(Float64Array, this.lastVisit, next).fill(never, this.#size)
      this.busyUntil = grown(Float64Array, this.busyUntil, next).fill(never, this.#size)
      this.reachable = grown(Uint8Array, this.reachable, next)
      this.segments = grown(Uint8Array, this.segments, next)
      this.zones = grown(Int16Array, this.zones, next)
      this.pushes = grown(Uint32Array, this.pushes, next)
      this.clicks = grown(Uint32Array, this.clicks, next)
    }
    this.#size = size
  }

  /** As a row that was added: nothing is known of it. */
  forget(user: number): void {
    if (user >= this.#size) return
    this.lastVisit[user] = never
    this.busyUntil[user] = never
    for (const column of [this.reachable, this.segments, this.zones, this.pushes, this.clicks]) column[user] = 0
  }
}
