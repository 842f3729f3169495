import { concat, contains, firstAllowed, union } from '../../search/item-lists.ts'
import { closedOnError } from '../../storage/closing.ts'
import type { Csr } from '../../storage/csr.ts'
import {
  elements,
  type MappedTensor,
  mappedTensor,
  openSafetensors,
  type Safetensors,
  type Tensor,
  valuesAt,
  valuesIn,
  vector,
} from '../../storage/safetensors.ts'
import type { ItemList, ResolvedRequest } from '../algorithm.ts'

/** What each item counts, as how many users have a pair with it, and the order that follows from it: in memory, or in a mapped file. */
export interface Popularity {
  /** (items) */
  readonly counts: Tensor<Uint32Array | Float32Array>
  /** (items) All items, most users first; of equal counts the lower row first. */
  readonly order: Tensor<Uint32Array>
  /** Items that come before all others, best first: what many do by now. Absent: none. */
  readonly latest?: () => Uint32Array
}

/** The popularity in the tensors `counts` and `order` of a file. */
export class MappedPopularity implements Popularity {
  readonly counts: MappedTensor<Uint32Array>
  readonly order: MappedTensor<Uint32Array>
  readonly #file: Safetensors

  /**
   * `verify` reads all of it.
   *
   * @throws Error naming the file and what is wrong with it.
   */
  static open(path: string, { verify = false } = {}): MappedPopularity {
    return closedOnError(openSafetensors(path), file => {
      const popularity = new MappedPopularity(file)
      const fault = verify ? popularity.#orderFault() : undefined
      if (fault) throw new Error(`${path} holds no popularity: ${fault}`)
      return popularity
    })
  }

  private constructor(file: Safetensors) {
    this.#file = file
    this.counts = mappedTensor(file, 'counts', Uint32Array)
    this.order = mappedTensor(file, 'order', Uint32Array)
  }

  /** Closes the file: it is unmapped when no view of it is left. */
  close(): void {
    this.#file.close()
  }

  #orderFault(): string | undefined {
    const size = elements(this.counts.shape)
    return orderFault(valuesIn(this.counts, 0, size), valuesIn(this.order, 0, elements(this.order.shape)))
  }
}

/** Why `order` is not that of the items by what they count, in words, or undefined. */
export function orderFault(counts: Uint32Array | Float32Array, order: Uint32Array): string | undefined {
  // Items that all differ by the order are different ones: none is missing.
  for (let place = 0; place < order.length; place++) {
    const [before, item] = [order[place - 1], order[place]]
    if (item >= counts.length) return `place ${place} of the order names item ${item} of ${counts.length}`
    if (place > 0 && byCount(counts[before], counts[item], before, item) >= 0) {
      return `the counts do not fall by the order at place ${place}`
    }
  }
  return undefined
}

/** All items, those that count most first; of equal counts the lower row first. O(items · log items). */
export function orderOf(counts: Uint32Array | Float32Array): Uint32Array {
  return Uint32Array.from(counts.keys()).sort((a, b) => byCount(counts[a]!, counts[b]!, a, b))
}

/** Counts the users of each item. O(items · log items). */
export function popularityOf({ rows, indptr }: Pick<Csr, 'rows' | 'indptr'>): Pick<Popularity, 'counts' | 'order'> {
  const counts = Uint32Array.from({ length: rows }, (_, item) => Number(indptr[item + 1] - indptr[item]))
  // One number an item, by which fewest users come last and of equal ones the higher row: numbers sort without a
  // comparison in JavaScript.
  const keys = Float64Array.from(counts, (count, item) => (0xffff_ffff - count) * rows + item)
  return { counts: vector(counts), order: vector(Uint32Array.from(keys.sort(), key => key % rows)) }
}

/** The most popular items that may come (`only`, which never falls, may name new ones), all with a score of 0, which is below that of any item that a model scores. */
export function popularItems(
  popularity: Popularity,
  limit: number,
  exclude: Uint32Array,
  { only, allowed }: Pick<ResolvedRequest, 'only' | 'allowed'> = { only: undefined },
): ItemList {
  const latest = popularity.latest?.() ?? nothing
  const first = firstAllowed(only ? latest.filter(item => contains(only, item)) : latest, limit, exclude, allowed)
  const left = limit - first.length
  if (left === 0) return unscored(first)
  const others = union(exclude, first.toSorted())
  const rest = only
    ? firstAllowed(mostPopularFirst(popularity, only), left, others, allowed)
    : firstPopular(popularity, left, others, allowed)
  return unscored(concat(Uint32Array, [first, rest]))
}

const nothing = new Uint32Array(0)

function unscored(items: Uint32Array): ItemList {
  return { items, scores: new Float32Array(items.length) }
}

function firstPopular(
  { order }: Popularity,
  limit: number,
  exclude: Uint32Array,
  allowed: Uint32Array | undefined,
): Uint32Array {
  const size = elements(order.shape)
  // More are not needed where all are allowed: each of `exclude` leaves out one at most.
  for (let enough = limit + exclude.length; ; enough *= 4) {
    const items = firstAllowed(valuesIn(order, 0, Math.min(size, enough)), limit, exclude, allowed)
    if (items.length === limit || enough >= size || !allowed) return items
  }
}

function mostPopularFirst({ counts }: Popularity, items: Uint32Array): Uint32Array {
  // New ones, which come after all others, have no users yet.
  const known = items.filter(item => item < elements(counts.shape))
  const found = new Float64Array(items.length)
  found.set(valuesAt(counts, known))
  const places = Uint32Array.from(items.keys())
  const sorted = places.sort((a, b) => byCount(found[a]!, found[b]!, items[a]!, items[b]!)).map(place => items[place]!)
  // One that is named twice comes once.
  return sorted.filter((item, at) => item !== sorted[at - 1])
}

/** Whether item `a` comes before `b` (below 0) by how many users have them. */
function byCount(countOfA: number, countOfB: number, a: number, b: number): number {
  return countOfB - countOfA || a - b
}
