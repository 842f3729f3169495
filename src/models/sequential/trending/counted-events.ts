/** Which events count: an item once a session, and no more than the first 100 items of a session. */
import type { Sequences } from '../../../storage/sequences.ts'
import { visitSessions } from '../sessions/sessions.ts'

/** So that nobody makes more items than that trend by one session. */
const countedItems = 100

/** Adds `item` to those of a session that have counted. False where it does not count. */
export function addCounted(session: Set<number>, item: number): boolean {
  if (session.has(item) || session.size === countedItems) return false
  session.add(item)
  return true
}

/** Calls `visit` with the item of each event that counts, and the event's place; user by user, in order of time. */
export function visitCounted(
  events: Sequences,
  sessionGap: number,
  visit: (item: number, event: number) => void,
): void {
  const session = new Set<number>()
  visitSessions(events, sessionGap, {
    event: (item, event) => {
      if (addCounted(session, item)) visit(item, event)
    },
    end: () => session.clear(),
  })
}
