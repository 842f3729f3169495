/** What a gate knows of the moment that a list is asked for. */
import { contains } from '../../search/item-lists.ts'
import type { Sequences } from '../../storage/sequences.ts'
import type { ItemList, ResolvedRequest } from '../algorithm.ts'
import { recentItems } from '../sessions/recent-items.ts'
import { millisecondsInHour } from '../sessions/sessions.ts'

/** Each in a few words. */
export const momentFeatures = [
  'items of the running session',
  'items of the history',
  'hours since the last event',
  'share of the first item of the context list',
  'length of the context list',
  'share of the first item of the taste list',
  'items that both lists have among their first 20',
  'sine of the time of day',
  'cosine of the time of day',
  'age of the model',
  'whether items of the history must not come',
] as const

/** Whether no session of the user runs, by the features. */
export function isFirstOfSession(features: Float64Array): boolean {
  return features[0] === 0
}

/** What features are made of beside the request. */
export interface Moment {
  /** What users did before the training. */
  readonly events: Sequences | undefined
  /** In hours. */
  readonly sessionGap: number
  /** Of the training, in ms since 1970. */
  readonly newest: number
}

/** The lists of the first part of either kind; empty where there is none. */
export interface MomentLists {
  readonly context: Pick<ItemList, 'items'> & { readonly probabilities: Float64Array }
  readonly taste: Pick<ItemList, 'items'> & { readonly probabilities: Float64Array }
}

const compared = 20

/** Writes {@link momentFeatures} to `into`. */
export function describe(
  request: ResolvedRequest,
  { context, taste }: MomentLists,
  { events, sessionGap, newest }: Moment,
  into: Float64Array,
): void {
  const { running } = recentItems(request, events, { recentItems: compared, recencyDecay: 1, sessionGap })
  const last = lastTime(request, events)
  const now = request.now ?? last ?? newest
  const day = ((now / millisecondsInHour) % 24) * (Math.PI / 12)
  const first = new Set(context.items.subarray(0, compared))
  into[0] = Math.log1p(running)
  into[1] = Math.log1p(request.history.indices.length)
  into[2] = Math.log1p(Math.max(0, now - (last ?? newest)) / millisecondsInHour)
  into[3] = context.probabilities[0] ?? 0
  into[4] = Math.log1p(context.items.length)
  into[5] = taste.probabilities[0] ?? 0
  into[6] = taste.items.subarray(0, compared).reduce((sum, item) => sum + Number(first.has(item)), 0) / compared
  into[7] = Math.sin(day)
  into[8] = Math.cos(day)
  const [had] = request.history.indices
  into[10] = Number(had !== undefined && contains(request.exclude, had))
  into[9] = Math.log1p(Math.max(0, now - newest) / millisecondsInHour)
}

/** How many of the user's items are the latest. */
const latest = 4

/** The user's latest items: how often they come again is measured beside the parts (`Reliance.repeats`). */
export function latestItems(
  request: Pick<ResolvedRequest, 'user' | 'history' | 'recent' | 'now'>,
  events: Sequences | undefined,
): Uint32Array {
  return recentItems(request, events, { recentItems: latest, recencyDecay: 1 }).items.subarray(0, latest)
}

/** Of the user's last event, in ms since 1970. */
function lastTime({ user, recent }: ResolvedRequest, events: Sequences | undefined): number | undefined {
  const last = recent.times.at(-1)
  if (last !== undefined || user < 0 || !events) return last
  const end = Number(events.indptr[user + 1])
  return end > Number(events.indptr[user]) ? Number(events.times[end - 1]) : undefined
}
