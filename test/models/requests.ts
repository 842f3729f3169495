/** Requests for lists, and what any list must hold whatever the algorithm: from the definitions, the slow way. */
import { expect } from 'vitest'
import { type ItemList, itemSources, noEvents, type Ranking, type RankRequest } from '../../src/models/algorithm.ts'
import type { Artifact } from '../../src/models/artifact/artifact.ts'
import { sharedBitmap, writeBit } from '../../src/search/bitmap.ts'
import { randomNumbers } from '../../src/storage/random.ts'

/** A request of a user without recent events for ten items, but for what is given. */
export function requestOf(user: number, given: Partial<RankRequest> = {}): RankRequest {
  return { user, recent: noEvents, seen: 'exclude', limit: 10, exclude: new Uint32Array(0), ...given }
}

/** Events of these items and weights, one a second. */
export function eventsOf(events: readonly (readonly [item: number, weight: number])[]): RankRequest['recent'] {
  return {
    items: Uint32Array.from(events, ([item]) => item),
    weights: Float32Array.from(events, ([, weight]) => weight),
    times: Float64Array.from(events, (_, at) => 1_700_000_000_000 + 1000 * at),
  }
}

/** Requests of all kinds: known and unknown users, events that add and take back, filters, limits beyond the items. */
export function randomRequests({ users, items }: Artifact, count: number, seed = 1): RankRequest[] {
  const random = randomNumbers(seed)
  const below = (end: number) => Math.floor(random() * end)
  const some = (most: number) =>
    Uint32Array.from(new Set(Array.from({ length: below(most + 1) }, () => below(items.size)))).sort()
  return Array.from({ length: count }, () => {
    const events = Array.from(
      { length: below(5) },
      () => [below(items.size), below(2) ? 1 + below(3) : -1 - below(3)] as const,
    )
    return requestOf(below(users.size + 1) - 1, {
      recent: eventsOf(events),
      seen: below(2) ? 'allow' : 'exclude',
      limit: 1 + below(items.size + 3),
      exclude: some(4),
      only: below(4) === 0 ? some(items.size) : undefined,
    })
  })
}

/** The bitmap of `items` among so many. */
export function bitmapOf(items: Iterable<number>, size: number): Uint32Array {
  const bitmap = sharedBitmap(size, false)
  for (const item of items) writeBit(bitmap, item, true)
  return bitmap
}

/** What is known of the request's user: item and weight; sums that are not above 0 are no history. */
export function historyOf({ sums: trained }: Artifact, { user, recent }: RankRequest): Map<number, number> {
  const sums = new Map<number, number>()
  if (user >= 0) {
    for (let at = Number(trained.indptr[user]); at < Number(trained.indptr[user + 1]); at++) {
      sums.set(trained.indices[at]!, trained.weights[at]!)
    }
  }
  recent.items.forEach((item, at) => {
    sums.set(item, (sums.get(item) ?? 0) + recent.weights[at]!)
  })
  return new Map([...sums].filter(([, weight]) => weight > 0))
}

/** The items that the request allows, most users first, of as many the lower row. */
export function allowedItems(artifact: Artifact, request: RankRequest): number[] {
  const counts = new Map<number, number>()
  for (const item of artifact.history.indices) counts.set(item, (counts.get(item) ?? 0) + 1)
  const count = (item: number) => counts.get(item) ?? 0
  const seen = historyOf(artifact, request)
  const { exclude, only, seen: whatOfSeen } = request
  return Array.from({ length: artifact.items.size }, (_, item) => item)
    .filter(item => !exclude.includes(item))
    .filter(item => !only || only.includes(item))
    .filter(item => whatOfSeen === 'allow' || !seen.has(item))
    .sort((a, b) => count(b) - count(a) || a - b)
}

/** Expects what every list must be: as long as can be, of allowed items, none twice, finite scores, the right basis. */
export function expectSound(artifact: Artifact, request: RankRequest, { items, scores, basis }: Ranking): void {
  const allowed = allowedItems(artifact, request)
  expect(items).toHaveLength(Math.min(request.limit, allowed.length))
  expect(scores).toHaveLength(items.length)
  expect(new Set(items).size).toBe(items.length)
  expect([...items].filter(item => !allowed.includes(item))).toEqual([])
  expect([...scores].filter(score => !Number.isFinite(score))).toEqual([])
  expect(basis).toBe(historyOf(artifact, request).size > 0 ? 'model' : 'popularity')
  if (basis === 'popularity') {
    expect([...items]).toEqual(allowed.slice(0, request.limit))
    expect([...scores]).toEqual(Array(items.length).fill(0))
  }
}

/** A list as plain arrays, which print well where they differ. */
export function plainList({ items, scores, sources, ...rest }: ItemList & Partial<Ranking>) {
  const named = sources && { sources: Array.from(sources, code => itemSources[code]!) }
  return { ...rest, items: [...items], scores: [...scores], ...named }
}
