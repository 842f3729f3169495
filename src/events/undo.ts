import type { UserEvent } from './event.ts'

/**
 * Ids of the events of one user that are taken back. An undo takes back an item's event whichever of the two arrived
 * first. It takes back another undo only if that arrived before it, and what that one took back counts again: the
 * newest word holds, and no two undos can take back each other.
 *
 * @param events in order of arrival, oldest first.
 */
export function takenBack(events: readonly Pick<UserEvent, 'id' | 'undo'>[]): ReadonlySet<string> {
  const ids = new Set<string>()
  // Newest first: what may take an undo back is known before the undo is reached.
  for (let at = events.length - 1; at >= 0; at--) {
    const { id, undo } = events[at]!
    if (undo !== undefined && !ids.has(id)) ids.add(undo)
  }
  return ids
}

/** An event whose counting was changed by later ones. */
export interface CountingChange {
  readonly item: string
  /** What the sum of the user's item changes by: less what the event weighed, where it is taken back. */
  readonly weight: number
  /** When the event happened that changed, in ms since 1970. */
  readonly time: number
  /** Whether it was taken back; else it was before, and counts again. */
  readonly isTakenBack: boolean
}

/**
 * What `later` events of a user change in what `earlier` ones counted for: an undo may take back an event that a dataset
 * has summed already.
 *
 * @param earlier, later in order of arrival.
 */
export function countingChanges(earlier: readonly UserEvent[], later: readonly UserEvent[]): CountingChange[] {
  const before = takenBack(earlier)
  const now = takenBack([...earlier, ...later])
  return earlier.flatMap(({ id, item, weight, time }) => {
    if (item === undefined || before.has(id) === now.has(id)) return []
    const isTakenBack = now.has(id)
    return [{ item, weight: isTakenBack ? -weight : weight, time, isTakenBack }]
  })
}
