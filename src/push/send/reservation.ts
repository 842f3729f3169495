/** A user to reserve a push for. */
export interface Candidate {
  readonly user: string
  /** Which of the campaign's titles. Default: the first. */
  readonly title?: number
  /** Not to be sent before, in ms since 1970. Default: at once, or with `bestHours` of the ledger the user's best hour. */
  readonly due?: number
  /** Why it was chosen, as in `PlannedSend`: kept for analysis. */
  readonly round?: number
  readonly rank?: number
  readonly usualCtr?: number
  readonly expectedCtr?: number
}

/** A user to hold out of a campaign. */
export interface HoldOutCandidate {
  readonly user: string
  /** That the user would have, if that is known. */
  readonly rank?: number
}

/** A user who gets none of a campaign, to compare with. */
export interface HeldOut {
  /** A row of `PushUsers`. */
  readonly user: number
  readonly article: string
  /** The rank that the user would have had, where that was said. */
  readonly rank: number | undefined
  /** When, in ms since 1970. */
  readonly held: number
}

/** Why no push is reserved for a user. */
export type Refusal =
  | 'all-paused'
  | 'paused'
  | 'stopped'
  | 'dry-run'
  | 'not-started'
  | 'over'
  | 'unknown-user'
  | 'opted-out'
  | 'no-address'
  | 'no-sender'
  | 'held-out'
  | 'in-campaign'
  | 'in-week'
  | 'quiet-hours'
  | 'budget'

export interface Reservation {
  /** What was reserved: `id` is the idempotency key of the send. */
  readonly sends: readonly { readonly id: string; readonly user: string }[]
  /** `until`: of `quiet-hours`, when these end, in ms since 1970. */
  readonly refused: readonly { readonly user: string; readonly reason: Refusal; readonly until?: number }[]
}
