import { native } from '../../../native.ts'
import { hasBit } from '../../../search/bitmap.ts'
import { splitLists } from '../../../search/item-lists.ts'
import { RowPointers } from '../../../storage/row-pointers.ts'
import { valuesIn } from '../../../storage/safetensors.ts'
import type { ItemList, Model, ResolvedRequest, SimilarRequest } from '../../algorithm.ts'
import type { Artifact } from '../../artifact/artifact.ts'

/**
 * What the artifact holds: the neighbours of item i are `indices[indptr[i]]` to `indices[indptr[i + 1] - 1]`, most
 * similar first, of equal similarities the lower item first, with their `similarities`, above 0.
 * `indptr` is (items + 1), uint64; `indices` uint32 and `similarities` float32 are as long as its last value says.
 */
export function itemTensors(artifact: Artifact) {
  const { items } = artifact.manifest.dataset
  const indptr = new RowPointers(artifact.tensor('indptr', BigUint64Array, [items + 1]))
  const shape = [Number(indptr.last)]
  return {
    indptr,
    indices: artifact.tensor('indices', Uint32Array, shape),
    similarities: artifact.tensor('similarities', Float32Array, shape),
  }
}

export function verifyItemModel(artifact: Artifact): void {
  const { indptr, indices, similarities } = itemTensors(artifact)
  if (indptr.first !== 0n) throw artifact.damaged('indptr', `place 0 must be 0, but is ${indptr.first}`)
  const matrix = { indptr: indptr.operand, indices: indices.operand, weights: similarities.operand }
  const fault = native.neighboursFault(matrix)
  if (fault) throw artifact.damaged(fault.tensor, fault.message)
}

/** Ranks by the sum of similarities to the items of the history, each times its weight. */
export class ItemModel implements Model {
  readonly similarBy = ['neighbours'] as const
  readonly #tensors: ReturnType<typeof itemTensors>

  constructor(artifact: Artifact) {
    this.#tensors = itemTensors(artifact)
  }

  rank(requests: readonly ResolvedRequest[]): ItemList[] {
    const { indptr: neighboursIndptr, indices, similarities } = this.#tensors
    const { indptr, items, scores } = native.rankByNeighbours(
      { indptr: neighboursIndptr.operand, indices: indices.operand, weights: similarities.operand },
      neighboursIndptr.rows,
      requests.map(({ history, limit, exclude, only, allowed }) => ({
        items: history.indices,
        weights: history.weights,
        limit,
        exclude,
        ...(only && { only }),
        ...(allowed && { allowed }),
      })),
    )
    return splitLists(indptr, { items, scores })
  }

  /** The neighbours that were kept of the item: at most as many as the option `neighbours` says, whatever the limit. */
  similar(requests: readonly SimilarRequest[]): ItemList[] {
    const { indptr, indices, similarities } = this.#tensors
    return requests.map(({ item, limit, allowed }) => {
      const [begin, next] = indptr.of(item)
      const end = allowed ? next : Math.min(begin + limit, next)
      const list = { items: valuesIn(indices, begin, end), scores: valuesIn(similarities, begin, end) }
      return allowed ? firstOf(list, limit, allowed) : list
    })
  }
}

/** The first `limit` of a list that have a bit of `allowed`. */
function firstOf({ items, scores }: ItemList, limit: number, allowed: Uint32Array): ItemList {
  const places = [...items.keys()].filter(at => hasBit(allowed, items[at]!)).slice(0, limit)
  return { items: Uint32Array.from(places, at => items[at]!), scores: Float32Array.from(places, at => scores[at]!) }
}
