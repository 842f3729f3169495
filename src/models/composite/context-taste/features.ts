/** What the gate knows when a list is asked for. */
import { contains } from '../../../search/item-lists.ts'
import type { Sequences } from '../../../storage/sequences.ts'
import type { ItemList, ItemSource, ResolvedRequest } from '../../algorithm.ts'
import { recentItems } from '../../sequential/sessions/recent-items.ts'
import { millisecondsInHour } from '../../sequential/sessions/sessions.ts'
import type { Part } from '../parts/parts.ts'
import { type Calibration, probabilitiesOf } from './probabilities.ts'

/** Where each feature is. Saved gates rely on the order. */
const at = {
  /** log(1 + items of the running session) */
  sessionItems: 0,
  /** log(1 + items of the history) */
  historyItems: 1,
  /** log(1 + hours since the user's last event) */
  hoursSinceLastEvent: 2,
  /** Probability of the first item of the context list. */
  firstOfContext: 3,
  /** log(1 + length of the context list) */
  contextItems: 4,
  /** Probability of the first item of the taste list. */
  firstOfTaste: 5,
  /** Share of their first 20 items that both lists have. */
  sharedItems: 6,
  sineOfDay: 7,
  cosineOfDay: 8,
  /** log(1 + hours since the newest event of the training) */
  modelAge: 9,
  /** 1 where no item of the history may come, else 0. */
  excludesHistory: 10,
} as const

export const featureNames = Object.keys(at) as readonly (keyof typeof at)[]

/** Whether no session of the user is running. */
export function isFirstOfSession(features: Float64Array): boolean {
  return features[at.sessionItems] === 0
}

/** What the features depend on beside the request and the lists. */
export interface FeatureContext {
  /** Events of the training. */
  readonly events: Sequences | undefined
  /** In hours. */
  readonly sessionGap: number
  /** Time of the newest event of the training, in ms since 1970. */
  readonly newest: number
}

/** Hours without an event that end a session: the `sessionGap` of the first part that has this option. */
export function sessionGapOf(parts: readonly Pick<Part, 'options'>[]): number {
  const found = parts.find(({ options }) => typeof options.sessionGap === 'number')
  return (found?.options.sessionGap as number | undefined) ?? 0.5
}

/** The lists of the first context part and the first taste part; empty where there is none. */
export interface FeatureLists {
  readonly context: FeatureList
  readonly taste: FeatureList
}

interface FeatureList {
  readonly items: Uint32Array
  readonly probabilities: Float64Array
}

const asTheyAre: Calibration = { kind: 'identity' }
/** Of the taste list here, whichever the training chooses for that part: features do not depend on that choice. */
const tasteCalibration: Calibration = { kind: 'softmax', temperature: 0.35 }
const noItems: ItemList = { items: new Uint32Array(0), scores: new Float32Array(0) }

/** @param lists (parts) The list of each part, of the source at the same place of `sources`. */
export function featureListsOf(lists: readonly ItemList[], sources: readonly ItemSource[]): FeatureLists {
  const firstOf = (source: ItemSource) => lists[sources.indexOf(source)] ?? noItems
  const [context, taste] = [firstOf('context'), firstOf('taste')]
  return {
    context: { items: context.items, probabilities: probabilitiesOf(context, asTheyAre) },
    taste: { items: taste.items, probabilities: probabilitiesOf(taste, tasteCalibration) },
  }
}

/** So many of the first items of both lists are compared, and so many of the user's last items are looked at. */
const compared = 20

/** Writes the features to `into` (features). */
export function writeFeatures(
  request: ResolvedRequest,
  { context, taste }: FeatureLists,
  { events, sessionGap, newest }: FeatureContext,
  into: Float64Array,
): void {
  const { history, exclude } = request
  const { running } = recentItems(request, events, { recentItems: compared, recencyDecay: 1, sessionGap })
  const last = lastTime(request, events)
  const now = request.now ?? last ?? newest
  const dayAngle = ((now / millisecondsInHour) % 24) * (Math.PI / 12)
  const ofContext = new Set(context.items.subarray(0, compared))
  const shared = taste.items.subarray(0, compared).filter(item => ofContext.has(item)).length
  const had = history.indices
  into[at.sessionItems] = Math.log1p(running)
  into[at.historyItems] = Math.log1p(had.length)
  into[at.hoursSinceLastEvent] = Math.log1p(Math.max(0, now - (last ?? newest)) / millisecondsInHour)
  into[at.firstOfContext] = context.probabilities[0] ?? 0
  into[at.contextItems] = Math.log1p(context.items.length)
  into[at.firstOfTaste] = taste.probabilities[0] ?? 0
  into[at.sharedItems] = shared / compared
  into[at.sineOfDay] = Math.sin(dayAngle)
  into[at.cosineOfDay] = Math.cos(dayAngle)
  into[at.modelAge] = Math.log1p(Math.max(0, now - newest) / millisecondsInHour)
  into[at.excludesHistory] = Number(had.length > 0 && had.every(item => contains(exclude, item)))
}

/** Time of the user's last event, in ms since 1970. */
function lastTime({ user, recent }: ResolvedRequest, events: Sequences | undefined): number | undefined {
  const last = recent.times.at(-1)
  if (last !== undefined || user < 0 || !events) return last
  const end = Number(events.indptr[user + 1])
  return end > Number(events.indptr[user]) ? Number(events.times[end - 1]) : undefined
}

/** How many of the user's items are the latest. */
const latest = 4

/** The user's latest items: what they count beside others is chosen by {@link Reliance}. */
export function latestItems(
  request: Pick<ResolvedRequest, 'user' | 'history' | 'recent' | 'now'>,
  events: Sequences | undefined,
): Uint32Array {
  return recentItems(request, events, { recentItems: latest, recencyDecay: 1 }).items.subarray(0, latest)
}
