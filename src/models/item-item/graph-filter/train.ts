import { join } from 'node:path'
import { native } from '../../../native.ts'
import { workerModuleUrl } from '../../../parallel/pool.ts'
import { type Dataset, datasetFiles } from '../../../storage/dataset.ts'
import { unpaddedPieces } from '../../../storage/factors.ts'
import { sharedArray } from '../../../storage/shared-array.ts'
import type { TrainContext, Trained } from '../../algorithm.ts'
import type { TrainedTensor } from '../../artifact/trained-tensor.ts'
import { Phases } from '../../training/phases.ts'
import { isWeighted } from '../../weighting/options.ts'
import type { ScalesArgs } from './jobs.ts'
import { checkMemory } from './memory.ts'
import { factorsOf } from './model.ts'
import { NormalisedMatrix, type ScaledRows } from './normalised-matrix.ts'
import type { GraphFilterOptions } from './options.ts'
import { responseOf } from './polynomial.ts'
import { columnsFor, singularVectors } from './singular-vectors.ts'

const work = workerModuleUrl('./jobs', import.meta.url)

/** Factors whose responses are made at a time for the file. */
const floatsInPiece = 2 ** 18

/**
 * Normalises the pairs of a dataset, finds the singular vectors of its low-pass, and what this answers by items (crates/kernels/src/graph_filter).
 * `graphFilterTensors` in model.ts describes the tensors. The same bits come out for any number of workers.
 *
 * Takes rows of about k + k / 4 floats for each user, and two for each item.
 *
 * @throws RangeError when they cannot fit in memory; the signal's reason when it is aborted.
 */
export async function trainGraphFilter(
  dataset: Dataset,
  options: GraphFilterOptions,
  context: TrainContext,
): Promise<Trained> {
  const { pool, signal } = context
  signal?.throwIfAborted()
  const { directory, manifest } = dataset
  const { users, items } = manifest
  const weighted = isWeighted(options)
  const files = {
    byUser: { file: join(directory, datasetFiles.byUser), columns: items },
    byItem: { file: join(directory, datasetFiles.byItem), columns: users },
  }
  const [userScales, itemScales] = [sharedArray(Float32Array, users), sharedArray(Float32Array, items)]
  const { factors, columns, isNormal } = sizesOf(dataset, options)
  assertGraphFilterFits(dataset, options)

  await Promise.all([
    pool.run(work, 'scales', {
      matrix: files.byUser,
      weighted,
      exponent: options.userExponent,
      scales: userScales,
    } satisfies ScalesArgs),
    pool.run(work, 'scales', {
      matrix: files.byItem,
      weighted,
      exponent: options.itemExponent,
      scales: itemScales,
    } satisfies ScalesArgs),
  ])
  const scales = { userScales: vectorOf(userScales), itemScales: vectorOf(itemScales) }
  if (columns === 0) return trained(scales)

  const { lowPass = [1] } = responseOf(options)
  // What is done between the products of the matrix takes less.
  const products = 2 * options.powerIterations + 1 + (factors > 0 ? 2 * (lowPass.length - 1) : 0)
  const phases = new Phases(context, { jobs: work, rows: (products * (users + items)) / 2 })
  phases.total = products
  try {
    const matrix = new NormalisedMatrix(dataset, { ...files, userScales, itemScales, weighted, phases })
    const { vectors, byUser, largest } = await singularVectors(matrix, columns, options, phases)
    if (!isNormal) {
      const scale = 1 / Math.sqrt(largest)
      for (let user = 0; user < users; user++) userScales[user]! *= scale
    }
    if (factors === 0) return trained(scales)
    const response = await matrix.responseOf(vectors, lowPass, byUser)
    return trained({
      ...scales,
      vectors: {
        dtype: 'F32',
        shape: [items, factors],
        pieces: () => unpaddedPieces({ ...vectors, rank: factors }),
      },
      response: tiled(response, factors),
    })
  } finally {
    phases.close()
  }
}

/** @throws RangeError when a training cannot fit in memory. */
export function assertGraphFilterFits(dataset: Dataset, options: GraphFilterOptions): void {
  const { users, items } = dataset.manifest
  const { factors, columns } = sizesOf(dataset, options)
  if (columns > 0) checkMemory({ users, items, factors, columns })
}

function sizesOf({ manifest: { users, items } }: Dataset, options: GraphFilterOptions) {
  const factors = factorsOf(options, { users, items })
  // The low-pass of other exponents than these has a norm of its own: that of 1 is what the steps of sharpening are made for.
  const isNormal = options.userExponent === 0.5 && options.itemExponent === 0.5
  const columns = factors > 0 || !isNormal ? columnsFor(Math.max(1, factors), items) : 0
  return { factors, columns, isNormal }
}

function trained(tensors: Trained['tensors']): Trained {
  return { tensors, epochs: 1, complete: true, loss: [] }
}

function vectorOf(data: Float32Array): TrainedTensor {
  return { data, shape: [data.length] }
}

/** The first `factors` columns of `rows`, each row times its scale, as `graphFilterTensors` describes the response. */
function tiled({ matrix, scaleOf }: ScaledRows, factors: number): TrainedTensor {
  const { rows, stride, data } = matrix
  const tile = native.filterTile()
  const tiles = Math.ceil(rows / tile)
  function* pieces(): Generator<Float32Array> {
    const together = Math.max(1, Math.floor(floatsInPiece / (factors * tile)))
    for (let first = 0; first < tiles; first += together) {
      const piece = new Float32Array(Math.min(together, tiles - first) * factors * tile)
      const begin = first * tile
      const end = Math.min(rows, (first + together) * tile)
      for (let row = begin; row < end; row++) {
        const scale = scaleOf(row)
        const to = Math.floor((row - begin) / tile) * factors * tile + (row % tile)
        for (let f = 0; f < factors; f++) piece[to + f * tile] = scale * data[row * stride + f]!
      }
      yield piece
    }
  }
  return { dtype: 'F32', shape: [tiles, factors, tile], pieces }
}
