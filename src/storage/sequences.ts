/** Events of many users in order of time, on disk: what pairs sum up, with nothing lost. */
import { native } from '../native.ts'
import { closedOnError } from './closing.ts'
import { boundsWithout, without } from './csr.ts'
import { RowPointers } from './row-pointers.ts'
import {
  type Dtype,
  elements,
  mappedTensor,
  openSafetensors,
  type Safetensors,
  type Tensor,
  valuesIn,
  vector,
} from './safetensors.ts'

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

/** The same users and columns with the events alone whose mark is `value`; `marks` is (events). */
export function sequencesWhere(sequences: Sequences, marks: Uint8Array, value: number): Sequences {
  const { rows, columns, items, times, weights, kinds } = sequences
  const indptr = new BigUint64Array(rows + 1)
  for (let row = 0, event = 0, count = 0; row < rows; row++) {
    for (const end = Number(sequences.indptr[row + 1]); event < end; event++) if (marks[event] === value) count++
    indptr[row + 1] = BigInt(count)
  }
  const chosen = (_: unknown, event: number) => marks[event] === value
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

/** The items of row `row`, in order of time. */
export function itemsOf(sequences: Sequences, row: number): Uint32Array {
  return sequences instanceof MappedSequences ? sequences.itemsOf(row) : sequenceOf(sequences, row).items
}

/** The times of row `row`, in ms since 1970 (UTC), ascending. */
export function timesOf(sequences: Sequences, row: number): BigInt64Array {
  return sequences instanceof MappedSequences ? sequences.timesOf(row) : sequenceOf(sequences, row).times
}

/** The tensors of the file of `events` events of `users` users, as {@link MappedSequences} opens it. */
export function sequencesLayout(
  users: number,
  events: number,
  { hasWeights, hasKinds }: { readonly hasWeights: boolean; readonly hasKinds: boolean },
): Record<string, { readonly dtype: Dtype; readonly shape: readonly number[] }> {
  return {
    indptr: { dtype: 'U64', shape: [users + 1] },
    items: { dtype: 'U32', shape: [events] },
    times: { dtype: 'I64', shape: [events] },
    ...(hasWeights && { weights: { dtype: 'F32', shape: [events] } }),
    ...(hasKinds && { kinds: { dtype: 'U8', shape: [events] } }),
  }
}

/** The same sequences without the events of `row`, which stays, empty. */
export function withoutSequence(
  { rows, columns, indptr, items, times, weights, kinds }: Sequences,
  row: number,
): Sequences {
  const [begin, end] = [Number(indptr[row]), Number(indptr[row + 1])]
  return {
    rows,
    columns,
    indptr: boundsWithout(indptr, row),
    items: without(items, begin, end),
    times: without(times, begin, end),
    weights: weights && without(weights, begin, end),
    kinds: kinds && without(kinds, begin, end),
  }
}

/**
 * The sequences in the tensors `indptr`, `items`, `times` and, where they are there, `weights` and `kinds` of a file. Each
 * array is a view, made when it is first asked for.
 */
export class MappedSequences implements Sequences {
  readonly rows: number
  readonly columns: number
  /** How many events there are. */
  readonly events: number
  readonly #file: Safetensors
  readonly #tensors: ReturnType<typeof sequenceTensorsOf>

  /**
   * `verify` reads all of it.
   *
   * @throws Error naming the file and what is wrong with it.
   */
  static open(path: string, columns: number, { verify = false } = {}): MappedSequences {
    return closedOnError(openSafetensors(path), file => {
      const sequences = new MappedSequences(file, columns)
      const fault = sequences.#lengthFault() ?? (verify ? sequences.#orderFault() : undefined)
      if (fault) throw new Error(`${path} holds no sequences: ${fault}`)
      return sequences
    })
  }

  private constructor(file: Safetensors, columns: number) {
    this.#file = file
    this.#tensors = sequenceTensorsOf(file)
    this.rows = this.#tensors.indptr.rows
    this.columns = columns
    this.events = elements(this.#tensors.items.shape)
  }

  get indptr(): BigUint64Array {
    return this.#tensors.indptr.data
  }

  get items(): Uint32Array {
    return this.#tensors.items.data
  }

  get times(): BigInt64Array {
    return this.#tensors.times.data
  }

  get weights(): Float32Array | undefined {
    return this.#tensors.weights?.data
  }

  get kinds(): Uint8Array | undefined {
    return this.#tensors.kinds?.data
  }

  /** The items of row `row`, in order of time: a copy, which needs no view of all of them. */
  itemsOf(row: number): Uint32Array {
    const [begin, end] = this.#tensors.indptr.of(row)
    return valuesIn(this.#tensors.items, begin, end)
  }

  /** The times of row `row`: a copy, as {@link itemsOf}. */
  timesOf(row: number): BigInt64Array {
    const [begin, end] = this.#tensors.indptr.of(row)
    return valuesIn(this.#tensors.times, begin, end)
  }

  /** Closes the file: it is unmapped when no view of it is left. */
  close(): void {
    this.#file.close()
  }

  #lengthFault(): string | undefined {
    const { indptr, times, weights, kinds } = this.#tensors
    const { first, last } = indptr
    const lengths = {
      times: elements(times.shape),
      weights: weights && elements(weights.shape),
      kinds: kinds && elements(kinds.shape),
    }
    return lengthFault({ rows: this.rows, bounds: this.rows + 1, first, last }, this.events, lengths)
  }

  #orderFault(): string | undefined {
    const { indptr, items, times, weights } = this.#tensors
    const sequences = { indptr: indptr.operand, items: items.operand, times: times.operand }
    return (
      native.sequencesFault({ ...sequences, ...(weights && { weights: weights.operand }) }, this.columns) ?? undefined
    )
  }
}

function sequenceTensorsOf(file: Safetensors) {
  return {
    indptr: new RowPointers(mappedTensor(file, 'indptr', BigUint64Array)),
    items: mappedTensor(file, 'items', Uint32Array),
    times: mappedTensor(file, 'times', BigInt64Array),
    weights: 'weights' in file.tensors ? mappedTensor(file, 'weights', Float32Array) : undefined,
    kinds: 'kinds' in file.tensors ? mappedTensor(file, 'kinds', Uint8Array) : undefined,
  }
}

/**
 * The tensors from which {@link MappedSequences} makes the same sequences. O(events).
 *
 * @throws RangeError when `sequences` break a rule of {@link Sequences}.
 */
export function sequenceTensors(sequences: Sequences): Record<string, Tensor> {
  const { rows, columns, indptr, items, times, weights, kinds } = sequences
  const bounds = { rows, bounds: indptr.length, first: indptr[0], last: indptr.at(-1) }
  const lengths = { times: times.length, weights: weights?.length, kinds: kinds?.length }
  const fault =
    lengthFault(bounds, items.length, lengths) ??
    native.sequencesFault({ indptr, items, times, ...(weights && { weights }) }, columns)
  if (fault) throw new RangeError(`the events are no sequences: ${fault}`)
  const arrays = Object.entries({ indptr, items, times, weights, kinds })
  return Object.fromEntries(arrays.flatMap(([name, data]) => (data ? [[name, vector(data)]] : [])))
}

interface RowBounds {
  readonly rows: number
  /** How many bounds there are. */
  readonly bounds: number
  readonly first: bigint | undefined
  readonly last: bigint | undefined
}

/** Which lengths do not fit together, or nothing. O(1). */
function lengthFault(
  { rows, bounds, first, last }: RowBounds,
  events: number,
  lengths: Readonly<Record<string, number | undefined>>,
): string | undefined {
  if (bounds !== rows + 1 || first !== 0n || last !== BigInt(events)) {
    return `${bounds} row bounds from ${first} to ${last} do not fit ${events} items`
  }
  for (const [name, length] of Object.entries(lengths)) {
    if (length !== undefined && length !== events) return `${events} items need as many ${name}, got ${length}`
  }
  return undefined
}
