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
