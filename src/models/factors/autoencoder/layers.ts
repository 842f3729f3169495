/** The weights of a training, and as the model keeps them. */
import { topKIndexBytes, topKIndexPieces } from '../../../search/topk.ts'
import { allocateFactors, type FactorMatrix, setUnpadded, unpaddedPieces } from '../../../storage/factors.ts'
import type { MappedTensor } from '../../../storage/safetensors.ts'
import type { TrainedTensor } from '../../artifact/trained-tensor.ts'

/** Weights with the running means of their gradients, and of the squares of these. Shared by all workers. */
export interface Layer {
  readonly vectors: FactorMatrix
  readonly means: FactorMatrix
  readonly squares: FactorMatrix
}

export interface Layers {
  readonly items: number
  readonly tags: number
  /** (items + tags + 1) × factors, the bias of the hidden layer last; there is room for one more factor, which is 0. */
  readonly inputs: Layer
  /** (items + tags) × (factors + 1), each with its bias last. */
  readonly outputs: Layer
}

export function allocateLayers(items: number, tags: number, factors: number): Layers {
  const layer = (rows: number): Layer => ({
    vectors: allocateFactors(rows, factors + 1),
    means: allocateFactors(rows, factors + 1),
    squares: allocateFactors(rows, factors + 1),
  })
  return { items, tags, inputs: layer(items + tags + 1), outputs: layer(items + tags) }
}

/** Names of the tensors that a training goes on from, beside those of the model. */
export const momentNames = ['inputs.means', 'inputs.squares', 'outputs.means', 'outputs.squares'] as const

/** The running means of a checkpoint. */
export function momentsOf({ inputs, outputs }: Layers): Readonly<Record<(typeof momentNames)[number], FactorMatrix>> {
  return {
    'inputs.means': inputs.means,
    'inputs.squares': inputs.squares,
    'outputs.means': outputs.means,
    'outputs.squares': outputs.squares,
  }
}

/** Copies tensors without padding into the weights of a training. */
export function setTensors(
  { items, inputs, outputs }: Layers,
  tensors: { readonly inputs: MappedTensor<Float32Array>; readonly items: MappedTensor<Float32Array> } & {
    readonly tags?: MappedTensor<Float32Array> | undefined
  },
): void {
  setUnpadded(firstColumns(inputs.vectors), tensors.inputs.data)
  setUnpadded(rowsOf(outputs.vectors, 0, items), tensors.items.data)
  if (tensors.tags) setUnpadded(rowsOf(outputs.vectors, items, outputs.vectors.rows), tensors.tags.data)
}

/** The tensors of a model of these layers, `autoencoderTensors` in model.ts describes them; with what a training goes on from. */
export function layerTensors(layers: Layers, isComplete: boolean): Readonly<Record<string, TrainedTensor>> {
  const { items, tags, inputs, outputs } = layers
  const ofItems = rowsOf(outputs.vectors, 0, items)
  const moments = isComplete ? [] : Object.entries(momentsOf(layers))
  return {
    inputs: matrixTensor(firstColumns(inputs.vectors)),
    items: matrixTensor(ofItems),
    ...(tags > 0 && { tags: matrixTensor(rowsOf(outputs.vectors, items, items + tags)) }),
    index: indexTensor(ofItems),
    factorIndex: indexTensor(firstColumns(ofItems)),
    ...Object.fromEntries(moments.map(([name, matrix]) => [name, matrixTensor(matrix)])),
  }
}

function matrixTensor(matrix: FactorMatrix): TrainedTensor {
  return { dtype: 'F32', shape: [matrix.rows, matrix.rank], pieces: () => unpaddedPieces(matrix) }
}

function indexTensor(matrix: FactorMatrix): TrainedTensor {
  return { dtype: 'U8', shape: [topKIndexBytes(matrix)], pieces: () => topKIndexPieces(matrix) }
}

/** Without the last column. */
function firstColumns(matrix: FactorMatrix): FactorMatrix {
  return { ...matrix, rank: matrix.rank - 1 }
}

/** Rows `first` to before `end`. */
export function rowsOf({ rank, stride, data }: FactorMatrix, first: number, end: number): FactorMatrix {
  return { rows: end - first, rank, stride, data: data.subarray(first * stride, end * stride) }
}
