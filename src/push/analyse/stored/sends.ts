import type { DatabaseSync } from 'node:sqlite'
import { type SendState, sendStates } from '../../send/send.ts'
import { type BetaPrior, fitUsualCtr, usualCtr } from '../../statistics/usual-ctr.ts'
import type { HoldOutColumns, SendColumns } from '../input.ts'

/** In ms since 1970. */
export interface Range {
  readonly from: number
  readonly now: number
  /** In ms: between two pushes to a user at least. What was sent so long before the range may break the rule with what is in it. */
  readonly interval: number
}

/** Rows of a batch. */
const size = 50_000

interface AnalysedSendRow {
  readonly user: number
  readonly campaign: number
  readonly title: number
  readonly state: SendState
  readonly handed: number | null
  readonly clicked: number | null
  readonly round: number | null
  readonly rank: number | null
  readonly usual_ctr: number | null
  readonly expected_ctr: number | null
  readonly segment: number
  readonly pushes: number
  readonly user_clicks: number
  readonly opted_out: number | null
}

/** The sends of campaigns, in batches as they are read. Those that were sent by other means are left out: nobody knows whom else they were for. */
export function* sendsOf(
  ledger: DatabaseSync,
  placeOf: ReadonlyMap<number, number>,
  { from, now, interval }: Range,
): Generator<SendColumns> {
  const rows = ledger
    .prepare(
      `SELECT user, campaign, title, state, handed, sends.clicked, round, rank, usual_ctr, expected_ctr,
         coalesce(segment, 0) AS segment, coalesce(pushes, 0) AS pushes, coalesce(users.clicks, 0) AS user_clicks, opted_out
       FROM sends LEFT JOIN users ON users.number = user
       WHERE sends.sender <> 'imported' AND reserved <= ?3 AND CASE
         WHEN state IN ('handed', 'delivered', 'unknown') THEN handed > ?1 ELSE coalesce(ended, ?3) >= ?2 END`,
    )
    .iterate(from - interval, from, now) as Iterable<unknown> as Iterable<AnalysedSendRow>
  let priors: readonly BetaPrior[] | undefined
  for (const batch of batchesOf(rows)) {
    const inRange = batch.filter(({ campaign }) => placeOf.has(campaign))
    yield {
      users: Uint32Array.from(inRange, ({ user }) => user),
      articles: Uint32Array.from(inRange, ({ campaign }) => placeOf.get(campaign)!),
      segments: Uint8Array.from(inRange, ({ segment }) => segment),
      titles: Uint8Array.from(inRange, ({ title }) => title),
      rounds: Uint16Array.from(inRange, ({ round }) => round ?? 0),
      ranks: Uint32Array.from(inRange, ({ rank }) => rank ?? 0),
      usualCtrs: Float32Array.from(inRange, ({ usual_ctr, segment, pushes, user_clicks }) => {
        if (usual_ctr !== null) return usual_ctr
        // Reserved by a caller who did not say it.
        priors ??= priorsOf(ledger)
        return usualCtr(priors[segment] ?? priors[0]!, pushes, user_clicks).mean
      }),
      expectedCtrs: Float32Array.from(inRange, ({ expected_ctr }) => expected_ctr ?? Number.NaN),
      sentAt: Float64Array.from(inRange, ({ handed }) => handed ?? Number.NaN),
      states: Uint8Array.from(inRange, ({ state }) => sendStates.indexOf(state)),
      clickedAt: Float64Array.from(inRange, ({ clicked }) => clicked ?? Number.NaN),
      optedOutAt: Float64Array.from(inRange, ({ opted_out }) => opted_out ?? Number.NaN),
    }
  }
}

/** Those held out; of ledgers that did not keep when, as of the beginning of their campaigns. */
export function* holdOutsOf(
  ledger: DatabaseSync,
  placeOf: ReadonlyMap<number, number>,
  { from, now }: Range,
): Generator<HoldOutColumns> {
  const rows = ledger
    .prepare(
      `SELECT user, campaign, coalesce(held, starts) AS time, rank, coalesce(segment, 0) AS segment
       FROM hold_outs JOIN campaigns ON campaigns.number = campaign LEFT JOIN users ON users.number = user
       WHERE dry = 0 AND ends > ? AND starts <= ?`,
    )
    .iterate(from, now) as Iterable<unknown> as Iterable<{
    readonly user: number
    readonly campaign: number
    readonly time: number
    readonly rank: number | null
    readonly segment: number
  }>
  for (const batch of batchesOf(rows)) {
    const inRange = batch.filter(({ campaign }) => placeOf.has(campaign))
    yield {
      users: Uint32Array.from(inRange, ({ user }) => user),
      articles: Uint32Array.from(inRange, ({ campaign }) => placeOf.get(campaign)!),
      times: Float64Array.from(inRange, ({ time }) => time),
      segments: Uint8Array.from(inRange, ({ segment }) => segment),
      // Where some have none, all are compared without.
      ranks: inRange.every(({ rank }) => rank !== null)
        ? Uint32Array.from(inRange, ({ rank }) => rank ?? 0)
        : undefined,
    }
  }
}

/** (segments) Usual CTRs of all users, by their pushes so far. */
function priorsOf(ledger: DatabaseSync): readonly BetaPrior[] {
  const rows = ledger.prepare('SELECT segment, pushes, min(clicks, pushes) AS clicks FROM users').all() as {
    segment: number
    pushes: number
    clicks: number
  }[]
  const counts = {
    segments: Uint8Array.from(rows, ({ segment }) => segment),
    pushes: Uint32Array.from(rows, ({ pushes }) => pushes),
    clicks: Uint32Array.from(rows, ({ clicks }) => clicks),
  }
  return fitUsualCtr(counts, 1 + counts.segments.reduce((most, segment) => Math.max(most, segment), 0)).segments
}

export function* batchesOf<Row>(rows: Iterable<Row>): Generator<Row[]> {
  let batch: Row[] = []
  for (const row of rows) {
    batch.push(row)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
