/** Events of many users in order of time, on disk: what pairs sum up, with nothing lost. */
import { openSafetensors, type Tensor, tensorOf } from './safetensors.ts'

/** The events of one user side by side, in order of time; equal times keep the order of the source. */
export interface Sequence {
  /** Columns. One may come many times. */
  readonly items: Uint32Array
  /** ms since 1970 (UTC), ascending. */
  readonly times: BigInt64Array
  /** Finite; 0 where the source has 0. Absent: all are 1. */
  readonly weights?: Float32Array | undefined
  /** Codes of what happened; their names are kept elsewhere. Absent: the source has no kinds. */
  readonly kinds?: Uint8Array | undefined
}

/**
 * `rows` sequences over `columns` items, one after the other: row `r` has the events `indptr[r] … indptr[r + 1]`. The
 * arrays are made to be read from front to back, one row after the other.
 */
export interface Sequences extends Sequence {
  readonly rows: number
  readonly columns: number
  /** (rows + 1) */
  readonly indptr: BigUint64Array
}

/** The events of row `row`: views, no copies. */
export function sequenceOf({ indptr, items, times, weights, kinds }: Sequences, row: number): Sequence {
  const [begin, end] = [Number(indptr[row]), Number(indptr[row + 1])]
  return {
    items: items.subarray(begin, end),
    times: times.subarray(begin, end),
    weights: weights?.subarray(begin, end),
    kinds: kinds?.subarray(begin, end),
  }
}

/**
 * Views the tensors `indptr`, `items`, `times` and, where they are there, `weights` and `kinds` of a file as sequences.
 * `verify` also reads all of it.
 *
 * @throws Error naming the file and what is wrong with it.
 */
export function openSequences(path: string, columns: number, verify = false): Sequences {
  const file = openSafetensors(path)
  const indptr = tensorOf(file, 'indptr', BigUint64Array)
  const sequences: Sequences = {
    rows: indptr.length - 1,
    columns,
    indptr,
    items: tensorOf(file, 'items', Uint32Array),
    times: tensorOf(file, 'times', BigInt64Array),
    weights: 'weights' in file.tensors ? tensorOf(file, 'weights', Float32Array) : undefined,
    kinds: 'kinds' in file.tensors ? tensorOf(file, 'kinds', Uint8Array) : undefined,
  }
  const fault = lengthFault(sequences) ?? (verify ? orderFault(sequences) : undefined)
  if (fault) throw new Error(`${path} holds no sequences: ${fault}`)
  return sequences
}

/**
 * The tensors from which {@link openSequences} makes the same sequences. O(events).
 *
 * @throws RangeError when `sequences` break a rule of {@link Sequences}.
 */
export function sequenceTensors(sequences: Sequences): Record<string, Tensor> {
  const fault = lengthFault(sequences) ?? orderFault(sequences)
  if (fault) throw new RangeError(`the events are no sequences: ${fault}`)
  const { indptr, items, times, weights, kinds } = sequences
  const arrays = Object.entries({ indptr, items, times, weights, kinds })
  return Object.fromEntries(arrays.flatMap(([name, data]) => (data ? [[name, { data, shape: [data.length] }]] : [])))
}

/** Which lengths do not fit together, or nothing. O(1). */
function lengthFault({ rows, indptr, items, times, weights, kinds }: Sequences): string | undefined {
  const count = items.length
  if (indptr.length !== rows + 1 || indptr[0] !== 0n || indptr.at(-1) !== BigInt(count)) {
    return `${indptr.length} row bounds from ${indptr[0]} to ${indptr.at(-1)} do not fit ${count} items`
  }
  for (const [name, array] of Object.entries({ times, weights, kinds })) {
    if (array && array.length !== count) return `${count} items need as many ${name}, got ${array.length}`
  }
  return undefined
}

/** The first event that breaks a rule, in words, or nothing. O(events). */
function orderFault({ rows, columns, indptr, items, times, weights }: Sequences): string | undefined {
  for (let row = 0, at = 0; row < rows; row++) {
    const begin = at
    const end = Number(indptr[row + 1])
    if (end < begin || end > items.length) return `row ${row} ends at ${end}, before it begins or after all events`
    for (; at < end; at++) {
      if (items[at] >= columns) return `row ${row} names column ${items[at]} of ${columns}`
      if (at > begin && times[at] < times[at - 1]) return `the times of row ${row} do not ascend`
      if (weights && !Number.isFinite(weights[at])) return `row ${row} has the weight ${weights[at]}`
    }
  }
  return undefined
}
