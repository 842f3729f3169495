/** Users who were sent something or held out, and what they did afterwards: joined by user, in columns. */
import type { VisitColumns } from './input.ts'

/** Why a user is followed: for a send of a first round, of a later one, or since held out. */
export const arms = ['first', 'later', 'held'] as const
export const heldArm = 2

export interface FollowedOptions {
  /** In ms: after the push. */
  readonly window: number
  /** In ms since 1970: nothing later is known. */
  readonly now: number
}

/** Two sends to a user, by their places. */
export type Pair = readonly [earlier: number, later: number]

export class Followed {
  #size = 0
  #users = new Uint32Array(0)
  times = new Float64Array(0)
  articles = new Uint32Array(0)
  segments = new Uint8Array(0)
  bands = new Uint8Array(0)
  arms = new Uint8Array(0)
  /** 0 where it is looked at for violations only. */
  isCounted = new Uint8Array(0)
  /** (size) Visits within the window. */
  visits = new Uint32Array(0)
  /** (size) Places by user, and by time where that is the same. */
  #order: Uint32Array = new Uint32Array(0)
  #index: UserIndex | undefined

  get size(): number {
    return this.#size
  }

  userAt(at: number): number {
    return this.#users[at]!
  }

  add(
    user: number,
    time: number,
    article: number,
    segment: number,
    band: number,
    arm: number,
    isCounted: boolean,
  ): void {
    if (this.#size === this.#users.length) this.#grow()
    const at = this.#size++
    this.#users[at] = user
    this.times[at] = time
    this.articles[at] = article
    this.segments[at] = segment
    this.bands[at] = band
    this.arms[at] = arm
    this.isCounted[at] = Number(isCounted)
  }

  /** To be called when all are added. */
  sort(): void {
    const users = this.#users.subarray(0, this.#size)
    this.#order = orderByUser(users)
    this.#index = new UserIndex(users, this.#order)
    this.visits = new Uint32Array(this.#size)
    for (const [begin, end] of this.#runs()) this.#sortByTime(begin, end)
  }

  /** Counts visits; after {@link sort}. */
  addVisits({ users, times }: VisitColumns, { window, now }: FollowedOptions): void {
    const order = this.#order
    for (let at = 0; at < users.length; at++) {
      const [user, time] = [users[at]!, times[at]!]
      if (!(time <= now)) continue
      for (let place = this.#index!.firstOf(user); place < order.length; place++) {
        const followed = order[place]!
        if (this.#users[followed] !== user) break
        const since = time - this.times[followed]!
        if (since < 0) break
        if (since <= window) this.visits[followed]!++
      }
    }
  }

  /** Pairs of sends to one user that are nearer than `interval` ms. */
  *pairsWithin(interval: number): Generator<Pair> {
    for (const [begin, end] of this.#runs()) {
      let last = -1
      for (let place = begin; place < end; place++) {
        const at = this.#order[place]!
        if (this.arms[at] === heldArm) continue
        if (last >= 0 && this.times[at]! - this.times[last]! < interval) yield [last, at]
        last = at
      }
    }
  }

  /** Share of those counted whose window is over; 1 where there are none. */
  shareFollowed({ window, now }: FollowedOptions): number {
    let [counted, over] = [0, 0]
    for (let at = 0; at < this.#size; at++) {
      counted += this.isCounted[at]!
      if (this.isCounted[at] === 1 && this.times[at]! + window <= now) over++
    }
    return counted > 0 ? over / counted : 1
  }

  /** How many of those held out were sent something within the window. */
  heldOutPushed({ window }: FollowedOptions): number {
    let count = 0
    for (const [begin, end] of this.#runs()) {
      for (let place = begin; place < end; place++) {
        const at = this.#order[place]!
        if (this.arms[at] !== heldArm || this.isCounted[at] === 0) continue
        for (let other = place + 1; other < end; other++) {
          const next = this.#order[other]!
          if (this.times[next]! - this.times[at]! > window) break
          if (this.arms[next] === heldArm) continue
          count++
          break
        }
      }
    }
    return count
  }

  /** The places in the order that are of one user, where these are several. */
  *#runs(): Generator<readonly [begin: number, end: number]> {
    const [order, users] = [this.#order, this.#users]
    let begin = 0
    for (let place = 1; place <= order.length; place++) {
      if (place < order.length && users[order[place]!] === users[order[begin]!]) continue
      if (place - begin > 1) yield [begin, place]
      begin = place
    }
  }

  #sortByTime(begin: number, end: number): void {
    const places = this.#order.subarray(begin, end)
    places.sort((a, b) => this.times[a]! - this.times[b]! || a - b)
  }

  #grow(): void {
    const capacity = Math.max(1024, Math.ceil(1.5 * this.#size))
    this.#users = grown(Uint32Array, this.#users, capacity)
    this.times = grown(Float64Array, this.times, capacity)
    this.articles = grown(Uint32Array, this.articles, capacity)
    this.segments = grown(Uint8Array, this.segments, capacity)
    this.bands = grown(Uint8Array, this.bands, capacity)
    this.arms = grown(Uint8Array, this.arms, capacity)
    this.isCounted = grown(Uint8Array, this.isCounted, capacity)
  }
}

function grown<A extends { set(from: A): void }>(kind: new (size: number) => A, old: A, size: number): A {
  const next = new kind(size)
  next.set(old)
  return next
}

/** Places in the order of their users, by a radix sort in two passes of 16 bits: any user numbers, and stable. */
export function orderByUser(users: Uint32Array): Uint32Array {
  let from = Uint32Array.from({ length: users.length }, (_, at) => at)
  let to = new Uint32Array(users.length)
  for (const shift of [0, 16]) {
    const places = new Uint32Array(65_537)
    for (let at = 0; at < users.length; at++) places[((users[at]! >>> shift) & 0xffff) + 1]!++
    for (let digit = 0; digit < 65_536; digit++) places[digit + 1]! += places[digit]!
    for (let at = 0; at < from.length; at++) {
      const place = from[at]!
      to[places[(users[place]! >>> shift) & 0xffff]!++] = place
    }
    ;[from, to] = [to, from]
  }
  return from
}

/** Finds the places of a user in an order by user: by a table of the leading bits, then by halving. */
class UserIndex {
  readonly #users: Uint32Array
  readonly #order: Uint32Array
  readonly #shift: number
  /** (buckets + 1) Where the users of each bucket begin. */
  readonly #begins: Uint32Array

  constructor(users: Uint32Array, order: Uint32Array) {
    this.#users = users
    this.#order = order
    const most = order.length === 0 ? 0 : users[order.at(-1)!]!
    this.#shift = Math.max(0, 32 - Math.clz32(most) - 22)
    const buckets = (most >>> this.#shift) + 1
    this.#begins = new Uint32Array(buckets + 1)
    for (const user of users) this.#begins[(user >>> this.#shift) + 1]!++
    for (let at = 0; at < buckets; at++) this.#begins[at + 1]! += this.#begins[at]!
  }

  /** The first place of the user in the order, or where it would be. */
  firstOf(user: number): number {
    const bucket = user >>> this.#shift
    if (bucket + 1 >= this.#begins.length) return this.#order.length
    let [low, high] = [this.#begins[bucket]!, this.#begins[bucket + 1]!]
    if (this.#shift === 0) return low
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#users[this.#order[middle]!]! < user) low = middle + 1
      else high = middle
    }
    return low
  }
}
