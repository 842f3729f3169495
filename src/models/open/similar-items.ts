import type { TopKIndex } from '../../search/topk.ts'
import type { ItemList, SimilarMeasure, SimilarRequest } from '../algorithm.ts'
import type { Artifact } from '../artifact/artifact.ts'
import { ItemNeighbours } from '../item-item/item-neighbours.ts'
import { listAt } from './index-lists.ts'

/**
 * What is added to the product of two norms for a shrunk cosine, by the mean of the items' squared norms. Share of the same author among
 * ten similar brunch items by the factors of ALS (as in item-neighbours.ts), of 0: .221 .567 .457 .253 .209; 0.01: .253 .583 .464 .216
 * .091; 0.1: .287 .584 .440 .160 .033; 1: .288 .561 .300 .075 .016. The rarest items lose: what is most similar to them is rare, too, and has
 * short vectors.
 */
const shrinkageOfMean = 0.01

/** Similar items of a model that has a vector of each item: by these, or by the users that items share. */
export class SimilarItems {
  /** The measures that there are, that which is best first: what `first` says, where there is a choice. */
  readonly by: readonly SimilarMeasure[]
  readonly #index: TopKIndex
  readonly #meanSquare: () => number
  readonly #neighbours: ItemNeighbours
  #shrinkage: number | undefined

  /** @param meanSquare the mean of the items' squared norms, asked for when it is first needed. */
  constructor(artifact: Artifact, index: TopKIndex, meanSquare: () => number, first: 'neighbours' | 'cosine') {
    this.#index = index
    this.#meanSquare = meanSquare
    this.#neighbours = new ItemNeighbours(artifact)
    const cosines = ['cosine', 'shrunk-cosine'] as const
    if (!ItemNeighbours.isPossible(artifact)) this.by = cosines
    else this.by = first === 'neighbours' ? ['neighbours', ...cosines] : [...cosines, 'neighbours']
  }

  /** Each by its measure, which is one of {@link by}. */
  similar(requests: readonly SimilarRequest[]): ItemList[] {
    const lists: ItemList[] = []
    for (const measure of this.by) {
      const places = [...requests.keys()].filter(place => requests[place].measure === measure)
      if (places.length === 0) continue
      const found = this.#similarBy(
        measure,
        places.map(place => requests[place]),
      )
      places.forEach((place, at) => {
        lists[place] = found[at]
      })
    }
    return lists
  }

  #similarBy(measure: SimilarMeasure, requests: readonly SimilarRequest[]): ItemList[] {
    if (measure === 'neighbours') return this.#neighbours.similar(requests)
    this.#shrinkage ??= shrinkageOfMean * this.#meanSquare()
    const shrinkage = measure === 'cosine' ? 0 : this.#shrinkage
    const lists: ItemList[] = []
    for (const allowed of new Set(requests.map(request => request.allowed))) {
      const places = [...requests.keys()].filter(place => requests[place].allowed === allowed)
      const limit = Math.max(...places.map(place => requests[place].limit))
      const items = Uint32Array.from(places, place => requests[place].item)
      const found = this.#index.similar(items, { limit, allowed, shrinkage })
      places.forEach((place, at) => {
        lists[place] = listAt(found, at * limit, requests[place].limit)
      })
    }
    return lists
  }
}

/** The mean over rows of Σ value² of their first `rank` values, of `width`. O(rows × rank). */
export function meanSquareOf(vectors: Float32Array, rank: number, width = rank): number {
  let sum = 0
  for (let row = 0; row < vectors.length; row += width) {
    for (let at = row; at < row + rank; at++) sum += vectors[at] ** 2
  }
  return sum / Math.max(1, vectors.length / width)
}
