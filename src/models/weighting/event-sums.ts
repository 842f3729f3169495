import type { Dataset } from '../../storage/dataset.ts'
import { needsEvents, type WeightingOptions } from './options.ts'

const day = 86_400_000

/** The least that a pair can come to: old events count next to nothing, but a pair stays one. */
const least = 1e-20

/** What one event counts. */
export class EventWeights {
  readonly #isPlain: boolean
  readonly #isCounted: boolean
  readonly #kindWeights: ReadonlyMap<string, number>
  /** ln 2 per ms, of the age. */
  readonly #rate: number
  readonly #newest: number

  /** @param newest ms since 1970 of the newest event of the data, where decay begins: not the clock, so that the same data give the same. */
  constructor(options: WeightingOptions, newest: number) {
    this.#isPlain = !needsEvents(options)
    this.#isCounted = options.weighting === 'none'
    this.#kindWeights = new Map(Object.entries(options.kindWeights ?? {}))
    this.#rate = options.halfLife === undefined ? 0 : Math.LN2 / (options.halfLife * day)
    this.#newest = newest
  }

  /** Of an event of this weight, kind and time in ms since 1970; those since the data was made do not decay. */
  of(weight: number, kind: string | undefined, time: number): number {
    if (this.#isPlain) return weight
    const counted = this.#isCounted ? Math.sign(weight) : weight
    return counted * this.ofKind(kind ?? '') * this.#decay(time)
  }

  /** What events of a kind count. */
  ofKind(kind: string): number {
    return this.#kindWeights.get(kind) ?? 1
  }

  #decay(time: number): number {
    return this.#rate === 0 || time >= this.#newest ? 1 : Math.exp(this.#rate * (time - this.#newest))
  }
}

/** The time of the newest event, in ms since 1970. O(events). */
export function newestOf(times: BigInt64Array): number {
  let newest = Number.NEGATIVE_INFINITY
  for (const time of times) if (time > newest) newest = Number(time)
  return newest
}

/** What each event of a dataset with events counts, (events). */
export function eventCounts({ events, manifest }: Dataset, weights: EventWeights): Float32Array {
  const { items, times, weights: own, kinds } = events!
  const names = manifest.kinds ?? []
  return Float32Array.from(items, (_, event) =>
    weights.of(own?.[event] ?? 1, kinds && names[kinds[event]], Number(times[event])),
  )
}

/** Σ of what its events count, of each pair of `byUser` (pairs). O(events). */
export function eventSums({ byUser, events, manifest }: Dataset, weights: EventWeights): Float32Array {
  const { indptr, items, times, weights: own, kinds } = events!
  const names = manifest.kinds ?? []
  const sums = new Float32Array(byUser.indices.length)
  const { indptr: bounds, indices } = byUser
  /** Of the user at hand, by item. */
  const found = new Float64Array(byUser.columns)
  for (let user = 0; user < byUser.rows; user++) {
    // Of damaged rows bounds may lie anywhere.
    const end = Math.min(Number(indptr[user + 1]), items.length)
    for (let event = Number(indptr[user]); event < end; event++) {
      found[items[event]] += weights.of(own?.[event] ?? 1, kinds && names[kinds[event]], Number(times[event]))
    }
    const last = Math.min(Number(bounds[user + 1]), sums.length)
    for (let pair = Number(bounds[user]); pair < last; pair++) {
      sums[pair] = Math.max(least, found[indices[pair]])
    }
    // Items whose events the user took back are no pairs.
    for (let event = Number(indptr[user]); event < end; event++) found[items[event]] = 0
  }
  return sums
}
