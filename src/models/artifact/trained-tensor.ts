import { type Dtype, dtypeOf, elements, type Tensor, type TensorArray } from '../../storage/safetensors.ts'

/** A tensor that a training made: whole, or piece by piece where it should never be whole in memory. */
export type TrainedTensor = Tensor | PiecewiseTensor

export interface PiecewiseTensor {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** Its values in order, row-major. A piece holds its values until the next is taken. */
  pieces(): Iterable<TensorArray>
}

export function asPieces(tensor: TrainedTensor): PiecewiseTensor {
  if (!('data' in tensor)) return tensor
  const { data, shape } = tensor
  return { dtype: dtypeOf(data), shape, pieces: () => [data] }
}

/** The values of a tensor of `kind`, in one array. @throws TypeError when it is of another type. */
export function valuesOf<A extends Float32Array | Float64Array | Uint32Array | Uint8Array>(
  tensor: TrainedTensor,
  kind: new (length: number) => A,
): A {
  const { shape, pieces } = asPieces(tensor)
  const values = new kind(elements(shape))
  let at = 0
  for (const piece of pieces()) {
    if (!(piece instanceof kind))
      throw new TypeError(`expected a tensor of ${kind.name}, got ${piece.constructor.name}`)
    values.set(piece, at)
    at += piece.length
  }
  return values
}
