import type { Operand } from '../binding.d.ts'
import { elements, type MappedTensor, valuesIn } from './safetensors.ts'

/** Where the rows of a mapped file begin: (rows + 1) places, the last one where the last row ends. Read without a view of all. */
export class RowPointers {
  readonly rows: number
  readonly #tensor: MappedTensor<BigUint64Array>

  constructor(tensor: MappedTensor<BigUint64Array>) {
    this.rows = elements(tensor.shape) - 1
    this.#tensor = tensor
  }

  /** All of them, as a view. */
  get data(): BigUint64Array {
    return this.#tensor.data
  }

  get operand(): Operand<BigUint64Array> {
    return this.#tensor.operand
  }

  /** Undefined where there are none. */
  get first(): bigint | undefined {
    return valuesIn(this.#tensor, 0, Math.min(1, this.rows + 1))[0]
  }

  /** Undefined where there are none. */
  get last(): bigint | undefined {
    return valuesIn(this.#tensor, Math.max(0, this.rows), this.rows + 1)[0]
  }

  /** Where `row` begins, and where it ends. */
  of(row: number): readonly [begin: number, end: number] {
    const [begin, end] = valuesIn(this.#tensor, row, row + 2)
    return [Number(begin), Number(end)]
  }
}
