/** Users who were sent something or held out, and what they did afterwards: joined by user, in columns. */
import type { VisitColumns } from './input.ts'

/** Why a user is followed: for a send of a first round, of a later one, or since held out. */
export const arms = ['first', 'later', 'held'] as const
export const heldArm = 2

export interface FollowOptions {
  /** In ms: after the push. */
  readonly window: number
  /** In ms since 1970: nothing later is known. */
  readonly now: number
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

  add(
    user: number,
    time: number,
    article: number,
    segment: number,
    band: number,
    arm: number,
    isCounted: boolean,
  ): void {
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
    this.users = grown(Uint32Array, this.users, capacity)
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

function permuted<A extends Uint8Array | Uint32Array | Float64Array>(
  kind: new (size: number) => A,
  column: A,
  order: Uint32Array,
): A {
  const next = new kind(order.length)
  for (let at = 0; at < order.length; at++) next[at] = column[order[at]!]!
  return next
}

/** Finds the first place of a user in a column in order: by a table of the leading bits, then by halving. */
class UserIndex {
  readonly #users: Uint32Array
  readonly #shift: number
  /** (buckets + 1) Where the users of each bucket begin. */
  readonly #begins: Uint32Array

  constructor(users: Uint32Array) {
    this.#users = users
    const most = users.at(-1) ?? 0
    this.#shift = Math.max(0, 32 - Math.clz32(most) - 22)
    const buckets = (most >>> this.#shift) + 1
    this.#begins = new Uint32Array(buckets + 1)
    for (const user of users) this.#begins[(user >>> this.#shift) + 1]!++
    for (let at = 0; at < buckets; at++) this.#begins[at + 1]! += this.#begins[at]!
  }

  /** Where there are none of the user, where they would be. */
  firstOf(user: number): number {
    const bucket = user >>> this.#shift
    if (bucket + 1 >= this.#begins.length) return this.#users.length
    let [low, high] = [this.#begins[bucket]!, this.#begins[bucket + 1]!]
    if (this.#shift === 0) return low
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#users[middle]! < user) low = middle + 1
      else high = middle
    }
    return low
  }
}
