import type { Csr } from '../../storage/csr.ts'

/** Similarities that are kept: those of popular items are asked for by most lists. */
const kept = 2 ** 18

/**
 * How different the items of lists are: intra-list distance as in Ziegler et al. 2005, "Improving recommendation lists
 * through topic diversification", by the users that items share in the training, so that all models are judged by one measure
 * and none by its own vectors.
 *
 * Two items cost at most users / 16 steps: those that more than a 32nd of the users have are looked up as one bit a user, and
 * counted by 32 where both are. All bits together take at most 4 bytes a pair of the training, as do the users by item.
 */
export class ListDiversity {
  readonly #users: number
  readonly #items: number
  /** (items + 1) */
  readonly #indptr: Float64Array
  /** (pairs) The users of each item, ascending. */
  readonly #usersOf: Uint32Array
  /** Of items that many have: one bit a user. */
  readonly #bits = new Map<number, Uint32Array>()
  /** Both items as one number, and their cosine. */
  readonly #keys = new Float64Array(kept).fill(-1)
  readonly #cosines = new Float64Array(kept)

  constructor({ rows, columns, indptr, indices }: Csr) {
    this.#users = rows
    this.#items = columns
    const next = new Float64Array(columns + 1)
    for (const item of indices) next[item + 1] += 1
    for (let item = 0; item < columns; item++) next[item + 1] += next[item]
    this.#indptr = next.slice()
    this.#usersOf = new Uint32Array(indices.length)
    for (let user = 0, pair = 0; user < rows; user++) {
      for (const end = Number(indptr[user + 1]); pair < end; pair++) this.#usersOf[next[indices[pair]]++] = user
    }
  }

  /** The mean of 1 − cosine over all pairs of the first `cut` items of a list, 0 where it has less than two. */
  of(list: Uint32Array, cut: number): number {
    const places = Math.min(cut, list.length)
    if (places < 2) return 0
    let sum = 0
    for (let a = 1; a < places; a++) for (let b = 0; b < a; b++) sum += 1 - this.cosine(list[a], list[b])
    return sum / ((places * (places - 1)) / 2)
  }

  /** Of the users of two items: how many have both, / √(users of a · users of b); 0 where one has none. */
  cosine(a: number, b: number): number {
    const [low, high] = [Math.min(a, b), Math.max(a, b)]
    const key = low * this.#items + high
    // A hash of a ^ b and a + b put many pairs of low rows, which are popular ones, in one slot.
    const slot = Math.imul(Math.imul(low, 0x9e37_79b1) ^ (high + (low >>> 15)), 0x85eb_ca6b) >>> 14
    if (this.#keys[slot] === key) return this.#cosines[slot]
    const cosine = this.#cosine(a, b)
    this.#keys[slot] = key
    this.#cosines[slot] = cosine
    return cosine
  }

  #cosine(a: number, b: number): number {
    const [few, many] = this.#count(a) < this.#count(b) ? [a, b] : [b, a]
    const product = this.#count(few) * this.#count(many)
    return product > 0 ? this.#shared(few, many) / Math.sqrt(product) : 0
  }

  #shared(few: number, many: number): number {
    if (!this.#isDense(many)) return sharedInOrder(this.#usersFor(few), this.#usersFor(many))
    if (this.#isDense(few)) return sharedBits(this.#bitsOf(few), this.#bitsOf(many))
    const bits = this.#bitsOf(many)
    let count = 0
    for (const user of this.#usersFor(few)) count += (bits[user >>> 5] >>> (user & 31)) & 1
    return count
  }

  #count(item: number): number {
    return this.#indptr[item + 1] - this.#indptr[item]
  }

  #usersFor(item: number): Uint32Array {
    return this.#usersOf.subarray(this.#indptr[item], this.#indptr[item + 1])
  }

  #isDense(item: number): boolean {
    return this.#count(item) * 32 > this.#users
  }

  #bitsOf(item: number): Uint32Array {
    let bits = this.#bits.get(item)
    if (!bits) {
      bits = new Uint32Array(Math.ceil(this.#users / 32))
      for (const user of this.#usersFor(item)) bits[user >>> 5] |= 1 << (user & 31)
      this.#bits.set(item, bits)
    }
    return bits
  }
}

/** How many values are in both, which ascend. */
function sharedInOrder(a: Uint32Array, b: Uint32Array): number {
  let [count, i, j] = [0, 0, 0]
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) count++
    const isBehind = a[i] <= b[j]
    if (a[i] >= b[j]) j++
    if (isBehind) i++
  }
  return count
}

/** How many bits are set in both. */
function sharedBits(a: Uint32Array, b: Uint32Array): number {
  let count = 0
  for (let at = 0; at < a.length; at++) {
    let word = a[at] & b[at]
    word -= (word >>> 1) & 0x5555_5555
    word = (word & 0x3333_3333) + ((word >>> 2) & 0x3333_3333)
    word = (word + (word >>> 4)) & 0x0f0f_0f0f
    count += Math.imul(word, 0x0101_0101) >>> 24
  }
  return count
}
