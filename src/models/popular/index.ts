import { z } from 'zod'
import type { Dataset } from '../../storage/dataset.ts'
import { valuesAt } from '../../storage/safetensors.ts'
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
  return { tensors: { ...popularityOf(dataset.byItem) }, epochs: 1, complete: true, loss: [] }
}

function open(artifact: Artifact): Model {
  const shape = [artifact.manifest.dataset.items]
  const counts = artifact.tensor('counts', Uint32Array, shape)
  const popularity = { counts, order: artifact.tensor('order', Uint32Array, shape) }
  const list = ({ limit, exclude, only }: ResolvedRequest): ItemList => {
    const { items } = popularItems(popularity, limit, exclude, only)
    return { items, scores: new Float32Array(valuesAt(counts, items)) }
  }
  return { rank: requests => requests.map(list) }
}
