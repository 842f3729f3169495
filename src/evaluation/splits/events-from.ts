import type { Csr } from '../../storage/csr.ts'
import type { Dataset, DatasetParts } from '../../storage/dataset.ts'
import type { Id } from '../../storage/ids.ts'
import type { Sequences } from '../../storage/sequences.ts'
import { trainingPart } from '../training-part.ts'
import { held, type Marks } from './marks.ts'

/** Events of users, by index, and the ids of these and the items: a dataset, or what {@link splitEvents} cut off. */
export interface TestEvents {
  /** (users × items) */
  readonly events: Sequences
  readonly users: { at(index: number): Id | undefined }
  readonly items: { at(index: number): Id | undefined }
  /** Names of the events' kinds. */
  readonly kinds?: readonly string[] | undefined
}

/**
 * Cuts a dataset at `from` (ms since 1970): what was before it is the training, and the events from then on are the test. Unlike the
 * split `time`, which hides held-out pairs whole, a pair may be on both sides: it is what a model of that moment would know.
 * The weight of a pair that is on both sides is the sum of its events before; where that is not above 0, it is left out.
 *
 * @throws RangeError when the dataset has no times, or a part would be empty.
 */
export function splitEvents(
  dataset: Dataset,
  from: number,
): { readonly train: DatasetParts; readonly test: TestEvents } {
  const { byUser, events, users, items, manifest } = dataset
  if (!events) {
    throw new RangeError('events are held out by their times: import the source with times (time, --time)')
  }
  const moment = BigInt(from)
  const isLate = Uint8Array.from(events.times, time => Number(time >= moment))
  const late = isLate.reduce((sum, mark) => sum + mark, 0)
  if (late === 0 || late === isLate.length) {
    throw new RangeError(
      `${late} of ${isLate.length} events are at ${new Date(from).toISOString()} or later: ` +
        'both parts must have some; choose another date',
    )
  }
  const { weights, marks } = weightsBefore(byUser, events, isLate)
  return {
    train: trainingPart({ users, items, events, manifest, byUser: { ...csrOf(byUser), weights } }, marks, isLate),
    test: { events: eventsWhere(events, isLate), users, items, kinds: manifest.kinds },
  }
}

/** Without the getters of a mapped one. */
function csrOf({ rows, columns, indptr, indices, weights }: Csr): Csr {
  return { rows, columns, indptr, indices, weights }
}

/** (pairs) Their weights by the events that are not late, and which have none. */
function weightsBefore(
  { rows, columns, indptr, indices, weights }: Csr,
  events: Sequences,
  isLate: Uint8Array,
): { readonly weights: Float32Array; readonly marks: Marks } {
  const before = Float32Array.from(weights)
  const marks = new Uint8Array(indices.length)
  const sums = new Float64Array(columns)
  const hasLate = new Uint8Array(columns)
  for (let user = 0, event = 0, pair = 0; user < rows; user++) {
    const begin = event
    for (const end = Number(events.indptr[user + 1]); event < end; event++) {
      const item = events.items[event]
      if (isLate[event]) hasLate[item] = 1
      else sums[item] += events.weights?.[event] ?? 1
    }
    for (const end = Number(indptr[user + 1]); pair < end; pair++) {
      const item = indices[pair]
      if (!hasLate[item]) continue
      before[pair] = sums[item]
      if (!(before[pair] > 0)) marks[pair] = held
    }
    for (const item of events.items.subarray(begin, event)) {
      sums[item] = 0
      hasLate[item] = 0
    }
  }
  return { weights: before, marks }
}

function eventsWhere(events: Sequences, isChosen: Uint8Array): Sequences {
  const { rows, columns, items, times, weights, kinds } = events
  const indptr = new BigUint64Array(rows + 1)
  for (let row = 0, event = 0, count = 0; row < rows; row++) {
    for (const end = Number(events.indptr[row + 1]); event < end; event++) count += isChosen[event]
    indptr[row + 1] = BigInt(count)
  }
  const chosen = (_: unknown, event: number) => isChosen[event] !== 0
  return {
    rows,
    columns,
    indptr,
    items: items.filter(chosen),
    times: times.filter(chosen),
    weights: weights?.filter(chosen),
    kinds: kinds?.filter(chosen),
  }
}
