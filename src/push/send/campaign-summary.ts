import type { SendState } from './send.ts'

/** Sends by state, clicks on them, budget, and users who are held out. */
export type CampaignCounts = Readonly<
  Record<SendState | 'used' | 'budget' | 'clicked' | 'heldOut' | 'dry' | 'tests', number>
>

/** A campaign with what became of it. Times in ms since 1970. */
export interface CampaignStatus {
  readonly id: string
  readonly titles: readonly string[]
  readonly url: string | undefined
  readonly starts: number
  readonly ends: number
  readonly target: number
  /** Since when, if it is. */
  readonly paused: number | undefined
  readonly stopped: number | undefined
  readonly isDry: boolean
  readonly counts: CampaignCounts
}

/** Which campaigns are asked for, newest first. */
export interface CampaignQuery {
  /** The last one of the page before. */
  readonly before?: string | undefined
  /** Default: 20. */
  readonly limit?: number | undefined
  /** In the id or a title. */
  readonly text?: string | undefined
  readonly state?: 'open' | 'paused' | 'stopped' | 'over' | 'dry' | undefined
  /** Whether those of pushes that were sent by other means are among them. Default: no. */
  readonly imported?: boolean | undefined
}

/** `article`: of that alone. */
export interface ReportQuery extends Pick<CampaignQuery, 'before' | 'limit'> {
  readonly article?: string | undefined
}

export interface CampaignTotals {
  /** Campaigns that are asked for, on all pages. */
  readonly total: number
  /** All there are, but for imported ones unless these are asked for, and those of which more may be sent. */
  readonly all: number
  readonly open: number
}

export interface StatusPage extends CampaignTotals {
  readonly pausedSince: number | undefined
  readonly isDryRun: boolean
  readonly campaigns: readonly CampaignStatus[]
}

/** Sends that have, or had, the same end. */
export interface SendsByReason {
  readonly sender: string
  readonly state: SendState
  /** Why it did not arrive, where that is known. */
  readonly reason: string | undefined
  readonly sends: number
  /** When the last of them came to that, in ms since 1970. */
  readonly last: number
}

/** The sends of a campaign that went out, or may have, in numbers. */
export interface CampaignReport {
  readonly article: string
  readonly titles: readonly string[]
  readonly starts: number
  readonly ends: number
  readonly target: number
  readonly heldOut: number
  readonly sends: readonly {
    readonly title: number
    readonly round: number
    readonly sends: number
    readonly clicks: number
    /** Clicks that the usual CTRs of these users, and all that was known, made expect. */
    readonly usualClicks: number
    readonly expectedClicks: number
    /** By users who opted out within a week of it, and had no later push. */
    readonly optOuts: number
  }[]
}
