import type { DatabaseSync } from 'node:sqlite'
import { type DaySpan, quietUntil } from '../../data/local-time.ts'
import { type SendKey, sendIdOf } from '../send-id.ts'
import type { CampaignRow } from './campaigns.ts'
import { quietOf, type UserRow } from './users.ts'

/** One thing that decided about the push of a user, with what it rests on. Times in ms since 1970. */
export type Reason =
  | { readonly code: 'unknown-user' | 'unknown-campaign' | 'no-address' | 'held-out' | 'not-chosen' }
  | {
      readonly code: 'all-paused' | 'paused' | 'stopped' | 'dry-run' | 'opted-out' | 'address-gone'
      readonly since: number
    }
  /** The user's sender is not configured. */
  | { readonly code: 'no-sender'; readonly sender: string }
  /** It was reserved in a dry run: recorded, and not sent. */
  | { readonly code: 'dry'; readonly reserved: number; readonly title: string | undefined }
  | { readonly code: 'not-started'; readonly starts: number }
  | { readonly code: 'over'; readonly ended: number }
  | { readonly code: 'budget'; readonly budget: number; readonly used: number }
  | { readonly code: 'quiet-hours'; readonly until: number }
  | {
      readonly code: 'in-week'
      /** Of the push that the user has instead; no end while that has not gone out. */
      readonly campaign: string
      readonly send: string
      readonly until: number | undefined
    }
  | {
      readonly code: 'send'
      readonly send: string
      /** The title that it has. */
      readonly title: string | undefined
      readonly state: string
      readonly reserved: number
      readonly due: number
      readonly handed: number | undefined
      readonly ended: number | undefined
      readonly attempts: number
      /** Whether an attempt may have reached the user without an answer. */
      readonly isUncertain: boolean
      readonly reason: string | undefined
      readonly clicked: number | undefined
    }

export interface Explanation {
  readonly user: string
  readonly campaign: string
  /** Whether the push went out; undefined where that is not known, or not yet. */
  readonly got: boolean | undefined
  readonly reasons: readonly Reason[]
}

interface Question {
  readonly user: string
  readonly campaign: string
  readonly now: number
  /** The quiet hours of users who have none of their own. */
  readonly quiet: DaySpan
  /** In ms: from one push to a user to the next. */
  readonly interval: number
  /** The names of what pushes go out by, where they are known. */
  readonly senders: ReadonlySet<string> | undefined
}

interface FullSend extends SendKey {
  readonly title: number
  readonly state: string
  readonly reserved: number
  readonly due: number
  readonly handed: number | null
  readonly ended: number | null
  readonly attempts: number
  readonly uncertain: number
  readonly reason: string | null
  readonly clicked: number | null
}

/** What the ledger knows of the push of a user, as it was when the campaign ended, or as it is now. */
export function explain(database: DatabaseSync, question: Question): Explanation {
  const { user: id, campaign: campaignId, now, quiet, interval, senders } = question
  const answer = (got: boolean | undefined, reasons: readonly Reason[]) => ({
    user: id,
    campaign: campaignId,
    got,
    reasons,
  })
  const user = database.prepare('SELECT * FROM users WHERE id = ?').get(id) as unknown as UserRow | undefined
  const campaign = database.prepare('SELECT * FROM campaigns WHERE id = ?').get(campaignId) as unknown as
    | CampaignRow
    | undefined
  if (!user || !campaign) {
    const unknown: Reason[] = []
    if (!user) unknown.push({ code: 'unknown-user' })
    if (!campaign) unknown.push({ code: 'unknown-campaign' })
    return answer(false, unknown)
  }
  const at = Math.min(now, campaign.ends - 1)
  const send = database
    .prepare('SELECT * FROM sends WHERE user = ? AND campaign = ?')
    .get(user.number, campaign.number) as unknown as FullSend | undefined
  const hindrances = [
    ...pauses(database, campaign),
    ...lifeReasons(campaign, now),
    ...userReasons(user, { at, quiet, senders }),
  ]
  if (send) {
    const isOpen = send.state === 'reserved' || send.state === 'handed'
    const got = send.state === 'delivered' ? true : isOpen || send.state === 'unknown' ? undefined : false
    return answer(got, [
      sendReason(send, titleOf(campaign, send.title)),
      ...(send.state === 'reserved' ? hindrances : []),
    ])
  }
  const dry = database
    .prepare('SELECT reserved, title FROM dry_sends WHERE user = ? AND campaign = ?')
    .get(user.number, campaign.number) as { reserved: number; title: number } | undefined
  if (dry) {
    return answer(false, [{ code: 'dry', reserved: dry.reserved, title: titleOf(campaign, dry.title) }])
  }
  const isHeldOut = database
    .prepare('SELECT 1 FROM hold_outs WHERE campaign = ? AND user = ?')
    .get(campaign.number, user.number)
  const reasons: Reason[] = [
    ...(isHeldOut ? [{ code: 'held-out' } as const] : []),
    ...hindrances.filter(({ code }) => code !== 'over'),
    ...otherPush(database, user.number, { campaign, at, interval }),
    ...(campaign.used >= campaign.budget
      ? [{ code: 'budget', budget: campaign.budget, used: campaign.used } as const]
      : []),
  ]
  if (reasons.length > 0) return answer(false, reasons)
  const stopped: Reason[] = campaign.stopped === null ? [] : [{ code: 'stopped', since: campaign.stopped }]
  return answer(false, [{ code: 'not-chosen' }, ...stopped, ...lifeReasons(campaign, now)])
}

