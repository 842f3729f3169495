import { join } from 'node:path'
import { type Csr, transposed } from '../../storage/csr.ts'
import { Dataset, datasetFiles, manifestOf } from '../../storage/dataset.ts'
import { withDraft, writeDirectory } from '../../storage/directory.ts'
import { linkOrCopy } from '../../storage/link-or-copy.ts'
import { vector, writeSafetensors } from '../../storage/safetensors.ts'
import { rowOf } from '../open/history.ts'
import { EventWeights, eventSums, newestOf } from './event-sums.ts'
import { assertWeighable, needsEvents, type WeightingOptions } from './options.ts'
import { PairWeights, type WeightingTerms } from './pair-weights.ts'

/** A dataset whose pairs have what they count as their weights. */
export interface WeightedDataset {
  readonly dataset: Dataset
  /** Undefined where the algorithm knows no weightings. */
  readonly terms?: WeightingTerms | undefined
  /** Path of the pairs by user with the sums that the weights were made of, where these are not the sums. */
  readonly sums?: string | undefined
}

/**
 * Calls `work` with `dataset` weighted as `options` say: as it is where that changes nothing, and else with a copy of its pairs,
 * on disk for workers to map, beside `place` until `work` ends. O(pairs + events).
 *
 * @param options undefined: the algorithm does not know any.
 * @throws RangeError where the dataset lacks the times or kinds that the options need.
 */
export async function withWeights<Result>(
  dataset: Dataset,
  options: WeightingOptions | undefined,
  place: string,
  work: (weighted: WeightedDataset) => Promise<Result>,
): Promise<Result> {
  if (!options) return work({ dataset })
  assertWeighable(dataset.manifest, options)
  const { byUser } = dataset
  const newest = options.halfLife === undefined ? undefined : newestOf(dataset.events!.times)
  const isOfEvents = needsEvents(options)
  const sums = isOfEvents ? eventSums(dataset, new EventWeights(options, newest ?? 0)) : byUser.weights
  const plain: WeightingTerms = { newest, meanSum: meanSumOf(byUser, sums), scale: 1 }
  // Of 1 the logarithm is 1, too.
  const isAsItIs =
    options.weighting === 'weight' || (['none', 'log'].includes(options.weighting) && sums.every(sum => sum === 1))
  if (!isOfEvents && isAsItIs) return work({ dataset, terms: plain })
  const { weights, scale } = weightsOf(dataset, sums, options, plain)
  return withDraft(`${place}.weighted`, async draft => {
    const path = join(draft, 'sums.safetensors')
    await (isOfEvents ? writePairs(path, byUser, sums) : linkOrCopy(join(dataset.directory, datasetFiles.byUser), path))
    const directory = join(draft, 'dataset')
    await writeWeighted(directory, dataset, weights)
    const weighted = Dataset.open(directory)
    try {
      return await work({ dataset: weighted, terms: { ...plain, scale }, sums: path })
    } finally {
      weighted.close()
    }
  })
}

/** What each pair counts (pairs), with a mean of 1, and what they were multiplied with to have it. */
function weightsOf(
  { byUser, byItem }: Dataset,
  sums: Float32Array,
  options: WeightingOptions,
  terms: WeightingTerms,
): { readonly weights: Float32Array; readonly scale: number } {
  const counts = () =>
    Uint32Array.from({ length: byItem.rows }, (_, item) => Number(byItem.indptr[item + 1] - byItem.indptr[item]))
  const weighting = new PairWeights(options, terms, counts, byUser.rows)
  const weights = new Float32Array(sums.length)
  const all = { ...arraysOf(byUser), weights: sums }
  for (let user = 0; user < all.rows; user++)
    weights.set(weighting.of(rowOf(all, user)).weights, Number(all.indptr[user]))
  const scale = weights.length / weights.reduce((sum, weight) => sum + weight, 0)
  return { weights: weights.map(weight => weight * scale), scale }
}

/** Mean over the users with pairs of the sum over their pairs. */
function meanSumOf({ rows, indptr }: Csr, sums: Float32Array): number {
  let users = 0
  for (let user = 0; user < rows; user++) if (indptr[user + 1] > indptr[user]) users++
  return sums.reduce((all, sum) => all + sum, 0) / users
}

function writeWeighted(directory: string, dataset: Dataset, weights: Float32Array): Promise<unknown> {
  const { users, items, pairs, events, kinds, userTags } = dataset.manifest
  return writeDirectory(directory, async draft => {
    const by = { ...arraysOf(dataset.byUser), weights }
    await writePairs(join(draft, datasetFiles.byUser), by, weights)
    const byItem = weights.every(weight => weight === 1) ? { ...arraysOf(dataset.byItem), weights } : transposed(by)
    await writePairs(join(draft, datasetFiles.byItem), byItem, byItem.weights)
    const shared: string[] = [
      datasetFiles.users,
      datasetFiles.items,
      ...(events === undefined ? [] : [datasetFiles.events]),
    ]
    if (userTags) shared.push(datasetFiles.userTags, datasetFiles.tags)
    for (const name of shared) await linkOrCopy(join(dataset.directory, name), join(draft, name))
    dataset.assertInPlace()
    return manifestOf({ users, items, pairs, events, kinds, userTags })
  })
}

function arraysOf({ rows, columns, indptr, indices, weights }: Csr): Csr {
  return { rows, columns, indptr, indices, weights }
}

function writePairs(path: string, { indptr, indices }: Csr, weights: Float32Array): Promise<void> {
  return writeSafetensors(path, { indptr: vector(indptr), indices: vector(indices), weights: vector(weights) })
}
