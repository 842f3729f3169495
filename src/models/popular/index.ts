import { z } from 'zod'
import type { Dataset } from '../../storage/dataset.ts'
import { valuesAt, valuesIn } from '../../storage/safetensors.ts'
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
  verify,
}

async function train(dataset: Dataset, _options: unknown, { signal }: TrainContext): Promise<Trained> {
  signal?.throwIfAborted()
  return { tensors: { ...popularityOf(dataset.byItem) }, epochs: 1, complete: true, loss: [] }
}

function tensors(artifact: Artifact) {
  const shape = [artifact.manifest.dataset.items]
  return { counts: artifact.tensor('counts', Uint32Array, shape), order: artifact.tensor('order', Uint32Array, shape) }
}

/** The tensors are the popularity that every artifact has. */
function verify(artifact: Artifact): void {
  const { items } = artifact.manifest.dataset
  for (const [name, tensor] of Object.entries(tensors(artifact))) {
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

function open(artifact: Artifact): Model {
  const popularity = tensors(artifact)
  const { counts } = popularity
  const list = ({ limit, exclude, only }: ResolvedRequest): ItemList => {
    const { items } = popularItems(popularity, limit, exclude, only)
    return { items, scores: new Float32Array(valuesAt(counts, items)) }
  }
  return { rank: requests => requests.map(list) }
}
