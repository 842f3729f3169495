import { native } from '../native.ts'
import { valuesIn } from '../storage/safetensors.ts'
import type { ItemList, SimilarRequest } from './algorithm.ts'
import type { Artifact } from './artifact.ts'
import { rowOf } from './history.ts'

/** Added to the denominator of cosines, as `neighbours` does by default. */
const shrinkage = 10
/** Pairs that are read for one item: of the users of an item that have more in all, only every second, third … is asked. */
const mostAdditions = 4_000_000

/**
 * Similar items by the users that they share, found from the pairs that every artifact has: c / (√(nᵢ nⱼ) + 10), where c users of
 * nᵢ and nⱼ are the same. Any algorithm can have them.
 */
export class ItemNeighbours {
  readonly #artifact: Artifact
  #terms: { readonly right: Float64Array; readonly weights: Float64Array } | undefined

  constructor(artifact: Artifact) {
    this.#artifact = artifact
  }

  /** Whether the artifact has the pairs by item, which those lack that were saved before there was a choice of measures. */
  static isPossible(artifact: Artifact): boolean {
    return artifact.hasPairsByItem
  }

  /** The items most similar to each request's item, most similar first, without itself and those that share no user with it. */
  similar(requests: readonly SimilarRequest[]): ItemList[] {
    const { history, byItem, popularity, manifest } = this.#artifact
    const { users, items } = manifest.dataset
    // Made when first asked for: 3 ms for half a million items.
    this.#terms ??= {
      right: Float64Array.from(valuesIn(popularity.counts, 0, items), Math.sqrt),
      weights: new Float64Array(users).fill(1),
    }
    const found = native.nearestNeighbours(
      { similarity: cosine, byColumn: history.operand, ...this.#terms, meanLength: 1 },
      requests.map(({ item, limit }) => {
        const { indices, weights } = rowOf(byItem, item)
        return { columns: indices, weights, own: item, limit, mostAdditions }
      }),
    )
    return requests.map((_, at) => ({
      items: found.items.subarray(found.indptr[at], found.indptr[at + 1]),
      scores: found.scores.subarray(found.indptr[at], found.indptr[at + 1]),
    }))
  }
}

const cosine = {
  measure: 'cosine' as const,
  weighted: false,
  shrinkage,
  locality: 1,
  k1: 1,
  b: 0,
  asymmetry: 0.5,
  alpha: 1,
  beta: 0,
}
