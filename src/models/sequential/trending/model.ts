import { contains, firstAllowed } from '../../../search/item-lists.ts'
import { valuesIn } from '../../../storage/safetensors.ts'
import type { ItemList, LiveMemory, Model, ResolvedRequest } from '../../algorithm.ts'
import type { Artifact } from '../../artifact/artifact.ts'
import { orderFault, type Popularity } from '../../open/popularity.ts'
import { type Trend, TrendReader, trendOf } from './trend.ts'

/**
 * The tensors of the artifact: `sums` (items), float32, what the events of each item count as of the newest one;
 * `order` (items), uint32, all items, those that count most first, of equal ones the lower row first; and, float64,
 * `newest` (1), the time of the newest event in ms since 1970, and `halfLife` (1), in ms.
 */
export function trendingTensors(artifact: Artifact) {
  const { items } = artifact.manifest.dataset
  return {
    sums: artifact.tensor('sums', Float32Array, [items]),
    order: artifact.tensor('order', Uint32Array, [items]),
    newest: artifact.tensor('newest', Float64Array, [1]),
    halfLife: artifact.tensor('halfLife', Float64Array, [1]),
  }
}

export function verifyTrending(artifact: Artifact): void {
  const { items } = artifact.manifest.dataset
  const tensors = trendingTensors(artifact)
  const sums = valuesIn(tensors.sums, 0, items)
  const place = sums.findIndex(value => !(value >= 0 && value < Number.POSITIVE_INFINITY))
  if (place >= 0) {
    throw artifact.damaged('sums', `place ${place} must be finite and not below 0, but is ${sums[place]}`)
  }
  const fault = orderFault(sums, valuesIn(tensors.order, 0, items))
  if (fault) throw artifact.damaged('order', fault)
  const [newest] = valuesIn(tensors.newest, 0, 1)
  if (!Number.isFinite(newest)) throw artifact.damaged('newest', `place 0 must be finite, but is ${newest}`)
  const [halfLife] = valuesIn(tensors.halfLife, 0, 1)
  if (!(halfLife > 0 && halfLife < Number.POSITIVE_INFINITY)) {
    throw artifact.damaged('halfLife', `place 0 must be finite and above 0, but is ${halfLife}`)
  }
}

export function openTrending(artifact: Artifact, live?: LiveMemory): Model {
  return new TrendingModel(artifact, live)
}

/** Ranks by the share of all that counts of late. */
class TrendingModel implements Model {
  readonly popularity: Popularity
  readonly #live: TrendReader | undefined
  readonly #trained: () => Trend

  constructor(artifact: Artifact, live: LiveMemory | undefined) {
    const { sums, order } = trendingTensors(artifact)
    const { items } = artifact.manifest.dataset
    this.#live = live && new TrendReader(live)
    let trained: Trend | undefined
    this.#trained = () => {
      trained ??= trendOf(valuesIn(sums, 0, items), valuesIn(order, 0, items))
      return trained
    }
    const { counts, order: byCount } = artifact.popularity
    this.popularity = { counts, order: byCount, latest: () => this.#trend().items }
  }

  #trend(): Trend {
    return this.#live?.read() ?? this.#trained()
  }

  rank(requests: readonly ResolvedRequest[]): ItemList[] {
    const { items: best, shares } = this.#trend()
    const shareOf = new Map(Array.from(best, (item, place) => [item, shares[place]]))
    return requests.map(({ limit, exclude, only, allowed }) => {
      const candidates = only ? best.filter(item => contains(only, item)) : best
      const items = firstAllowed(candidates, limit, exclude, allowed)
      return { items, scores: Float32Array.from(items, item => shareOf.get(item)!) }
    })
  }
}
