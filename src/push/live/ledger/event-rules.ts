import type { StandingEvent } from '../../../events/reader.ts'
import type { PushObservation } from '../../loop/actions.ts'

/** What events of the journal mean for pushes. Every event is a visit. */
export interface EventRules {
  /** The kind of an event that is a click of its user on the push of its item. */
  readonly click: string
  /** Kinds of events that are reads of their items. Default: all others that weigh more than 0. */
  readonly reads?: readonly string[] | undefined
}

/** In ms: what happened longer ago than this, when it is seen, is kept, but no news for the loop until it starts again. */
export const latest = 3_600_000
/** In ms: so long after the last event of a user the next one is another visit. */
export const visitGap = 1_800_000

export function isClick({ item, kind }: StandingEvent, { click }: EventRules): boolean {
  return item !== undefined && kind === click
}

/** Whether it is a read that nobody took back. */
export function isRead(event: StandingEvent, rules: EventRules): boolean {
  const { item, weight, kind, isTakenBack } = event
  if (item === undefined || isTakenBack || weight <= 0 || isClick(event, rules)) return false
  return rules.reads === undefined || (kind !== undefined && rules.reads.includes(kind))
}

/** Tells where one visit of a user ends and the next begins. */
export class Visits {
  readonly #last = new Map<number, number>()

  /** Whether the event at `time` begins a visit; `before`: the last time that is known from elsewhere. */
  begins(user: number, time: number, before: number | null): boolean {
    const last = Math.max(this.#last.get(user) ?? Number.NEGATIVE_INFINITY, before ?? Number.NEGATIVE_INFINITY)
    if (time > last) this.#last.set(user, time)
    return time > last + visitGap
  }
}

/** `events` in order of time. Of equal times articles come first. */
export function inOrder(observations: readonly PushObservation[]): PushObservation[] {
  return [...observations].sort((a, b) => timeOf(a) - timeOf(b))
}

function timeOf(observation: PushObservation): number {
  if (observation.kind === 'article') return observation.article.createdAt
  return observation.kind === 'opt-out' ? Number.POSITIVE_INFINITY : observation.time
}
