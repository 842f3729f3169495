import type { Csr } from '../storage/csr.ts'
import type { Dataset, DatasetParts } from '../storage/dataset.ts'
import type { IdMap } from '../storage/ids.ts'
import { randomNumbers } from '../storage/random.ts'
import type { Pairs } from './held-out.ts'

/** Which pairs of a dataset are held out. */
export type Split =
  /** Each pair with this probability, whatever the others do. */
  | { readonly kind: 'random'; readonly share: number; readonly seed: number }
  /** The latest pairs of each user who has more than these; equal times: the higher item index. */
  | { readonly kind: 'last'; readonly pairs: number }
  /** The pairs from this moment on, in ms since 1970 (UTC). */
  | { readonly kind: 'time'; readonly from: number }

/**
 * Parses `random:0.1`, `last:1` or `time:2019-02-01`, a date or time of ISO 8601, in UTC if it does not say otherwise.
 *
 * @throws RangeError saying what was expected.
 */
export function parseSplit(text: string, seed = 0): Split {
  const [kind, ...rest] = text.split(':')
  const value = rest.join(':')
  const number = Number(value || Number.NaN)
  if (kind === 'random' && number > 0 && number < 1) return { kind, share: number, seed }
  if (kind === 'last' && Number.isInteger(number) && number > 0) return { kind, pairs: number }
  const from = kind === 'time' ? momentOf(value) : Number.NaN
  if (!Number.isNaN(from)) return { kind: 'time', from }
  throw new RangeError(
    `a split must be random:SHARE with a share between 0 and 1, last:PAIRS or time:DATE with a date like 2019-02-01, got ${text}`,
  )
}

/**
 * Cuts a dataset in two. The training part is numbered anew, by popularity within it, and has only the users and items
 * that have pairs in it; the test part keeps the numbers of the dataset.
 *
 * @throws RangeError if the split needs times and the dataset has none, or if a part would be empty.
 */
export function splitDataset(dataset: Dataset, split: Split): { readonly train: DatasetParts; readonly test: Pairs } {
  const { byUser, users, items, times } = dataset
  const held = heldPairs(byUser, times, split)
  const count = held.reduce((sum, one) => sum + one, 0)
  if (count === 0 || count === held.length) {
    throw new RangeError(
      `the split puts ${count} of ${held.length} pairs in the test: both parts must have some; choose another split`,
    )
  }
  return { train: trainPart(dataset, held), test: { byUser: withMark(byUser, held, 1), users, items } }
}

/** (pairs) 1 where the pair is held out. */
function heldPairs(byUser: Csr, times: BigInt64Array | undefined, split: Split): Uint8Array {
  const held = new Uint8Array(byUser.indices.length)
  if (split.kind === 'random') {
    const random = randomNumbers(split.seed)
    return held.map(() => (random() < split.share ? 1 : 0))
  }
  if (!times) {
    throw new RangeError(
      `the split ${split.kind} needs the times of pairs: import the source with --time, or split random`,
    )
  }
  if (split.kind === 'time') {
    const from = BigInt(split.from)
    return held.map((_, pair) => (times[pair]! >= from ? 1 : 0))
  }
  for (let user = 0; user < byUser.rows; user++) {
    const [begin, end] = [Number(byUser.indptr[user]), Number(byUser.indptr[user + 1])]
    if (end - begin <= split.pairs) continue
    const pairs = Array.from({ length: end - begin }, (_, at) => begin + at)
    pairs.sort((a, b) => (times[a] === times[b] ? a - b : times[a]! < times[b]! ? -1 : 1))
    for (const pair of pairs.slice(-split.pairs)) held[pair] = 1
  }
  return held
}

/** What is not held out, as a dataset of its own. */
function trainPart({ byUser, users, items, times }: Dataset, held: Uint8Array): DatasetParts {
  const kept = withMark(byUser, held, 0)
  const degrees = new Uint32Array(kept.columns)
  for (const item of kept.indices) degrees[item]!++
  const userOrder = byPopularity(user => Number(kept.indptr[user + 1]! - kept.indptr[user]!), users)
  const itemOrder = byPopularity(item => degrees[item]!, items)
  const itemPlace = new Uint32Array(kept.columns)
  itemOrder.forEach((item, place) => {
    itemPlace[item] = place
  })
  const keptTimes = times?.filter((_, pair) => held[pair] === 0)

  const indptr = new BigUint64Array(userOrder.length + 1)
  const indices = new Uint32Array(kept.indices.length)
  const weights = new Float32Array(kept.indices.length)
  const newTimes = times && new BigInt64Array(kept.indices.length)
  let to = 0
  userOrder.forEach((user, row) => {
    const [begin, end] = [Number(kept.indptr[user]), Number(kept.indptr[user + 1])]
    // One number a pair, new item first, then the pair's place in the row: numbers sort without a comparison in JavaScript.
    const keys = new Float64Array(end - begin)
    for (let at = 0; at < keys.length; at++) keys[at] = itemPlace[kept.indices[begin + at]!]! * kept.columns + at
    for (const key of keys.sort()) {
      const pair = begin + (key % kept.columns)
      indices[to] = Math.floor(key / kept.columns)
      weights[to] = kept.weights[pair]!
      if (newTimes) newTimes[to] = keptTimes![pair]!
      to++
    }
    indptr[row + 1] = BigInt(to)
  })
  return {
    byUser: { rows: userOrder.length, columns: itemOrder.length, indptr, indices, weights },
    users: Array.from(userOrder, user => users.at(user)),
    items: Array.from(itemOrder, item => items.at(item)),
    ...(newTimes && { times: newTimes }),
  }
}

/** The pairs whose mark is `value`, in a matrix of the same shape. */
function withMark({ rows, columns, indptr, indices, weights }: Csr, marks: Uint8Array, value: number): Csr {
  const bounds = new BigUint64Array(rows + 1)
  for (let row = 0, length = 0, pair = 0; row < rows; row++) {
    for (const end = Number(indptr[row + 1]); pair < end; pair++) if (marks[pair] === value) length++
    bounds[row + 1] = BigInt(length)
  }
  const chosen = (_: number, pair: number) => marks[pair] === value
  return { rows, columns, indptr: bounds, indices: indices.filter(chosen), weights: weights.filter(chosen) }
}

/** The indices with pairs, most pairs first, ties by ascending id: how datasets are numbered. */
function byPopularity(degree: (index: number) => number, ids: IdMap): Uint32Array {
  return ids.sorted.filter(index => degree(index) > 0).sort((a, b) => degree(b) - degree(a))
}

/** Milliseconds since 1970. Dates and times without a zone are UTC, not the zone of the machine. */
function momentOf(text: string): number {
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?(Z|[+-]\d{2}:?\d{2})?$/.test(text)) return Number.NaN
  const zoned = /(Z|[+-]\d{2}:?\d{2})$/.test(text.slice(10))
  return Date.parse(text.length === 10 ? text : text.replace(' ', 'T') + (zoned ? '' : 'Z'))
}
