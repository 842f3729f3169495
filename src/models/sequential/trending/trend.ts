/** The items that count most, in shared memory: one thread writes, all may read. */
import type { LiveMemory } from '../../algorithm.ts'

/** Items that count most, best first, of equal ones the lower row first. */
export interface Trend {
  readonly items: Uint32Array
  /** What each counts of what all items count. */
  readonly shares: Float32Array
}

/** Items of a trend, at most. */
export const trendSize = 1000

/**
 * 32-bit words: how often the writer began or ended to write (odd while it writes, 0 before the first time), the
 * size of the trend, what all items count in sum, the items, and what each of these counts. Counts are float32.
 */
const layout = { sequence: 0, size: 1, total: 2, items: 3, sums: 3 + trendSize } as const
export const trendWords = layout.sums + trendSize

/** The first `trendSize` of the items that count something. `order` is all of them, by what they count. */
export function trendOf(sums: Float32Array, order: Uint32Array): Trend {
  const total = Math.fround(sums.reduce((sum, value) => sum + value, 0))
  const items = order.subarray(0, trendSize).filter(item => sums[item] > 0)
  return { items, shares: Float32Array.from(items, item => sums[item] / total) }
}

/** Keeps the trend of items whose sums grow. */
export class TrendWriter {
  readonly #words: Uint32Array
  /** (rows) */
  readonly #sums: Float64Array
  #total = 0
  /** Best first. */
  readonly #items: Uint32Array
  #size = 0
  /** (rows) Where each is among the items; -1: nowhere. */
  readonly #places: Int32Array

  /** @param order the items that `sums` has, by what they count. */
  constructor({ words, rows }: LiveMemory, sums: Float32Array, order: Uint32Array) {
    if (words.length !== trendWords) {
      throw new RangeError(`the memory of a trend must have ${trendWords} words, but has ${words.length}`)
    }
    this.#words = words
    this.#sums = new Float64Array(rows)
    this.#sums.set(sums)
    this.#items = new Uint32Array(trendSize)
    this.#places = new Int32Array(rows).fill(-1)
    for (const sum of sums) this.#total += sum
    for (const item of trendOf(sums, order).items) this.#put(item, this.#size++)
    this.#publish(0)
  }

  /** What all items count in sum. */
  get total(): number {
    return this.#total
  }

  /** What the item counts that counts most; 0 where there is none. */
  get best(): number {
    return this.#size > 0 ? this.#sums[this.#items[0]] : 0
  }

  /** Adds `amount`, above 0, to what `item` counts. */
  add(item: number, amount: number): void {
    this.#sums[item] += amount
    this.#total += amount
    let place = this.#places[item]
    if (place < 0) {
      if (this.#size === trendSize) {
        const last = this.#items[trendSize - 1]
        if (!this.#isBefore(item, last)) {
          this.#publish(trendSize)
          return
        }
        this.#places[last] = -1
      } else this.#size++
      place = this.#size - 1
    }
    const from = place
    for (; place > 0 && this.#isBefore(item, this.#items[place - 1]); place--) this.#put(this.#items[place - 1], place)
    this.#put(item, place)
    this.#publish(place, from + 1)
  }

  /** Multiplies what each item counts with `factor`, above 0: what comes to 0 counts nothing. */
  scale(factor: number): void {
    for (let item = 0; item < this.#sums.length; item++) this.#sums[item] = Math.fround(this.#sums[item] * factor)
    this.#total = this.#sums.reduce((sum, value) => sum + value, 0)
    while (this.#size > 0 && this.#sums[this.#items[this.#size - 1]] === 0) {
      this.#places[this.#items[--this.#size]] = -1
    }
    this.#publish(0)
  }

  #isBefore(a: number, b: number): boolean {
    return this.#sums[a] > this.#sums[b] || (this.#sums[a] === this.#sums[b] && a < b)
  }

  #put(item: number, place: number): void {
    this.#items[place] = item
    this.#places[item] = place
  }

  /** Writes the places from `begin` to before `end`. */
  #publish(begin: number, end = this.#size): void {
    const words = this.#words
    Atomics.add(words, layout.sequence, 1)
    Atomics.store(words, layout.size, this.#size)
    Atomics.store(words, layout.total, bitsOf(this.#total))
    for (let place = begin; place < end; place++) {
      Atomics.store(words, layout.items + place, this.#items[place])
      Atomics.store(words, layout.sums + place, bitsOf(this.#sums[this.#items[place]]))
    }
    Atomics.add(words, layout.sequence, 1)
  }
}

/** How often a trend that is being written is read again: the writer takes some µs, but may be interrupted. */
const attempts = 1000

/** Reads the trend, whole, while another thread may write it. */
export class TrendReader {
  readonly #words: Uint32Array
  #sequence = 0
  #trend: Trend | undefined

  constructor({ words }: LiveMemory) {
    this.#words = words
  }

  /** The trend as it is; as last read, where it is being written all the time; undefined before the first one. */
  read(): Trend | undefined {
    const words = this.#words
    for (let attempt = 0; attempt < attempts; attempt++) {
      const sequence = Atomics.load(words, layout.sequence)
      if (sequence === this.#sequence) break
      if (sequence % 2 === 1) continue
      const size = Math.min(trendSize, Atomics.load(words, layout.size))
      const total = floatOf(Atomics.load(words, layout.total))
      const items = new Uint32Array(size)
      const shares = new Float32Array(size)
      for (let place = 0; place < size; place++) {
        items[place] = Atomics.load(words, layout.items + place)
        shares[place] = floatOf(Atomics.load(words, layout.sums + place)) / total
      }
      if (Atomics.load(words, layout.sequence) !== sequence) continue
      this.#sequence = sequence
      this.#trend = { items, shares }
      break
    }
    return this.#trend
  }
}

const bits = new Uint32Array(1)
const float = new Float32Array(bits.buffer)

function bitsOf(value: number): number {
  float[0] = value
  return bits[0]
}

function floatOf(word: number): number {
  bits[0] = word
  return float[0]
}
