import { z } from 'zod'
import type { Dataset } from '../../storage/dataset.ts'
import { type MappedTensor, valuesAt, valuesIn, vector } from '../../storage/safetensors.ts'
import type { Algorithm, ItemList, Model, ResolvedRequest, TrainContext, Trained } from '../algorithm.ts'
import type { Artifact } from '../artifact.ts'
import { orderFault, orderOf, type Popularity, popularItems, popularityOf } from '../popularity.ts'
import { decayedCounts } from './decay.ts'

/**
 * Half-lives on validation parts split by time, from the training alone: TABLE
 */
const options = z.strictObject({
  halfLife: z
    .number()
    .positive()
    .max(1e6)
    .optional()
    .describe(
      'days after which a user of an item counts half, from the newest event of the data back; for ever when absent',
    ),
})
type PopularOptions = Readonly<z.output<typeof options>>

/** Everybody gets the items that most users have, or most of late. */
export const popular: Algorithm<PopularOptions> = {
  name: 'popular',
  summary: 'the items with the most users, the same for everybody: the baseline',
  notes: `With --half-life H an item counts Σ 2^(-t/H) over its users, t being the days from the user's last event on it to the newest
event of the data: datasets need times (--time) for that.`,
  options,
  resumable: false,
  train,
  open,
  verify,
}

async function train(dataset: Dataset, { halfLife }: PopularOptions, context: TrainContext): Promise<Trained> {
  context.signal?.throwIfAborted()
  if (halfLife === undefined) {
    return { tensors: { ...popularityOf(dataset.byItem) }, epochs: 1, complete: true, loss: [] }
  }
  const counts = await decayedCounts(dataset, halfLife, context)
  return { tensors: { decayed: vector(counts), order: vector(orderOf(counts)) }, epochs: 1, complete: true, loss: [] }
}

/**
 * What the artifact holds: `order` (items), uint32, all items, those that count most first, of equal ones the lower row first; and
 * what each item counts, `counts` (items), uint32, or with a half-life `decayed` (items), float32.
 */
function tensors(artifact: Artifact): {
  readonly name: 'counts' | 'decayed'
  readonly counts: MappedTensor<Uint32Array | Float32Array>
  readonly order: MappedTensor<Uint32Array>
} {
  const shape = [artifact.manifest.dataset.items]
  const order = artifact.tensor('order', Uint32Array, shape)
  const isDecayed = options.parse(artifact.manifest.options).halfLife !== undefined
  return isDecayed
    ? { name: 'decayed', counts: artifact.tensor('decayed', Float32Array, shape), order }
    : { name: 'counts', counts: artifact.tensor('counts', Uint32Array, shape), order }
}

function verify(artifact: Artifact): void {
  const { items } = artifact.manifest.dataset
  const { name, counts, order } = tensors(artifact)
  if (name === 'decayed') {
    verifyDecayed(artifact, valuesIn(counts, 0, items), valuesIn(order, 0, items))
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

function verifyDecayed(artifact: Artifact, decayed: Uint32Array | Float32Array, order: Uint32Array): void {
  const place = decayed.findIndex(value => !(value >= 0 && value < Number.POSITIVE_INFINITY))
  if (place >= 0) {
    throw artifact.damaged('decayed', `place ${place} must be finite and not below 0, but is ${decayed[place]}`)
  }
  const fault = orderFault(decayed, order)
  if (fault) throw artifact.damaged('order', fault)
}

function open(artifact: Artifact): Model {
  const popularity: Popularity = tensors(artifact)
  const { counts } = popularity
  const list = ({ limit, exclude, only }: ResolvedRequest): ItemList => {
    const { items } = popularItems(popularity, limit, exclude, only)
    return { items, scores: new Float32Array(valuesAt(counts, items)) }
  }
  return { rank: requests => requests.map(list), popularity }
}
