import { native } from '../../../native.ts'
import { splitLists } from '../../../search/item-lists.ts'
import { valuesIn } from '../../../storage/safetensors.ts'
import type { ItemList, Model, ResolvedRequest, SimilarRequest } from '../../algorithm.ts'
import type { Artifact } from '../../artifact/artifact.ts'
import { ItemNeighbours } from '../item-neighbours.ts'
import { type NeighboursOptions, neighboursOptions, similarityOf } from './options.ts'

/**
 * What the artifact holds, all float64: `right` (users), the term of each user in the denominator of similarities; `weights` (items),
 * how much each item counts in them; `meanLength` (1), the mean length of histories. The users and their items are the pairs that every
 * artifact has.
 */
export function userTensors(artifact: Artifact) {
  const { users, items } = artifact.manifest.dataset
  return {
    right: artifact.tensor('right', Float64Array, [users]),
    weights: artifact.tensor('weights', Float64Array, [items]),
    meanLength: artifact.tensor('meanLength', Float64Array, [1]),
  }
}

export function verifyUserModel(artifact: Artifact): void {
  const tensors = userTensors(artifact)
  if (!artifact.hasPairsByItem) throw artifact.damaged('right', 'the pairs by item are missing beside it')
  for (const [name, tensor] of Object.entries(tensors)) {
    const values = valuesIn<Float64Array>(tensor, 0, tensor.shape[0]!)
    const place = values.findIndex(value => !(value >= 0 && value < Number.POSITIVE_INFINITY))
    if (place >= 0)
      throw artifact.damaged(name, `place ${place} must be finite and not below 0, but is ${values[place]}`)
  }
}

/**
 * Ranks by the items of the users whose histories are most like that of the user, which is compared as it is now: the score of an
 * item is the sum of the similarities of those who have it, each times the weight of the pair.
 *
 * No neighbours are kept: a table of them would be as large as the pairs, say nothing of a history that has changed, and have to
 * forget whoever is in it.
 */
export class UserModel implements Model {
  readonly similarBy = ['neighbours'] as const
  readonly #artifact: Artifact
  readonly #options: NeighboursOptions
  readonly #tensors: ReturnType<typeof userTensors>
  readonly #meanLength: number
  readonly #items: ItemNeighbours

  constructor(artifact: Artifact) {
    this.#artifact = artifact
    this.#options = neighboursOptions.parse(artifact.manifest.options)
    this.#tensors = userTensors(artifact)
    ;[this.#meanLength] = valuesIn(this.#tensors.meanLength, 0, 1) as unknown as [number]
    this.#items = new ItemNeighbours(artifact)
  }

  rank(requests: readonly ResolvedRequest[]): ItemList[] {
    const { history, byItem } = this.#artifact
    const similar = native.nearestNeighbours(
      {
        similarity: similarityOf(this.#options),
        byColumn: byItem.operand,
        right: this.#tensors.right.operand,
        weights: this.#tensors.weights.operand,
        meanLength: this.#meanLength,
      },
      requests.map(({ user, history }) => ({
        columns: history.indices,
        weights: history.weights,
        ...(user >= 0 && { own: user }),
        limit: this.#options.neighbours,
        mostAdditions: 0xffff_ffff,
      })),
    )
    const { indptr, items, scores } = native.rankByNeighbours(
      history.operand,
      this.#artifact.manifest.dataset.items,
      requests.map(({ limit, exclude, only, allowed }, at) => ({
        items: similar.items.subarray(similar.indptr[at], similar.indptr[at + 1]),
        weights: similar.scores.subarray(similar.indptr[at], similar.indptr[at + 1]),
        limit,
        exclude,
        ...(only && { only }),
        ...(allowed && { allowed }),
      })),
    )
    return splitLists(indptr, { items, scores })
  }

  similar(requests: readonly SimilarRequest[]): ItemList[] {
    return this.#items.similar(requests)
  }
}
