/** The factors of a training, and as the model keeps them. */
import { native } from '../../../native.ts'
import { topKIndexBytes, topKIndexPieces } from '../../../search/topk.ts'
import { allocateFactors, type FactorMatrix } from '../../../storage/factors.ts'
import { sharedArray } from '../../../storage/shared-array.ts'
import type { TrainedTensor } from '../../artifact/trained-tensor.ts'

/** Shared by all workers. */
export interface BprFactors {
  readonly users: FactorMatrix
  readonly items: FactorMatrix
  /** (items), or none where items have no biases. */
  readonly biases: Float32Array
}

export interface BprTensors {
  /** (users × width) */
  readonly users: { readonly data: Float32Array }
  /** (items × width) */
  readonly items: { readonly data: Float32Array }
}

export function allocateBprFactors(users: number, items: number, factors: number, isBiased: boolean): BprFactors {
  return {
    users: allocateFactors(users, factors),
    items: allocateFactors(items, factors),
    biases: sharedArray(Float32Array, isBiased ? items : 0),
  }
}

/** Copies rows of a model's tensors, those that `rows` name; where they name -1, `unknown` says what they are. */
export function copyRows(
  to: BprFactors,
  from: BprTensors,
  rows: { readonly users: (row: number) => number; readonly items: (row: number) => number },
  unknown: { readonly factor: () => number; readonly bias: (item: number) => number },
): void {
  const { rank } = to.items
  const width = rank + (to.biases.length > 0 ? 1 : 0)
  for (const side of ['users', 'items'] as const) {
    const { data, stride, rows: count } = to[side]
    const source = from[side].data
    for (let row = 0; row < count; row++) {
      const begin = rows[side](row) * width
      if (begin >= 0) data.set(source.subarray(begin, begin + rank), row * stride)
      else for (let k = 0; k < rank; k++) data[row * stride + k] = unknown.factor()
      if (side === 'items' && width > rank) to.biases[row] = begin >= 0 ? source[begin + rank] : unknown.bias(row)
    }
  }
}

/** The tensors of a model of these factors; `bprTensors` in model.ts describes them. */
export function bprTrainedTensors(factors: BprFactors): Readonly<Record<string, TrainedTensor>> {
  const { users, items, biases } = factors
  const { rows, rank } = items
  const isBiased = biases.length > 0
  const width = rank + (isBiased ? 1 : 0)
  const ones = new Float32Array(isBiased ? 1 : 0).fill(1)
  // Made once for all tensors that need it.
  let whole: Float32Array | undefined
  const itemRows = () => {
    whole ??= rowsWith(items, 0, rows, row => biases.subarray(row, isBiased ? row + 1 : 0))
    return whole
  }
  const index = { rows, rank: width }
  return {
    users: { dtype: 'F32', shape: [users.rows, width], pieces: () => piecesWith(users, ones) },
    items: { dtype: 'F32', shape: [rows, width], pieces: () => [itemRows()] },
    gramian: { dtype: 'F64', shape: [width, width], pieces: () => [native.bprGramian(itemRows(), width)] },
    index: {
      dtype: 'U8',
      shape: [topKIndexBytes(index)],
      pieces: () => topKIndexPieces({ ...index, stride: width, data: itemRows() }),
    },
    ...(isBiased && {
      factorIndex: { dtype: 'U8' as const, shape: [topKIndexBytes(items)], pieces: () => topKIndexPieces(items) },
    }),
  }
}

/** The rows of a matrix without padding, each followed by the same values, in pieces of whole rows. */
function* piecesWith(matrix: FactorMatrix, more: Float32Array): Generator<Float32Array> {
  const most = Math.max(1, Math.floor(2 ** 18 / matrix.stride))
  for (let first = 0; first < matrix.rows; first += most) {
    yield rowsWith(matrix, first, Math.min(first + most, matrix.rows), () => more)
  }
}

/** Rows `first` to before `end` without padding, each followed by `more` of it. */
function rowsWith(
  { data, rank, stride }: FactorMatrix,
  first: number,
  end: number,
  more: (row: number) => Float32Array,
): Float32Array {
  const width = rank + (end > first ? more(first).length : 0)
  const rows = new Float32Array((end - first) * width)
  for (let row = first; row < end; row++) {
    const to = (row - first) * width
    rows.set(data.subarray(row * stride, row * stride + rank), to)
    rows.set(more(row), to + rank)
  }
  return rows
}
