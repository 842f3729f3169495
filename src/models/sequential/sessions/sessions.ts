import type { Dataset } from '../../../storage/dataset.ts'
import type { Sequences } from '../../../storage/sequences.ts'

export const millisecondsInHour = 3_600_000

/** @throws RangeError when the dataset has no times: `what` needs the order of events. */
export function assertHasTimes({ directory, events }: Pick<Dataset, 'directory' | 'events'>, what: string): void {
  if (events) return
  throw new RangeError(
    `${what} needs the order of events: ${directory} must have events with times, but has pairs only; ` +
      'import the source with times (time, --time), or train another algorithm',
  )
}

/** Events that follow each other by one user, without a gap. */
export interface SessionVisitor {
  /** Called with each event that counts: its item, and its place among the events. */
  event(item: number, event: number): void
  /** Called after the last event of each session. */
  end(): void
}

/**
 * Visits the events of each user in order of time, cut into sessions where nothing happens for `gap` hours (0: nowhere). Events
 * that do not weigh more than 0 are left out, and those that repeat the item of the one before: that an item follows itself says
 * nothing of others.
 */
export function visitSessions(events: Sequences, gap: number, { event, end }: SessionVisitor): void {
  const { rows, indptr, items, times, weights } = events
  const longest = gap > 0 ? gap * millisecondsInHour : Number.POSITIVE_INFINITY
  for (let row = 0, at = Number(indptr[0]); row < rows; row++) {
    let [last, lastTime] = [-1, 0]
    for (const next = Number(indptr[row + 1]); at < next; at++) {
      if (weights && !(weights[at] > 0)) continue
      const time = Number(times[at])
      if (last >= 0 && time - lastTime >= longest) {
        end()
        last = -1
      }
      lastTime = time
      if (items[at] === last) continue
      last = items[at]
      event(last, at)
    }
    if (last >= 0) end()
  }
}
