import type { PushAction, PushObservation, PushSteps } from '../loop/actions.ts'
import type { PushLedgerThread } from './ledger/ledger-proxy.ts'

/** Events that are read at a time. */
const pageSize = 5000

/** Something that happened, or was done. */
type Mark = { readonly time: number } & (
  | { readonly seen: PushObservation; readonly done?: undefined }
  | { readonly done: PushAction; readonly seen?: undefined }
)

export interface ReplayOptions {
  readonly since: number
  readonly now: number
  readonly signal: AbortSignal
}

/** Tells the loop what happened since a time and what was done, in order, from the journal and the ledger. */
export async function replayPast(
  ledger: PushLedgerThread,
  steps: PushSteps,
  { since, now, signal }: ReplayOptions,
): Promise<void> {
  let marks = await marksSince(ledger, steps, since, now)
  let position = await ledger.call('positionAt', since)
  for (;;) {
    signal.throwIfAborted()
    const page = await ledger.call('eventsTaken', position, pageSize)
    position = page.position
    // What arrived later than it happened may be older.
    const recent = page.observations.filter(seen => timeOf(seen) >= since)
    const events = recent.map(seen => ({ time: Math.min(timeOf(seen), now), seen }))
    const last = events.reduce((latest, { time }) => Math.max(latest, time), Number.NEGATIVE_INFINITY)
    const due = page.more ? marks.filter(({ time }) => time <= last) : marks
    marks = page.more ? marks.filter(({ time }) => time > last) : []
    tell(steps, [...due, ...events])
    if (!page.more) return
  }
}

/** Articles, what was done about them, and what came of that: few beside the events. */
async function marksSince(ledger: PushLedgerThread, steps: PushSteps, since: number, now: number): Promise<Mark[]> {
  const actions = await ledger.call('actionsSince', since)
  // Campaigns that live on began before.
  const began = actions.reduce((least, { time }) => Math.min(least, time), since)
  const articles = await ledger.call('articlesTaken', began, now)
  const deliveries = await ledger.call('deliveriesSince', since)
  const clicks = await ledger.call('clicksSince', since)
  const seen: Mark[] = [
    ...articles.map(article => ({
      time: within(article.createdAt, began, now),
      seen: { kind: 'article', article } as const,
    })),
    ...deliveries.map(delivery => ({
      time: within(delivery.time, began, now),
      seen: { kind: 'delivered', ...delivery } as const,
    })),
    ...clicks.map(click => ({ time: within(click.time, began, now), seen: { kind: 'click', ...click } as const })),
  ]
  return steps.restore ? [...seen, ...actions.map(({ time, action }) => ({ time, done: action }))] : seen
}

function tell(steps: PushSteps, marks: readonly Mark[]): void {
  let observations: PushObservation[] = []
  const flush = () => {
    if (observations.length > 0) steps.observe(observations)
    observations = []
  }
  const order = [...marks].sort((a, b) => a.time - b.time || orderOf(a) - orderOf(b))
  for (const mark of order) {
    if (mark.seen) {
      observations.push('time' in mark.seen ? { ...mark.seen, time: mark.time } : mark.seen)
      continue
    }
    flush()
    steps.restore?.(mark.done, mark.time)
  }
  flush()
}

/** Of equal times what was seen comes first, as the loop had it, but for what came of what was done. */
function orderOf({ seen }: Mark): number {
  if (seen === undefined) return 1
  return seen.kind === 'delivered' ? 2 : 0
}

function timeOf(observation: PushObservation): number {
  if (observation.kind === 'article') return observation.article.createdAt
  return observation.kind === 'opt-out' ? 0 : observation.time
}

function within(time: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, time))
}
