/** Columns in the order of users, and where each user begins in them. */

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

/** The values of a column in an order of its places. */
export function permuted<A extends Uint8Array | Uint32Array | Float64Array>(
  kind: new (size: number) => A,
  column: A,
  order: Uint32Array,
): A {
  const next = new kind(order.length)
  for (let at = 0; at < order.length; at++) next[at] = column[order[at]!]!
  return next
}

/** Finds the first place of a user in a column in order: by a table of the leading bits, then by halving. */
export class UserIndex {
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
