/** Users who were sent something or held out, and what they did afterwards: joined by user, in columns. */
import type { VisitColumns } from './input.ts'
import { orderByUser, permuted, UserIndex } from './user-order.ts'

/** Why a user is followed: for a send of a first round, of a later one, or since held out. */
export const arms = ['first', 'later', 'held'] as const
export const heldArm = 2

export interface FollowOptions {
  /** In ms: after the push. */
  readonly window: number
  /** In ms since 1970: nothing later is known. */
  readonly now: number
}

/** A user who is followed from a time on. */
export interface Followed {
  readonly user: number
  readonly time: number
  readonly article: number
  readonly segment: number
  readonly band: number
  /** A place in {@link arms}. */
  readonly arm: number
  /** Whether it is looked at for more than violations. */
  readonly isCounted: boolean
}

/** Two sends to a user, by their places. */
export type Pair = readonly [earlier: number, later: number]

/** Columns, of which each is added to, then sorted by user and time, then read. */
export class Follow {
  #size = 0
  users: Uint32Array = new Uint32Array(0)
  times: Float64Array = new Float64Array(0)
  articles: Uint32Array = new Uint32Array(0)
  segments: Uint8Array = new Uint8Array(0)
  bands: Uint8Array = new Uint8Array(0)
  arms: Uint8Array = new Uint8Array(0)
  /** 0 where it is looked at for violations only. */
  isCounted: Uint8Array = new Uint8Array(0)
  /** (size) Shares of the window: until the user has another push, or nothing is known any more, 1 if neither. */
  ends: Float32Array = new Float32Array(0)
  /** (size) Until the first visit before that, NaN if there was none, and how many there were. */
  firsts = new Float32Array(0)
  visits = new Uint32Array(0)
  #index: UserIndex | undefined

  get size(): number {
    return this.#size
  }

  add({ user, time, article, segment, band, arm, isCounted }: Followed): void {
    if (this.#size === this.users.length) this.#grow()
    const at = this.#size++
    this.users[at] = user
    this.times[at] = time
    this.articles[at] = article
    this.segments[at] = segment
    this.bands[at] = band
    this.arms[at] = arm
    this.isCounted[at] = Number(isCounted)
  }

  /** To be called when all are added: brings them in the order of users, and of times where these are the same. */
  sort(options: FollowOptions): void {
    const order = orderByUser(this.users.subarray(0, this.#size))
    this.users = permuted(Uint32Array, this.users, order)
    const times = permuted(Float64Array, this.times, order)
    const { users } = this
    for (let begin = 0; begin < order.length; ) {
      let [end, isSorted] = [begin + 1, true]
      for (; end < order.length && users[end] === users[begin]; end++) isSorted &&= times[end - 1]! <= times[end]!
      if (!isSorted) {
        const run = order.subarray(begin, end)
        run.sort((a, b) => this.times[a]! - this.times[b]! || a - b)
        run.forEach((from, at) => {
          times[begin + at] = this.times[from]!
        })
      }
      begin = end
    }
    this.times = times
    this.articles = permuted(Uint32Array, this.articles, order)
    this.segments = permuted(Uint8Array, this.segments, order)
    this.bands = permuted(Uint8Array, this.bands, order)
    this.arms = permuted(Uint8Array, this.arms, order)
    this.isCounted = permuted(Uint8Array, this.isCounted, order)
    this.#countOnce(options)
    this.ends = this.#endsBy(options)
    this.firsts = new Float32Array(this.#size).fill(Number.NaN)
    this.visits = new Uint32Array(this.#size)
    this.#index = new UserIndex(this.users)
  }

  /** Who is held out of several articles within the window counts once: else one user would be taken for several. */
  #countOnce({ window }: FollowOptions): void {
    let last = -1
    for (let at = 0; at < this.#size; at++) {
      if (this.arms[at] !== heldArm || this.isCounted[at] === 0) continue
      if (last >= 0 && this.users[last] === this.users[at] && this.times[at]! - this.times[last]! < window) {
        this.isCounted[at] = 0
      } else last = at
    }
  }

  #endsBy({ window, now }: FollowOptions): Float32Array {
    const ends = new Float32Array(this.#size)
    // Of the user at hand, from the last to the first.
    let [user, next] = [-1, Number.POSITIVE_INFINITY]
    for (let at = this.#size - 1; at >= 0; at--) {
      if (this.users[at] !== user) [user, next] = [this.users[at]!, Number.POSITIVE_INFINITY]
      const time = this.times[at]!
      ends[at] = Math.max(0, Math.min(1, (Math.min(next, now) - time) / window))
      if (this.arms[at] !== heldArm) next = time
    }
    return ends
  }

  /** Counts visits; after {@link sort}. */
  addVisits({ users, times }: VisitColumns, { window, now }: FollowOptions): void {
    for (let at = 0; at < users.length; at++) {
      const [user, time] = [users[at]!, times[at]!]
      if (!(time <= now)) continue
      for (let place = this.#index!.firstOf(user); place < this.#size && this.users[place] === user; place++) {
        const since = Math.fround((time - this.times[place]!) / window)
        if (since < 0) break
        // A visit at the time of the next push is one by that.
        const end = this.ends[place]!
        if (since > end || (since === end && end < 1)) continue
        this.visits[place]!++
        if (!(this.firsts[place]! <= since)) this.firsts[place] = since
      }
    }
  }

  /** Pairs of sends to one user that are nearer than `interval` ms; after {@link sort}. */
  *pairsWithin(interval: number): Generator<Pair> {
    const { users, times, arms } = this
    let last = -1
    for (let at = 0; at < this.#size; at++) {
      if (arms[at] === heldArm) continue
      if (last >= 0 && users[last] === users[at] && times[at]! - times[last]! < interval) yield [last, at]
      last = at
    }
  }

  /** Share of those counted whose window is over; 1 where there are none. */
  shareFollowed({ window, now }: FollowOptions): number {
    let [counted, over] = [0, 0]
    for (let at = 0; at < this.#size; at++) {
      counted += this.isCounted[at]!
      if (this.isCounted[at] === 1 && this.times[at]! + window <= now) over++
    }
    return counted > 0 ? over / counted : 1
  }

  /** How many of those held out were sent something within the window; after {@link sort}. */
  heldOutPushed({ window }: FollowOptions): number {
    const { users, times, arms } = this
    let count = 0
    for (let at = 0; at < this.#size; at++) {
      if (arms[at] !== heldArm || this.isCounted[at] === 0) continue
      for (let next = at + 1; next < this.#size; next++) {
        if (users[next] !== users[at] || times[next]! - times[at]! > window) break
        if (arms[next] === heldArm) continue
        count++
        break
      }
    }
    return count
  }

  #grow(): void {
    const capacity = Math.max(1024, Math.ceil(1.5 * this.#size))
    this.users = larger(this.users, new Uint32Array(capacity))
    this.times = larger(this.times, new Float64Array(capacity))
    this.articles = larger(this.articles, new Uint32Array(capacity))
    this.segments = larger(this.segments, new Uint8Array(capacity))
    this.bands = larger(this.bands, new Uint8Array(capacity))
    this.arms = larger(this.arms, new Uint8Array(capacity))
    this.isCounted = larger(this.isCounted, new Uint8Array(capacity))
  }
}

/** `column` in the memory of `into`, which is of one thread: that of `storage/shared-array.ts` is for several. */
function larger<Column extends { set(from: Column): void }>(column: Column, into: Column): Column {
  into.set(column)
  return into
}
