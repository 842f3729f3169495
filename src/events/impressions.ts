/** What users were shown: what was shown again and again and not taken need not be shown so soon again. */
import { isStorable } from './event.ts'

/** Items that a user was shown at once. Users and items stand in it by id. */
export interface Impressions {
  /** Unique to the user, among impressions. */
  readonly id: string
  readonly user: string
  /** One that is named twice was shown once. */
  readonly items: readonly string[]
  /** When they were shown, in ms since 1970 (UTC). */
  readonly time: number
}

/** How often an item was shown to a user since the user's last event on it. */
export interface Showing {
  /** At {@link time}: each time counts 1, and half as much after each half-life. */
  readonly count: number
  /** The last time, in ms since 1970. */
  readonly time: number
}

/** Of one user, by item. */
export type ShownItems = Map<string, Showing>

/** Items of one user that are kept, those that were shown last. */
export const mostShown = 200

/** In ms: after so long a showing counts half. */
export const defaultHalfLife = 86_400_000

/** After so many half-lives a showing counts nothing. */
export const forgottenAfterHalfLives = 10

/**
 * How long it takes to record that so many items were shown, in times of an event: the other items of the user are read, and go for new ones
 * (10 items of a user who has 200: 0.8 ms, 100: 0.8 ms; an event 0.02 ms).
 */
export function impressionsCost(items: number): number {
  return 10 + items
}

/** @throws TypeError where they cannot be recorded, naming the field. */
export function assertImpressions({ id, user, items, time }: Impressions): void {
  const isText = (text: unknown) => typeof text === 'string' && text !== '' && isStorable(text)
  const odd = Object.entries({ id, user }).find(([, text]) => !isText(text))
  const expected = 'must be text, not empty, without NUL and half surrogates'
  if (odd) throw new TypeError(`the impressions' ${odd[0]} ${expected}, got ${odd[1]}`)
  if (items.length === 0) throw new TypeError('impressions must have an item')
  const oddItem = items.find(item => !isText(item))
  if (oddItem !== undefined) throw new TypeError(`the impressions' items ${expected}, got ${oddItem}`)
  if (!Number.isSafeInteger(time)) throw new TypeError(`the impressions' time must be whole ms since 1970, got ${time}`)
}

/** What `showing` counts at `time`; nothing is younger than now. */
export function countAt({ count, time: last }: Showing, time: number, halfLife: number): number {
  return count * 0.5 ** (Math.max(0, time - last) / halfLife)
}

/**
 * Counts in `shown` that `items` were shown, in whatever order of time showings come. Of more than {@link mostShown} items those that were
 * shown last stay. Gives the items that changed or went.
 */
export function noteShown(shown: ShownItems, { items, time }: Pick<Impressions, 'items' | 'time'>, halfLife: number) {
  const changed = new Set<string>()
  for (const item of new Set(items)) {
    const before = shown.get(item) ?? { count: 0, time }
    const last = Math.max(before.time, time)
    if (last - time > forgottenAfterHalfLives * halfLife) continue
    const count = countAt(before, last, halfLife) + countAt({ count: 1, time }, last, halfLife)
    shown.set(item, { count, time: last })
    changed.add(item)
  }
  if (shown.size <= mostShown) return changed
  const byTime = [...shown].sort(([a, one], [b, other]) => other.time - one.time || (a < b ? -1 : 1))
  for (const [item] of byTime.slice(mostShown)) {
    shown.delete(item)
    changed.add(item)
  }
  return changed
}
