import { z } from 'zod'
import type { Dataset } from '../../storage/dataset.ts'
import { type MappedTensor, valuesAt, valuesIn, vector } from '../../storage/safetensors.ts'
import type { Algorithm, ItemList, Model, ResolvedRequest, TrainContext, Trained } from '../algorithm.ts'
import type { Artifact } from '../artifact/artifact.ts'
import { orderFault, orderOf, type Popularity, popularItems, popularityOf } from '../open/popularity.ts'
import { isWeighted, weightingOptions } from '../weighting/options.ts'

/** Users count alike, or by when they came. */
const options = z.strictObject({
  ...weightingOptions,
  weighting: weightingOptions.weighting.default('none').describe(weightingOptions.weighting.description!),
})
type PopularOptions = Readonly<z.output<typeof options>>

/** Everybody gets the items that most users have, or most of late. */
export const popular: Algorithm<PopularOptions> = {
  name: 'popular',
  source: 'popular',
  summary: 'the items with the most users, or most of late, the same for everybody: the baseline',
  notes: `popular: an item scores the sum of what its pairs count: its users, or with --half-life H about those of the last H days.`,
  options,
  resumable: false,
  train,
  open,
  verify,
}

async function train({ byItem }: Dataset, chosen: PopularOptions, { signal }: TrainContext): Promise<Trained> {
  signal?.throwIfAborted()
  if (!isWeighted(chosen)) return { tensors: { ...popularityOf(byItem) }, epochs: 1, complete: true, loss: [] }
  const { indptr, weights } = byItem
  const sums = new Float32Array(byItem.rows)
  for (let item = 0; item < sums.length; item++) {
    let sum = 0
    // Of damaged pairs bounds may lie anywhere.
    const end = Math.min(Number(indptr[item + 1]), weights.length)
    for (let pair = Number(indptr[item]); pair < end; pair++) sum += weights[pair]
    sums[item] = sum
  }
  return { tensors: { sums: vector(sums), order: vector(orderOf(sums)) }, epochs: 1, complete: true, loss: [] }
}

/**
 * What the artifact holds: `order` (items), uint32, all items, those that score most first, of equal ones the lower row first; and
 * the scores, `counts` (items), uint32, or where pairs are weighted `sums` (items), float32.
 */
function tensors(artifact: Artifact): {
  readonly name: 'counts' | 'sums'
  readonly counts: MappedTensor<Uint32Array | Float32Array>
  readonly order: MappedTensor<Uint32Array>
} {
  const shape = [artifact.manifest.dataset.items]
  const order = artifact.tensor('order', Uint32Array, shape)
  return isWeighted(options.parse(artifact.manifest.options))
    ? { name: 'sums', counts: artifact.tensor('sums', Float32Array, shape), order }
    : { name: 'counts', counts: artifact.tensor('counts', Uint32Array, shape), order }
}

function verify(artifact: Artifact): void {
  const { items } = artifact.manifest.dataset
  const { name, counts, order } = tensors(artifact)
  if (name === 'sums') {
    verifySums(artifact, valuesIn(counts, 0, items), valuesIn(order, 0, items))
    return
  }
  // The tensors are the popularity that every artifact has.
  for (const [name, tensor] of Object.entries({ counts, order })) {
    const expected = valuesIn(artifact.popularity[name as 'counts' | 'order'], 0, items)
    const found = valuesIn(tensor, 0, items)
    const place = found.findIndex((value, at) => value !== expected[at])
    if (place < 0) continue
    throw artifact.damaged(
      name,
      `place ${place} must be ${expected[place]}, as in the popularity, but is ${found[place]}`,
    )
  }
}

function verifySums(artifact: Artifact, sums: Uint32Array | Float32Array, order: Uint32Array): void {
  const place = sums.findIndex(value => !(value >= 0 && value < Number.POSITIVE_INFINITY))
  if (place >= 0) {
    throw artifact.damaged('sums', `place ${place} must be finite and not below 0, but is ${sums[place]}`)
  }
  const fault = orderFault(sums, order)
  if (fault) throw artifact.damaged('order', fault)
}

function open(artifact: Artifact): Model {
  const popularity: Popularity = tensors(artifact)
  const { counts } = popularity
  const list = ({ limit, exclude, only, allowed }: ResolvedRequest): ItemList => {
    const { items } = popularItems(popularity, limit, exclude, { only, allowed })
    return { items, scores: new Float32Array(valuesAt(counts, items)) }
  }
  return { rank: requests => requests.map(list), popularity }
}
