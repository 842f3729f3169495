import type { RankRequest, UserEvents } from '../models/algorithm.ts'

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
    hasSameRows(a.discounts?.items, b.discounts?.items) &&
    hasSameRows(a.exclude, b.exclude) &&
    hasSameRows(a.only, b.only)
  )
}

function hasSameRows(a: Uint32Array | undefined, b: Uint32Array | undefined): boolean {
  if (a === b) return true
  return a?.length === b?.length && a !== undefined && a.every((row, at) => row === b?.[at])
}
