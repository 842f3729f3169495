import { grown } from '../../../storage/shared-array.ts'

/** No item. */
export const noItem = 0xffff_ffff

export interface RecentReadsOptions {
  /** Reads that are kept of each user where all users are scored by them. Default: 16. */
  readonly length?: number
  /** Reads that are kept of all users together, for the longer histories of early readers. Default: 2^24. */
  readonly logLength?: number
}

/**
 * What each user read last, and how many read each item: rows of items by rows of users, in shared memory. Beside the last items of each
 * user there is a log of all reads in which those of a user are chained: early readers read much, and what they have in common with users
 * who have not come for a week is further back than their last items.
 */
export class RecentReads {
  readonly length: number
  /** (users × length) A ring for each user. */
  rings = new Uint32Array(0)
  /** (users) Reads ever, without those of items that were in the ring. */
  counts = new Uint32Array(0)
  /** (items) Of each item. */
  readers = new Uint32Array(0)
  /** (logLength) Items, and the number of the same user's read before, from 1; 0: none. */
  #logItems: Uint32Array = new Uint32Array(1024)
  #logBefore: Uint32Array = new Uint32Array(1024)
  /** (users) The number of the latest read. */
  #latest = new Uint32Array(0)
  #logged = 0
  readonly #logLength: number

  constructor({ length = 16, logLength = 2 ** 24 }: RecentReadsOptions = {}) {
    this.length = length
    this.#logLength = logLength
  }

  grow(capacity: number): void {
    const before = this.rings.length
    this.rings = grown(Uint32Array, this.rings, capacity * this.length).fill(noItem, before)
    this.counts = grown(Uint32Array, this.counts, capacity)
    this.#latest = grown(Uint32Array, this.#latest, capacity)
  }

  growItems(capacity: number): void {
    this.readers = grown(Uint32Array, this.readers, capacity)
  }

  /** Whether the item is none of the user's last ones; else nothing is kept. */
  read(user: number, item: number): boolean {
    const { length, rings } = this
    const first = user * length
    for (let at = first; at < first + length; at++) if (rings[at] === item) return false
    rings[first + (this.counts[user]! % length)] = item
    this.counts[user]!++
    this.readers[item]!++
    this.#log(user, item)
    return true
  }

  /** The items of a user's latest reads, latest first. */
  historyOf(user: number, most: number): number[] {
    const items: number[] = []
    const oldest = Math.max(0, this.#logged - this.#logLength)
    for (let number = this.#latest[user]!; number > oldest && items.length < most; ) {
      const at = (number - 1) % this.#logLength
      items.push(this.#logItems[at]!)
      number = this.#logBefore[at]!
    }
    return items
  }

  /** As one who read nothing; what the items were read by many others stays. */
  forget(user: number): void {
    this.rings.fill(noItem, user * this.length, (user + 1) * this.length)
    this.counts[user] = 0
    this.#latest[user] = 0
  }

  #log(user: number, item: number): void {
    const at = this.#logged % this.#logLength
    if (at >= this.#logItems.length) {
      const size = Math.min(this.#logLength, 2 * this.#logItems.length)
      this.#logItems = grown(Uint32Array, this.#logItems, size)
      this.#logBefore = grown(Uint32Array, this.#logBefore, size)
    }
    this.#logItems[at] = item
    this.#logBefore[at] = this.#latest[user]!
    this.#latest[user] = ++this.#logged
  }
}

/** Reads of an early reader that count. */
const mostReads = 256
/** Readers that an item counts as having beside its own: what few read is similar by chance. */
const readerPrior = 10

/** What an item of the article's category counts beside its similarity, which is never more: sums are told apart by it. */
export const sameCategory = 1024

/** What each item says of an article, until the next one. */
export class ItemValues {
  /** (items) Similarity to the article, and {@link sameCategory} more where it is of its category. Shared: one sum tells both of a user. */
  values = new Float64Array(0)

  grow(capacity: number): void {
    this.values = grown(Float64Array, this.values, capacity)
  }

  /**
   * The similarity is c / √(n (r + 10)): c of the article's n early readers read the item, r users in all. The cosine of what two items are
   * read by, but for the 10. O(items + reads of the early readers).
   *
   * @param categories (items)
   * @param category 0: the article has none.
   */
  set(reads: RecentReads, earlyReaders: ArrayLike<number>, categories: Uint32Array, category: number): void {
    const { values } = this
    const counts = new Map<number, number>()
    const n = earlyReaders.length
    for (let at = 0; at < n; at++) {
      for (const item of reads.historyOf(earlyReaders[at]!, mostReads)) counts.set(item, (counts.get(item) ?? 0) + 1)
    }
    for (let item = 0; item < values.length; item++)
      values[item] = category > 0 && categories[item] === category ? sameCategory : 0
    for (const [item, count] of counts) values[item]! += count / Math.sqrt(n * (reads.readers[item]! + readerPrior))
  }
}
