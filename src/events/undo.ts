import type { UserEvent } from './event.ts'

/**
 * Ids of the events of one user that are taken back. An undo takes back an item's event whichever of the two arrived
 * first. It takes back another undo only if that arrived before it, and what that one took back counts again: the
 * newest word holds, and no two undos can take back each other.
 *
 * @param events in order of arrival, oldest first.
 */
export function takenBack(events: readonly UserEvent[]): ReadonlySet<string> {
  const ids = new Set<string>()
  // Newest first: what may take an undo back is known before the undo is reached.
  for (let at = events.length - 1; at >= 0; at--) {
    const { id, undo } = events[at]
    if (undo !== undefined && !ids.has(id)) ids.add(undo)
  }
  return ids
}
