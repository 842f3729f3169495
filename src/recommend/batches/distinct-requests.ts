import type { RankRequest, UserEvents } from '../../models/algorithm.ts'

/** The requests of a batch, each once: what many ask for of one user is ranked for all of them. */
export class DistinctRequests {
  readonly requests: RankRequest[] = []
  /** Places of those with the same events. */
  readonly #places = new Map<UserEvents, number[]>()

  /** Gives the place in {@link requests} of `request`, or of one that asks for the same. */
  add(request: RankRequest): number {
    const places = this.#places.get(request.recent)
    const known = places?.find(place => isSame(this.requests[place]!, request))
    if (known !== undefined) return known
    const place = this.requests.push(request) - 1
    if (places) places.push(place)
    else this.#places.set(request.recent, [place])
    return place
  }
}

function isSame(a: RankRequest, b: RankRequest): boolean {
  return (
    a.user === b.user &&
    a.recent === b.recent &&
    a.limit === b.limit &&
    a.seen === b.seen &&
    a.contextWeight === b.contextWeight &&
    a.allowed === b.allowed &&
    hasSame(a.discounts?.items, b.discounts?.items) &&
    hasSame(a.discounts?.factors, b.discounts?.factors) &&
    hasSame(a.exclude, b.exclude) &&
    hasSame(a.only, b.only)
  )
}

function hasSame(a: Uint32Array | Float32Array | undefined, b: typeof a): boolean {
  if (a === b) return true
  return a?.length === b?.length && a !== undefined && a.every((value, at) => value === b?.[at])
}