function titleOf({ titles }: CampaignRow, title: number): string | undefined {
  return (JSON.parse(titles) as string[])[title]
}

function sendReason(send: FullSend, title: string | undefined): Reason {
  const { state, reserved, due, handed, ended, attempts, uncertain, reason, clicked } = send
  return {
    code: 'send',
    send: sendIdOf(send),
    title,
    state,
    reserved,
    due,
    handed: handed ?? undefined,
    ended: ended ?? undefined,
    attempts,
    isUncertain: uncertain === 1,
    reason: reason ?? undefined,
    clicked: clicked === null ? undefined : Math.max(clicked, handed ?? 0),
  }
}

function pauses(database: DatabaseSync, { paused }: CampaignRow): Reason[] {
  const setting = database.prepare('SELECT value FROM settings WHERE name = ? AND value > 0')
  const [all, dryRun] = [setting.get('paused'), setting.get('dry-run')]
  return [
    ...(all ? [{ code: 'all-paused', since: all.value as number } as const] : []),
    ...(dryRun ? [{ code: 'dry-run', since: dryRun.value as number } as const] : []),
    ...(paused === null ? [] : [{ code: 'paused', since: paused } as const]),
  ]
}

function lifeReasons({ starts, ends }: CampaignRow, now: number): Reason[] {
  if (now < starts) return [{ code: 'not-started', starts }]
  return now < ends ? [] : [{ code: 'over', ended: ends }]
}

function userReasons(
  user: UserRow,
  { at, quiet, senders }: Pick<Question, 'quiet' | 'senders'> & { readonly at: number },
): Reason[] {
  const reasons: Reason[] = []
  if (user.opted_out !== null && user.opted_out <= at) reasons.push({ code: 'opted-out', since: user.opted_out })
  if (user.address === null) {
    reasons.push(user.gone === null ? { code: 'no-address' } : { code: 'address-gone', since: user.gone })
  }
  if (user.sender !== null && senders?.has(user.sender) === false)
    reasons.push({ code: 'no-sender', sender: user.sender })
  const until = quietUntil(user.zone, quietOf(user) ?? quiet, at)
  if (until !== undefined) reasons.push({ code: 'quiet-hours', until })
  return reasons
}

interface OtherSend extends SendKey {
  readonly campaign: string
  readonly state: string
  readonly until: number | null
}

/** The last push of another campaign that was open, or kept the week, while this campaign lived. */
function otherPush(
  database: DatabaseSync,
  user: number,
  { campaign, at, interval }: { readonly campaign: CampaignRow; readonly at: number; readonly interval: number },
): Reason[] {
  // The slot has the present push only. An index of sends by user would cost each reservation, so it is looked up in each campaign.
  const other = database
    .prepare(
      `SELECT sends.number, nonce, campaigns.id AS campaign, state,
         coalesce((SELECT until FROM slots WHERE user = ?1 AND send = sends.number AND ended IS NOT NULL), ended + ?4) AS until
       FROM campaigns CROSS JOIN sends ON sends.campaign = campaigns.number AND sends.user = ?1
       WHERE campaigns.number <> ?5 AND state IN ('reserved', 'handed', 'delivered', 'unknown')
         AND reserved <= ?2 AND (ended IS NULL OR until > ?3)
       ORDER BY reserved DESC LIMIT 1`,
    )
    .get(user, at, campaign.starts, interval, campaign.number) as OtherSend | undefined
  if (!other) return []
  return [{ code: 'in-week', campaign: other.campaign, send: sendIdOf(other), until: other.until ?? undefined }]
}
