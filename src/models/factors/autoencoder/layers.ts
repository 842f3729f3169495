/** The weights of a training, and as the model keeps them. */
import { topKIndexBytes, topKIndexPieces } from '../../../search/topk.ts'
import { allocateFactors, type FactorMatrix, unpaddedPieces } from '../../../storage/factors.ts'
import type { MappedTensor } from '../../../storage/safetensors.ts'
import type { TrainedTensor } from '../../artifact/trained-tensor.ts'

/** Weights with the running means of their gradients, and of the squares of these. Shared by all workers. */
export interface Layer {
  readonly vectors: FactorMatrix
  readonly means: FactorMatrix
  readonly squares: FactorMatrix
}

/** Of a network. */
export interface Layers {
  readonly items: number
  readonly tags: number
  readonly factors: number
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
  return { items, tags, factors, inputs: layer(items + tags + 1), outputs: layer(items + tags) }
}

/** Names of the tensors that a training goes on from, beside those of the model. */
export const momentNames = ['inputs.means', 'inputs.squares', 'outputs.means', 'outputs.squares'] as const
type MomentName = (typeof momentNames)[number]

/** The running means of a checkpoint. */
function momentsOf({ inputs, outputs }: Layers): Readonly<Record<MomentName, FactorMatrix>> {
  return {
    'inputs.means': inputs.means,
    'inputs.squares': inputs.squares,
    'outputs.means': outputs.means,
    'outputs.squares': outputs.squares,
  }
}

interface ModelTensors {
  readonly inputs: MappedTensor<Float32Array>
  readonly items: MappedTensor<Float32Array>
  readonly tags: MappedTensor<Float32Array> | undefined
  readonly biases: MappedTensor<Float32Array>
  readonly moments: readonly MappedTensor<Float32Array>[] | undefined
}

/** Copies the tensors of a model into the weights of a training. */
export function setTensors(networks: readonly Layers[], tensors: ModelTensors): void {
  let first = 0
  for (const [network, layers] of networks.entries()) {
    const { items, tags, factors, inputs, outputs } = layers
    const { data, rows, stride } = outputs.vectors
    setColumns(withRank(inputs.vectors, factors), tensors.inputs, first)
    setColumns(withRank(rowsOf(outputs.vectors, 0, items), factors), tensors.items, first)
    if (tensors.tags) setColumns(withRank(rowsOf(outputs.vectors, items, items + tags), factors), tensors.tags, first)
    for (let row = 0; row < rows; row++) {
      data[row * stride + factors] = tensors.biases.data[row * networks.length + network]!
    }
    const moments = momentsOf(layers)
    // Each network has a bias, too.
    tensors.moments?.forEach((tensor, at) => {
      setColumns(moments[momentNames[at]!], tensor, first + network)
    })
    first += factors
  }
}

/**
 * The tensors of a model of these networks, `autoencoderTensors` in model.ts describes them; with what a training goes on from. Nothing is copied
 * before pieces are asked for: most epochs are not saved.
 */
export function layerTensors(
  networks: readonly Layers[],
  isComplete: boolean,
): Readonly<Record<string, TrainedTensor>> {
  const { items, tags } = networks[0]!
  const rank = networks.reduce((sum, { factors }) => sum + factors, 1)
  let joined: FactorMatrix | undefined
  const rows = (first: number, end: number) => () => {
    joined ??= joinedOutputs(networks, rank)
    return rowsOf(joined, first, end)
  }
  const moments = isComplete ? [] : momentNames
  return {
    inputs: joinedTensor(networks.map(({ inputs, factors }) => withRank(inputs.vectors, factors))),
    items: matrixTensor(items, rank, rows(0, items)),
    ...(tags > 0 && { tags: matrixTensor(tags, rank, rows(items, items + tags)) }),
    biases: joinedTensor(networks.map(({ outputs, factors }) => columnOf(outputs.vectors, factors))),
    index: indexTensor(items, rank, rows(0, items)),
    factorIndex: indexTensor(items, rank - 1, rows(0, items)),
    ...Object.fromEntries(moments.map(name => [name, joinedTensor(networks.map(layers => momentsOf(layers)[name]))])),
  }
}

/** ((items + tags) × rank) The output vectors of the networks beside each other, and the mean of their biases. */
function joinedOutputs(networks: readonly Layers[], rank: number): FactorMatrix {
  const [one] = networks as [Layers]
  if (networks.length === 1) return one.outputs.vectors
  const joined = allocateFactors(one.items + one.tags, rank)
  for (let row = 0; row < joined.rows; row++) {
    let [to, bias] = [row * joined.stride, 0]
    for (const { factors, outputs } of networks) {
      const { data, stride } = outputs.vectors
      joined.data.set(data.subarray(row * stride, row * stride + factors), to)
      bias += data[row * stride + factors]!
      to += factors
    }
    joined.data[to] = bias / networks.length
  }
  return joined
}

/** Matrices of equal rows beside each other. */
function joinedTensor(matrices: readonly FactorMatrix[]): TrainedTensor {
  const [{ rows }] = matrices as [FactorMatrix]
  const width = matrices.reduce((sum, { rank }) => sum + rank, 0)
  const pieces = () => (matrices.length === 1 ? unpaddedPieces(matrices[0]!) : joinedPieces(matrices, rows, width))
  return { dtype: 'F32', shape: [rows, width], pieces }
}

function matrixTensor(rows: number, rank: number, matrix: () => FactorMatrix): TrainedTensor {
  return { dtype: 'F32', shape: [rows, rank], pieces: () => unpaddedPieces(matrix()) }
}

function* joinedPieces(matrices: readonly FactorMatrix[], rows: number, width: number): Generator<Float32Array> {
  const most = Math.max(1, Math.floor(2 ** 18 / width))
  for (let first = 0; first < rows; first += most) {
    const count = Math.min(most, rows - first)
    const piece = new Float32Array(count * width)
    for (let row = 0, to = 0; row < count; row++) {
      for (const { data, stride, rank } of matrices) {
        const from = (first + row) * stride
        piece.set(data.subarray(from, from + rank), to)
        to += rank
      }
    }
    yield piece
  }
}

/** Of the first `rank` columns. */
function indexTensor(rows: number, rank: number, matrix: () => FactorMatrix): TrainedTensor {
  const pieces = () => topKIndexPieces(withRank(matrix(), rank))
  return { dtype: 'U8', shape: [topKIndexBytes({ rows, rank })], pieces }
}

/** Copies the columns of `from` (rows × any) from `first` on. */
function setColumns(to: FactorMatrix, { data, shape }: MappedTensor<Float32Array>, first: number): void {
  const width = shape[1]!
  for (let row = 0; row < to.rows; row++) {
    const begin = row * width + first
    to.data.set(data.subarray(begin, begin + to.rank), row * to.stride)
  }
}

/** The first `rank` columns. */
function withRank(matrix: FactorMatrix, rank: number): FactorMatrix {
  return { ...matrix, rank }
}

function columnOf({ rows, stride, data }: FactorMatrix, column: number): FactorMatrix {
  return { rows, rank: 1, stride, data: data.subarray(column) }
}

/** Rows `first` to before `end`. */
export function rowsOf({ rank, stride, data }: FactorMatrix, first: number, end: number): FactorMatrix {
  return { rows: end - first, rank, stride, data: data.subarray(first * stride, end * stride) }
}
