import type { Csr } from '../../storage/csr.ts'
import type { Dataset, DatasetParts } from '../../storage/dataset.ts'
import type { Id } from '../../storage/ids.ts'
import { type Sequences, sequencesWhere } from '../../storage/sequences.ts'
import { held, type Marks } from './marks.ts'
import { trainingPart } from './training-part.ts'

/** Events of users, by index, and the ids of these and the items: a dataset, or what {@link splitEvents} cut off. */
export interface TestEvents {
  /** (users × items) */
  readonly events: Sequences
  readonly users: { at(index: number): Id | undefined }
  readonly items: { at(index: number): Id | undefined }
  /** Names of the events' kinds. */
  readonly kinds?: readonly string[] | undefined
}

/** (events) What {@link splitEvents} makes of each. */
const before = 0
const late = 1
const dropped = 2

/**
 * Cuts a dataset at `from` (ms since 1970): what was before it is the training, and the events from then on are the test. Unlike the
 * split `time`, which hides held-out pairs whole, a pair may be on both sides: it is what a model of that moment would know.
 * The weight of a pair that is on both sides is the sum of its events before; where that is not above 0, it is left out.
 *
 * @param dropRepeats whether events of the training that repeat the item of the one before are left out of it.
 * @throws RangeError when the dataset has no times, or a part would be empty.
 */
export function splitEvents(
  dataset: Dataset,
  from: number,
  { dropRepeats = false } = {},
): { readonly train: DatasetParts; readonly test: TestEvents } {
  const { byUser, events, users, items, manifest } = dataset
  if (!events) {
    throw new RangeError('events are held out by their times: import the source with times (time, --time)')
  }
  const moment = BigInt(from)
  const parts = Uint8Array.from(events.times, time => (time >= moment ? late : before))
  const count = parts.reduce((sum, part) => sum + part, 0)
  if (count === 0 || count === parts.length) {
    throw new RangeError(
      `${count} of ${parts.length} events are at ${new Date(from).toISOString()} or later: ` +
        'both parts must have some; choose another date',
    )
  }
  if (dropRepeats) markRepeats(events, parts)
  const { weights, marks } = weightsBefore(byUser, events, parts)
  return {
    train: trainingPart(
      { users, items, events, manifest, tags: dataset.tags, byUser: { ...csrOf(byUser), weights } },
      marks,
      parts,
    ),
    test: { events: sequencesWhere(events, parts, late), users, items, kinds: manifest.kinds },
  }
}

/** Without the getters of a mapped one. */
function csrOf({ rows, columns, indptr, indices, weights }: Csr): Csr {
  return { rows, columns, indptr, indices, weights }
}

/** Marks the events before the cut that repeat the item of the one before. */
function markRepeats({ rows, indptr, items }: Sequences, parts: Uint8Array): void {
  for (let row = 0; row < rows; row++) {
    const end = Number(indptr[row + 1])
    for (let event = Number(indptr[row]) + 1; event < end && parts[event] === before; event++) {
      if (items[event] === items[event - 1]) parts[event] = dropped
    }
  }
}

/** (pairs) Their weights by the events before the cut that are kept, and which have none. */
function weightsBefore(
  { rows, columns, indptr, indices, weights }: Csr,
  events: Sequences,
  parts: Uint8Array,
): { readonly weights: Float32Array; readonly marks: Marks } {
  const kept = Float32Array.from(weights)
  const marks = new Uint8Array(indices.length)
  const sums = new Float64Array(columns)
  const hasOthers = new Uint8Array(columns)
  for (let user = 0, event = 0, pair = 0; user < rows; user++) {
    const begin = event
    for (const end = Number(events.indptr[user + 1]); event < end; event++) {
      const item = events.items[event]
      if (parts[event] !== before) hasOthers[item] = 1
      else sums[item] += events.weights?.[event] ?? 1
    }
    for (const end = Number(indptr[user + 1]); pair < end; pair++) {
      const item = indices[pair]
      if (!hasOthers[item]) continue
      kept[pair] = sums[item]
      if (!(kept[pair] > 0)) marks[pair] = held
    }
    for (const item of events.items.subarray(begin, event)) {
      sums[item] = 0
      hasOthers[item] = 0
    }
  }
  return { weights: kept, marks }
}
