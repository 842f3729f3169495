/** A user to reserve a push for. */
export interface Candidate {
  readonly user: string
  /** Which of the campaign's titles. Default: the first. */
  readonly title?: number
  /** Not to be sent before, in ms since 1970. Default: at once. */
  readonly due?: number
  /** Why it was chosen, as in `PlannedSend`: kept for analysis. */
  readonly round?: number
  readonly rank?: number
  readonly usualCtr?: number
  readonly expectedCtr?: number
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
  | 'held-out'
  | 'in-campaign'
  | 'in-week'
  | 'quiet-hours'
  | 'budget'

export interface Reservation {
  /** What was reserved: `id` is the idempotency key of the send. */
  readonly sends: readonly { readonly id: string; readonly user: string }[]
  /** `until`: when quiet hours end. */
  readonly refused: readonly { readonly user: string; readonly reason: Refusal; readonly until?: number }[]
}
