import type { DatabaseSync } from 'node:sqlite'
import type { PlannedSend, PushAction } from '../../loop/actions.ts'
import type { CampaignRow, CampaignTable } from '../../send/tables/campaigns.ts'
import type { DecisionTable } from '../../send/tables/decisions.ts'

export interface TimedAction {
  readonly time: number
  readonly action: PushAction
}

interface PastSend {
  readonly user: number
  readonly title: number
  readonly reserved: number
  readonly round: number
  readonly rank: number | null
  readonly usual_ctr: number | null
  readonly expected_ctr: number | null
}

export interface PastOptions {
  readonly since: number
  readonly campaigns: CampaignTable
  readonly decisions: DecisionTable
}

/**
 * What the loop did about articles, from what the ledger kept: decisions since a time, and of campaigns that end after it all, with the sends that
 * went out, may have, or still may; hold-outs last longer, and are found by themselves (`holdOutsSince`).
 */
export function actionsOf(database: DatabaseSync, { since, campaigns, decisions }: PastOptions): TimedAction[] {
  const actions: TimedAction[] = []
  const rows = campaigns.endingAfter(since).filter(({ budget }) => budget > 0)
  const earliest = rows.reduce((least, { starts }) => Math.min(least, starts), since)
  for (const entry of decisions.since(earliest)) {
    const { article, time } = entry
    const action: PushAction =
      entry.kind === 'select'
        ? { kind: 'decision', article, decision: entry.decision }
        : { kind: 'stop', article, reason: entry.reason }
    actions.push({ time, action })
  }
  for (const row of rows) actions.push(...campaignActions(database, row))
  // What is done at the same time is done in the order of the kinds.
  return actions.sort((a, b) => a.time - b.time || kinds.indexOf(a.action.kind) - kinds.indexOf(b.action.kind))
}

const kinds: readonly PushAction['kind'][] = ['decision', 'campaign', 'send', 'stop']

function campaignActions(database: DatabaseSync, row: CampaignRow): TimedAction[] {
  const { number, id: article, titles, url, starts, ends, budget, target, dry } = row
  const table = dry === 1 ? 'dry_sends' : 'sends'
  const isMade = dry === 1 ? '' : `AND state IN ('reserved', 'handed', 'delivered', 'unknown')`
  const sends = database
    .prepare(
      `SELECT user - 1 AS user, title, reserved, round, rank, usual_ctr, expected_ctr FROM ${table}
       WHERE campaign = ? AND round IS NOT NULL ${isMade} ORDER BY reserved, rank`,
    )
    .all(number) as unknown as PastSend[]
  const rounds = [...Map.groupBy(sends, ({ round, reserved }) => `${round} ${reserved}`).values()]
  return [
    {
      time: starts,
      action: {
        kind: 'campaign',
        article,
        titles: JSON.parse(titles) as string[],
        ...(url !== null && { url }),
        ends,
        budget,
        target,
      },
    },
    ...rounds.map((of): TimedAction => {
      const { reserved: time, round } = of[0]!
      return { time, action: { kind: 'send', article, round, sends: of.map(plannedOf), holdOuts: [] } }
    }),
  ]
}

function plannedOf({ user, title, rank, usual_ctr, expected_ctr }: PastSend): PlannedSend {
  return { user, title, rank: rank ?? 0, usualCtr: usual_ctr ?? 0, expectedCtr: expected_ctr ?? 0 }
}
