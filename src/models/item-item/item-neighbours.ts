import { native } from '../../native.ts'
import { splitLists } from '../../search/item-lists.ts'
import type { ItemList, SimilarRequest } from '../algorithm.ts'
import type { Artifact } from '../artifact/artifact.ts'
import { rowOf } from '../open/history.ts'

/** Pairs that are read for one item: of the users of an item that have more in all, only every second, third … is asked. */
const mostAdditions = 4_000_000

/**
 * Similar items by the users that they share, found from the pairs that every artifact has: by the cosine of their columns, where a
 * user u of nᵤ items counts gᵤ, ln(1 + items / nᵤ)² by its mean over the pairs, σ / (‖i‖ ‖j‖ + 10). Any algorithm can have them.
 *
 * Share of the same author among the ten most similar of a brunch item (bench/similar.ts), by the readers of the item:
 *
 * | | at least 1,000 | 100 to 999 | 10 to 99 | 2 to 9 | 1 |
 * | --- | ---: | ---: | ---: | ---: | ---: |
 * | this | .432 | .761 | .709 | .453 | .247 |
 * | gᵤ = 1 | .412 | .753 | .695 | .438 | .247 |
 * | gᵤ = 1, σ / (‖i‖ ‖j‖) | .416 | .749 | .592 | .335 | .247 |
 * | gᵤ = 1, σ / (‖i‖² + ‖j‖² - σ + 10) | .346 | .726 | .695 | .421 | .247 |
 * | gᵤ in proportion to 1 / nᵤ | .467 | .602 | .490 | .367 | .241 |
 * | cosine of the factors of ALS, 64 | .221 | .567 | .457 | .253 | .209 |
 *
 * To read a quarter of the pairs at the most (1,000,000) left .412 where it was .412, and spared nothing measurable.
 */
export class ItemNeighbours {
  readonly #artifact: Artifact
  #terms: { readonly right: Float64Array; readonly weights: Float64Array; readonly meanLength: number } | undefined

  constructor(artifact: Artifact) {
    this.#artifact = artifact
  }

  /**
   * Whether the artifact has pairs by item: those lack them that were saved before there was a choice of measures, and those of vectors
   * without the data of their training.
   */
  static isPossible(artifact: Artifact): boolean {
    return artifact.hasPairsByItem && artifact.manifest.dataset.pairs > 0
  }

  /** The items most similar to each request's item, most similar first, without itself and those that share no user with it. */
  similar(requests: readonly SimilarRequest[]): ItemList[] {
    const { history, byItem } = this.#artifact
    this.#terms ??= termsOf(this.#artifact)
    const found = native.nearestNeighbours(
      { similarity, byColumn: history.operand, ...this.#terms },
      requests.map(({ item, limit, allowed }) => {
        const { indices, weights } = rowOf(byItem, item)
        return { columns: indices, weights, own: item, limit, mostAdditions, ...(allowed && { allowed }) }
      }),
    )
    return splitLists(found.indptr, found)
  }
}

const similarity = {
  measure: 'tfidf' as const,
  weighted: false,
  shrinkage: 10,
  locality: 1,
  k1: 1,
  b: 0,
  asymmetry: 0.5,
  alpha: 1,
  beta: 0,
}

/** Made when a thread is first asked: that reads all pairs. */
function termsOf({ history, byItem, manifest }: Artifact) {
  const { users, items } = manifest.dataset
  const plan = {
    left: new Float64Array(items),
    right: new Float64Array(items),
    totals: new Float64Array(items),
    most: new Float64Array(items),
    weights: new Float64Array(users),
    costs: new BigUint64Array(items + 1),
    starts: new BigUint64Array(items + 1),
  }
  const training = { byRow: byItem.operand, byColumn: history.operand, similarity, limit: 0 }
  const meanLength = native.planNeighbours(training, plan)
  return { right: plan.right, weights: plan.weights, meanLength }
}
