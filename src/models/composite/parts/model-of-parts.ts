import type { ItemList, Model, ResolvedRequest, ResolvedSimilarRequest, SimilarMeasure } from '../../algorithm.ts'
import type { Popularity } from '../../open/popularity.ts'

/** A model whose parts are models: what it can do beside ranking, the first of them does that can. */
export abstract class ModelOfParts implements Model {
  readonly similar?: (requests: readonly ResolvedSimilarRequest[]) => readonly ItemList[]
  readonly similarBy?: readonly SimilarMeasure[]
  readonly popularity?: Popularity

  constructor(parts: readonly { readonly model: Model }[]) {
    const models = parts.map(({ model }) => model)
    const own = models.find(({ popularity }) => popularity)?.popularity
    if (own) this.popularity = own
    const finding = models.find(({ similar }) => similar)
    if (!finding) return
    this.similar = requests => finding.similar!(requests)
    if (finding.similarBy) this.similarBy = finding.similarBy
  }

  abstract rank(requests: readonly ResolvedRequest[]): readonly ItemList[]
}
