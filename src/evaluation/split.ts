import type { Csr } from '../storage/csr.ts'
import type { Dataset, DatasetParts } from '../storage/dataset.ts'
import { randomNumbers } from '../storage/random.ts'
import type { Sequences } from '../storage/sequences.ts'
import type { Pairs } from './held-out.ts'
import { pairsWithMark, trainingPart } from './training-part.ts'

/**
 * Which pairs of a dataset are held out. All events of a pair are held out with it, the earlier ones too: no model, be
 * it trained on pairs or on events, may know a held-out pair.
 */
export type Split =
  /** Each pair with this probability, independently. */
  | { readonly kind: 'random'; readonly share: number; readonly seed: number }
  /** The pairs with the latest events of each user who has more than these. */
  | { readonly kind: 'last'; readonly pairs: number }
  /** The pairs with an event at this moment or later, in ms since 1970 (UTC), and all events from then on. */
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
    `split must be random:SHARE with a share between 0 and 1, last:PAIRS or time:DATE with a date like 2019-02-01, got ${text || 'nothing'}`,
  )
}

/**
 * Divides a dataset into a training and a test part. The training part has only the users and items that have pairs in
 * it, with indices of its own, and their events; the test part keeps the indices of the dataset.
 *
 * @throws RangeError if the split needs times and the dataset has none, or if a part would be empty.
 */
export function splitDataset(dataset: Dataset, split: Split): { readonly train: DatasetParts; readonly test: Pairs } {
  const { byUser, users, items, events } = dataset
  const held = heldPairs(byUser, events, split)
  const count = held.reduce((sum, mark) => sum + mark, 0)
  if (count === 0 || count === held.length) {
    throw new RangeError(
      `the split puts ${count} of ${held.length} pairs in the test: both parts must have some; choose another split`,
    )
  }
  return {
    train: trainingPart(dataset, held, heldEvents(dataset, held, split)),
    test: { byUser: pairsWithMark(byUser, held, 1), users, items },
  }
}

/** (pairs) 1 where the pair is held out. */
function heldPairs(byUser: Csr, events: Sequences | undefined, split: Split): Uint8Array {
  const held = new Uint8Array(byUser.indices.length)
  if (split.kind === 'random') {
    const random = randomNumbers(split.seed)
    return held.map(() => (random() < split.share ? 1 : 0))
  }
  if (!events) {
    throw new RangeError(
      `the split ${split.kind} needs times: import the source with times (time, --time), or split random`,
    )
  }
  const last = lastEvents(byUser, events)
  if (split.kind === 'time') {
    const from = BigInt(split.from)
    return held.map((_, pair) => (last[pair] >= 0 && events.times[last[pair]] >= from ? 1 : 0))
  }
  for (let user = 0; user < byUser.rows; user++) {
    const [begin, end] = [Number(byUser.indptr[user]), Number(byUser.indptr[user + 1])]
    if (end - begin <= split.pairs) continue
    const pairs = Array.from({ length: end - begin }, (_, at) => begin + at)
    pairs.sort((a, b) => last[a] - last[b] || a - b)
    for (const pair of pairs.slice(-split.pairs)) held[pair] = 1
  }
  return held
}

/** (pairs) The last event of each pair, or -1 if there is none. */
export function lastEvents({ rows, columns, indptr, indices }: Csr, events: Sequences): Float64Array {
  const last = new Float64Array(indices.length)
  const lastOfItem = new Float64Array(columns).fill(-1)
  for (let user = 0, event = 0, pair = 0; user < rows; user++) {
    const begin = event
    for (const end = Number(events.indptr[user + 1]); event < end; event++) lastOfItem[events.items[event]] = event
    for (const end = Number(indptr[user + 1]); pair < end; pair++) last[pair] = lastOfItem[indices[pair]]
    for (const item of events.items.subarray(begin, event)) lastOfItem[item] = -1
  }
  return last
}

/** (events) 1 where the event is held out. */
export function heldEvents({ byUser, events }: Dataset, heldPairs: Uint8Array, split: Split): Uint8Array | undefined {
  if (!events) return undefined
  const held = new Uint8Array(events.items.length)
  const isHeldItem = new Uint8Array(byUser.columns)
  for (let user = 0, event = 0; user < byUser.rows; user++) {
    const [begin, end] = [Number(byUser.indptr[user]), Number(byUser.indptr[user + 1])]
    for (let pair = begin; pair < end; pair++) isHeldItem[byUser.indices[pair]] = heldPairs[pair]
    for (const next = Number(events.indptr[user + 1]); event < next; event++) {
      held[event] = isHeldItem[events.items[event]]
    }
    for (let pair = begin; pair < end; pair++) isHeldItem[byUser.indices[pair]] = 0
  }
  if (split.kind !== 'time') return held
  // Events need no pair: those that weigh 0 have none.
  const from = BigInt(split.from)
  return held.map((mark, event) => (mark === 1 || events.times[event] >= from ? 1 : 0))
}

/** Milliseconds since 1970. Dates and times without a zone are UTC, not the zone of the machine. */
function momentOf(text: string): number {
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?(Z|[+-]\d{2}:?\d{2})?$/.test(text)) return Number.NaN
  const zoned = /(Z|[+-]\d{2}:?\d{2})$/.test(text.slice(10))
  return Date.parse(text.length === 10 ? text : text.replace(' ', 'T') + (zoned ? '' : 'Z'))
}
