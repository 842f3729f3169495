import { native } from '../../../native.ts'
import { splitLists } from '../../../search/item-lists.ts'
import { RowPointers } from '../../../storage/row-pointers.ts'
import { valuesAt, valuesIn } from '../../../storage/safetensors.ts'
import type { ItemList, Model, ResolvedRequest, SimilarRequest } from '../../algorithm.ts'
import { type Artifact, checkedOptions } from '../../artifact/artifact.ts'
import { ItemNeighbours } from '../../item-item/item-neighbours.ts'
import { repeatsIn, verifyRepeats } from '../sessions/repeats.ts'
import { sessionRequest } from '../sessions/session-request.ts'
import { type SlistOptions, slistOptions } from './options.ts'

/**
 * What the artifact holds: row i of B are the `weights` `indptr[i]` to `indptr[i + 1] - 1`, above 0, of the items `indices`, ascending;
 * `sums` (items), float32, are those of its rows; `repeats` (2 × recentItems), float32, is what `repeatShares` gives. `indptr` is
 * (items + 1), uint64; `indices`, uint32, and `weights`, float32, are as long as its last value says.
 */
export function slistTensors(artifact: Artifact) {
  const { items } = artifact.manifest.dataset
  const indptr = new RowPointers(artifact.tensor('indptr', BigUint64Array, [items + 1]))
  const shape = [Number(indptr.last)]
  return {
    indptr,
    indices: artifact.tensor('indices', Uint32Array, shape),
    weights: artifact.tensor('weights', Float32Array, shape),
    sums: artifact.tensor('sums', Float32Array, [items]),
  }
}

type Tensors = ReturnType<typeof slistTensors>

/** B for the kernels. */
function matrixOf({ indptr, indices, weights }: Tensors): Parameters<typeof native.rankByNeighbours>[0] {
  return { indptr: indptr.operand, indices: indices.operand, weights: weights.operand }
}

export function verifySlist(artifact: Artifact): void {
  const tensors = slistTensors(artifact)
  const { items } = artifact.manifest.dataset
  const { indptr, weights, sums } = tensors
  if (indptr.first !== 0n) throw artifact.damaged('indptr', `place 0 must be 0, but is ${indptr.first}`)
  const fault = native.easeFault({ items, sparse: matrixOf(tensors) })
  if (fault) throw artifact.damaged(fault.tensor, fault.message)
  const kept = valuesIn(weights, 0, Number(indptr.last))
  const below = kept.findIndex(weight => !(weight > 0))
  if (below >= 0) throw artifact.damaged('weights', `place ${below} must be above 0, but is ${kept[below]}`)
  const values = valuesIn(sums, 0, items)
  const place = values.findIndex(sum => !(sum >= 0 && sum < Number.POSITIVE_INFINITY))
  if (place >= 0)
    throw artifact.damaged('sums', `place ${place} must be finite and not below 0, but is ${values[place]}`)
  verifyRepeats(artifact, optionsOf(artifact).recentItems)
}

export function openSlist(artifact: Artifact): Model {
  return new SlistModel(artifact)
}

/** Ranks by the rows of B of the items that the user had last, those that came later weighing more. */
class SlistModel implements Model {
  readonly similarBy = ['neighbours'] as const
  readonly #artifact: Artifact
  readonly #items: ItemNeighbours
  readonly #options: SlistOptions
  readonly #tensors: Tensors
  readonly #repeats: Float32Array

  constructor(artifact: Artifact) {
    this.#artifact = artifact
    this.#items = new ItemNeighbours(artifact)
    this.#options = optionsOf(artifact)
    this.#tensors = slistTensors(artifact)
    this.#repeats = repeatsIn(artifact, this.#options.recentItems)
  }

  rank(requests: readonly ResolvedRequest[]): ItemList[] {
    const { events } = this.#artifact
    const { indptr: bounds, sums } = this.#tensors
    const sumsOf = (items: Uint32Array) => valuesAt(sums, items)
    const { indptr, items, scores } = native.rankByNeighbours(
      matrixOf(this.#tensors),
      bounds.rows,
      requests.map(request => sessionRequest(request, events, this.#options, this.#repeats, sumsOf)),
    )
    return splitLists(indptr, { items, scores })
  }

  /** By the users that items share. */
  similar(requests: readonly SimilarRequest[]): ItemList[] {
    return this.#items.similar(requests)
  }
}

function optionsOf(artifact: Artifact): SlistOptions {
  return checkedOptions(artifact, { options: slistOptions })
}
