import { native } from '../../../native.ts'
import { hasBit } from '../../../search/bitmap.ts'
import { splitLists } from '../../../search/item-lists.ts'
import { RowPointers } from '../../../storage/row-pointers.ts'
import { valuesAt, valuesIn } from '../../../storage/safetensors.ts'
import type { ItemList, Model, ResolvedRequest, SimilarRequest } from '../../algorithm.ts'
import { type Artifact, checkedOptions } from '../../artifact/artifact.ts'
import { easeOptions, isDense } from './options.ts'

/**
 * What the artifact holds. `residuals` (items), float32, above 0: what remains of the squared error of each item, 1 / P_jj. And
 * B, row i of which the score of every item gets where item i is in the history, with 0 on its diagonal: whole as
 * `weights` (items × items), float32, where {@link isDense}; else of row i the `weights` `indptr[i]` to `indptr[i + 1] - 1` that
 * are kept, float32, in the columns `indices`, uint32, ascending; `indptr` is (items + 1), uint64.
 */
export function easeTensors(artifact: Artifact) {
  const { items } = artifact.manifest.dataset
  const options = checkedOptions(artifact, { options: easeOptions })
  const residuals = artifact.tensor('residuals', Float32Array, [items])
  if (isDense(options, items)) {
    const weights = artifact.tensor('weights', Float32Array, [items, items])
    return { options, residuals, items, weights, rows: undefined }
  }
  const indptr = new RowPointers(artifact.tensor('indptr', BigUint64Array, [items + 1]))
  const shape = [Number(indptr.last)]
  const indices = artifact.tensor('indices', Uint32Array, shape)
  const weights = artifact.tensor('weights', Float32Array, shape)
  return { options, residuals, items, weights, rows: { indptr, indices } }
}

type Tensors = ReturnType<typeof easeTensors>

/** B for the kernels. */
function matrixOf({ items, weights, rows }: Tensors): Parameters<typeof native.easeRank>[0] {
  if (!rows) return { items, dense: weights.operand }
  const { indptr, indices } = rows
  return { items, sparse: { indptr: indptr.operand, indices: indices.operand, weights: weights.operand } }
}

export function openEase(artifact: Artifact): Model {
  return new EaseModel(easeTensors(artifact))
}

export function verifyEase(artifact: Artifact): void {
  const tensors = easeTensors(artifact)
  const { residuals, items, rows } = tensors
  const place = valuesIn(residuals, 0, items).findIndex(value => !(value > 0 && value < Number.POSITIVE_INFINITY))
  if (place >= 0) throw artifact.damaged('residuals', `place ${place} must be finite and above 0, but is not`)
  if (rows && rows.indptr.first !== 0n)
    throw artifact.damaged('indptr', `place 0 must be 0, but is ${rows.indptr.first}`)
  const fault = native.easeFault(matrixOf(tensors))
  if (fault) throw artifact.damaged(fault.tensor, fault.message)
}

/** Ranks by the sum of the rows of B of the items of the history. */
class EaseModel implements Model {
  readonly #tensors: Tensors

  constructor(tensors: Tensors) {
    this.#tensors = tensors
  }

  rank(requests: readonly ResolvedRequest[]): ItemList[] {
    const { indptr, items, scores } = native.easeRank(
      matrixOf(this.#tensors),
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

  /**
   * By the partial correlation of the items, given all others: −P_ij / √(P_ii P_jj) = B_ij √(P_jj / P_ii). Only items whose
   * correlation is above 0, and of those that were kept in the item's row.
   */
  similar(requests: readonly SimilarRequest[]): ItemList[] {
    return requests.map(({ item, limit, allowed }) => {
      const { indices, weights } = this.#row(item)
      const residuals = valuesAt(this.#tensors.residuals, indices)
      const [own] = valuesAt(this.#tensors.residuals, Uint32Array.of(item))
      const correlations = weights.map((weight, at) => weight * Math.sqrt(own / residuals[at]))
      return best(indices, correlations, limit, allowed)
    })
  }

  /** The entries of one row of B. */
  #row(item: number): { readonly indices: Uint32Array; readonly weights: Float32Array } {
    const { items, weights, rows } = this.#tensors
    if (!rows) {
      const indices = Uint32Array.from({ length: items }, (_, column) => column)
      return { indices, weights: valuesIn(weights, item * items, (item + 1) * items) }
    }
    const [begin, end] = rows.indptr.of(item)
    return { indices: valuesIn(rows.indices, begin, end), weights: valuesIn(weights, begin, end) }
  }
}

/** The allowed items with the highest scores above 0, of equal scores the lower item first; `items` ascends. */
function best(items: Uint32Array, scores: Float32Array, limit: number, allowed: Uint32Array | undefined): ItemList {
  const admitted = [...scores.keys()].filter(at => scores[at] > 0 && (!allowed || hasBit(allowed, items[at])))
  const order = admitted.sort((a, b) => scores[b] - scores[a] || a - b)
  const first = order.slice(0, limit)
  return { items: Uint32Array.from(first, at => items[at]), scores: Float32Array.from(first, at => scores[at]) }
}
