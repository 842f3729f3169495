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

/** Whether the lists are the same for certain: filters of items are not compared. */
function isSame(a: RankRequest, b: RankRequest): boolean {
  const isUnfiltered = ({ exclude, only }: RankRequest) => exclude.length === 0 && only === undefined
  const isAlike = a.user === b.user && a.recent === b.recent && a.limit === b.limit && a.seen === b.seen
  return isAlike && isUnfiltered(a) && isUnfiltered(b)
}
