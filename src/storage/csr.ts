/** Sparse matrices, compressed by rows. */
import type { SparseMatrix } from '../binding.d.ts'
import { native } from '../native.ts'
import { closedOnError } from './closing.ts'
import { RowPointers } from './row-pointers.ts'
import { elements, mappedTensor, openSafetensors, type Safetensors, valuesIn } from './safetensors.ts'

/**
 * A sparse matrix of `rows` × `columns`. Row `r` has the columns `indices[indptr[r] … indptr[r + 1]]`, ascending and
 * distinct, and their `weights`, finite and above 0.
 */
export interface Csr {
  readonly rows: number
  readonly columns: number
  /** (rows + 1) */
  readonly indptr: BigUint64Array
  /** (pairs) */
  readonly indices: Uint32Array
  /** (pairs) */
  readonly weights: Float32Array
}

/** The matrix in the tensors `indptr`, `indices` and `weights` of a file. Each array is a view, made when it is first asked for. */
export class MappedCsr implements Csr {
  readonly rows: number
  readonly columns: number
  readonly pairs: number
  readonly #file: Safetensors
  readonly #tensors: ReturnType<typeof csrTensors>

  /**
   * `verify` reads all of it.
   *
   * @throws Error naming the file and what is wrong with it.
   */
  static open(path: string, columns: number, { verify = false } = {}): MappedCsr {
    return closedOnError(openSafetensors(path), file => {
      const csr = new MappedCsr(file, columns)
      const fault = csr.#boundsFault() ?? (verify ? csr.#fault() : undefined)
      if (fault) throw new Error(`${path} holds no matrix: ${fault}`)
      return csr
    })
  }

  private constructor(file: Safetensors, columns: number) {
    this.#file = file
    this.#tensors = csrTensors(file)
    this.rows = this.#tensors.indptr.rows
    this.columns = columns
    this.pairs = elements(this.#tensors.indices.shape)
  }

  get indptr(): BigUint64Array {
    return this.#tensors.indptr.data
  }

  get indices(): Uint32Array {
    return this.#tensors.indices.data
  }

  get weights(): Float32Array {
    return this.#tensors.weights.data
  }

  /** As a kernel reads it: no array is viewed. */
  get operand(): SparseMatrix {
    const { indptr, indices, weights } = this.#tensors
    return { indptr: indptr.operand, indices: indices.operand, weights: weights.operand }
  }

  /** The pairs of one row, copied: no array is viewed. */
  row(row: number): Pick<Csr, 'indices' | 'weights'> {
    const { indptr, indices, weights } = this.#tensors
    const [begin, end] = indptr.of(row)
    return { indices: valuesIn(indices, begin, end), weights: valuesIn(weights, begin, end) }
  }

  /** Closes the file: it is unmapped when no view of it is left. */
  close(): void {
    this.#file.close()
  }

  #fault(): string | undefined {
    return native.interactionsFault(this.operand, this.columns) ?? undefined
  }

  #boundsFault(): string | undefined {
    const { first, last } = this.#tensors.indptr
    const weights = elements(this.#tensors.weights.shape)
    if (first === 0n && last === BigInt(this.pairs) && weights === this.pairs) return undefined
    return (
      `${this.rows + 1} row bounds from ${first} to ${last}, ` +
      `${this.pairs} indices and ${weights} weights do not fit together`
    )
  }
}

function csrTensors(file: Safetensors) {
  return {
    indptr: new RowPointers(mappedTensor(file, 'indptr', BigUint64Array)),
    indices: mappedTensor(file, 'indices', Uint32Array),
    weights: mappedTensor(file, 'weights', Float32Array),
  }
}

/** The same matrix without what is in `row`, which stays, empty. */
export function withoutRow({ rows, columns, indptr, indices, weights }: Csr, row: number): Csr {
  const [begin, end] = [Number(indptr[row]), Number(indptr[row + 1])]
  return {
    rows,
    columns,
    indptr: boundsWithout(indptr, row),
    indices: without(indices, begin, end),
    weights: without(weights, begin, end),
  }
}

/** Row bounds where `row` is empty. */
export function boundsWithout(indptr: BigUint64Array, row: number): BigUint64Array {
  const count = indptr[row + 1]! - indptr[row]!
  return indptr.map((bound, at) => (at > row ? bound - count : bound))
}

/** A copy of all but the elements from `begin` to before `end`. */
export function without<A extends Uint32Array | Float32Array | BigInt64Array | Uint8Array>(
  array: A,
  begin: number,
  end: number,
): A {
  const left = new (array.constructor as new (length: number) => A)(array.length - (end - begin))
  left.set(array.subarray(0, begin) as never)
  left.set(array.subarray(end) as never, begin)
  return left
}

/** The same matrix by columns: (columns × rows). O(pairs). */
export function transposed({ rows, columns, indptr, indices, weights }: Csr): Csr {
  const next = new Float64Array(columns + 1)
  for (const column of indices) next[column + 1] += 1
  for (let column = 0; column < columns; column++) next[column + 1] += next[column]
  const bounds = BigUint64Array.from(next, BigInt)
  const columnwise = { indices: new Uint32Array(indices.length), weights: new Float32Array(indices.length) }
  for (let row = 0, at = 0; row < rows; row++) {
    for (const end = Number(indptr[row + 1]); at < end; at++) {
      const to = next[indices[at]]++
      columnwise.indices[to] = row
      columnwise.weights[to] = weights[at]
    }
  }
  return { rows: columns, columns: rows, indptr: bounds, ...columnwise }
}

/** The rows of a matrix that `rows` names, in that order; an empty one for each that is below 0. */
export function selectedRows({ columns, indptr, indices, weights }: Csr, rows: ArrayLike<number>): Csr {
  const bounds = new BigUint64Array(rows.length + 1)
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at]
    bounds[at + 1] = bounds[at] + (row < 0 ? 0n : indptr[row + 1] - indptr[row])
  }
  const pairs = Number(bounds[rows.length])
  const selected = { indices: new Uint32Array(pairs), weights: new Float32Array(pairs) }
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at]
    if (row < 0) continue
    const [begin, end] = [Number(indptr[row]), Number(indptr[row + 1])]
    selected.indices.set(indices.subarray(begin, end), Number(bounds[at]))
    selected.weights.set(weights.subarray(begin, end), Number(bounds[at]))
  }
  return { rows: rows.length, columns, indptr: bounds, ...selected }
}
