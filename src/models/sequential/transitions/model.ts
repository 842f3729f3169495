import { native } from '../../../native.ts'
import { splitLists } from '../../../search/item-lists.ts'
import { RowPointers } from '../../../storage/row-pointers.ts'
import { valuesIn } from '../../../storage/safetensors.ts'
import type { ItemList, LiveMemory, Model, ResolvedRequest, SimilarRequest } from '../../algorithm.ts'
import type { Artifact } from '../../artifact/artifact.ts'
import { ItemNeighbours } from '../../item-item/item-neighbours.ts'
import { repeatsIn, verifyRepeats } from '../sessions/repeats.ts'
import { sessionRequest } from '../sessions/session-request.ts'
import { halfLifeOf, liveTable, secondsOf } from './live.ts'
import { type TransitionsOptions, transitionsOptions } from './options.ts'

/**
 * What the artifact holds: the items that follow item i are `indices[indptr[i]]` to `indices[indptr[i + 1] - 1]`, most probable
 * first, of equal ones the lower item first, with their `probabilities`, above 0; `totals`, float64, is the sum of the steps that
 * each is made of; `repeats` (2 × recentItems), float32, what `repeatShares` gives. `indptr` is (items + 1), uint64; `indices` uint32 and `probabilities` float32 are as long as its last value says.
 */
export function transitionsTensors(artifact: Artifact) {
  const { items } = artifact.manifest.dataset
  const indptr = new RowPointers(artifact.tensor('indptr', BigUint64Array, [items + 1]))
  const shape = [Number(indptr.last)]
  return {
    indptr,
    indices: artifact.tensor('indices', Uint32Array, shape),
    probabilities: artifact.tensor('probabilities', Float32Array, shape),
    totals: artifact.tensor('totals', Float64Array, [items]),
  }
}

export function verifyTransitions(artifact: Artifact): void {
  const { indptr, indices, probabilities, totals } = transitionsTensors(artifact)
  if (indptr.first !== 0n) throw artifact.damaged('indptr', `place 0 must be 0, but is ${indptr.first}`)
  const matrix = { indptr: indptr.operand, indices: indices.operand, weights: probabilities.operand }
  const fault = native.neighboursFault(matrix)
  if (fault) throw artifact.damaged(fault.tensor === 'similarities' ? 'probabilities' : fault.tensor, fault.message)
  const sums = valuesIn(totals, 0, artifact.manifest.dataset.items)
  const place = sums.findIndex(sum => !(sum >= 0 && sum < Number.POSITIVE_INFINITY))
  if (place >= 0)
    throw artifact.damaged('totals', `place ${place} must be finite and not below 0, but is ${sums[place]}`)
  verifyRepeats(artifact, optionsOf(artifact).recentItems)
}

export function openTransitions(artifact: Artifact, live?: LiveMemory): Model {
  return new TransitionsModel(artifact, live)
}

/** Ranks by what follows the items that the user had last, those that came later weighing more. */
class TransitionsModel implements Model {
  readonly similarBy = ['neighbours'] as const
  readonly #artifact: Artifact
  readonly #items: ItemNeighbours
  readonly #options: TransitionsOptions
  readonly #tensors: ReturnType<typeof transitionsTensors>
  readonly #repeats: Float32Array
  readonly #live: ReturnType<typeof liveTable> | undefined

  constructor(artifact: Artifact, live: LiveMemory | undefined) {
    this.#artifact = artifact
    this.#live = live && liveTable(live)
    this.#items = new ItemNeighbours(artifact)
    this.#options = optionsOf(artifact)
    this.#tensors = transitionsTensors(artifact)
    this.#repeats = repeatsIn(artifact, this.#options.recentItems)
  }

  rank(requests: readonly ResolvedRequest[]): ItemList[] {
    const { indptr: bounds, indices, probabilities, totals } = this.#tensors
    const matrix = { indptr: bounds.operand, indices: indices.operand, weights: probabilities.operand }
    const asked = requests.map(request => sessionRequest(request, this.#artifact.events, this.#options, this.#repeats))
    const weights = {
      prior: this.#options.priorSteps,
      halfLife: halfLifeOf(this.#options),
      // Without a time nothing ages.
      seconds: Uint32Array.from(requests, ({ now, recent }) => secondsOf(now ?? recent.times.at(-1) ?? 0)),
    }
    const { indptr, items, scores } = this.#live
      ? native.rankByLiveTransitions(matrix, totals.operand, this.#live, weights, asked)
      : native.rankByNeighbours(matrix, bounds.rows, asked)
    return splitLists(indptr, { items, scores })
  }

  /** By the users that items share. */
  similar(requests: readonly SimilarRequest[]): ItemList[] {
    return this.#items.similar(requests)
  }
}

export function optionsOf({ manifest: { options } }: Artifact): TransitionsOptions {
  return transitionsOptions.parse(options)
}
