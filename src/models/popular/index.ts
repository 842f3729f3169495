import { z } from 'zod'
import type { Dataset } from '../../storage/dataset.ts'
import type { Algorithm, ItemList, Model, ResolvedRequest, TrainContext, Trained } from '../algorithm.ts'
import type { Artifact } from '../artifact.ts'
import { popularItems, popularityOf } from '../popularity.ts'

/** Everybody gets the items that most users have. */
export const popular: Algorithm = {
  name: 'popular',
  summary: 'the items with the most users, the same for everybody: the baseline',
  options: z.strictObject({}),
  resumable: false,
  train,
  open,
}

async function train(dataset: Dataset, _options: unknown, { signal }: TrainContext): Promise<Trained> {
  signal?.throwIfAborted()
  const { counts, order } = popularityOf(dataset.byItem)
  const vector = (data: Uint32Array) => ({ data, shape: [data.length] })
  return { tensors: { counts: vector(counts), order: vector(order) }, epochs: 1, complete: true, loss: [] }
}

function open(artifact: Artifact): Model {
  const shape = [artifact.manifest.dataset.items]
  const counts = artifact.tensor('counts', Uint32Array, shape).data
  const order = artifact.tensor('order', Uint32Array, shape).data
  const list = ({ limit, exclude, only }: ResolvedRequest): ItemList => {
    const { items } = popularItems({ counts, order }, limit, exclude, only)
    return { items, scores: Float32Array.from(items, item => counts[item]) }
  }
  return { rank: requests => requests.map(list) }
}
