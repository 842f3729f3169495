/** What the loop sees and what it has done; it does neither itself, so that it runs on a ledger and in a simulated world alike. */

import type { PushArticle } from '../data/article.ts'
import type { SelectDecision } from '../data/decision.ts'

/** Users are rows of `PushUsers`, times are in ms since 1970. */
export type PushObservation =
  | { readonly kind: 'article'; readonly article: PushArticle }
  | { readonly kind: 'read'; readonly user: number; readonly article: string; readonly time: number }
  | { readonly kind: 'visit'; readonly user: number; readonly time: number }
  | { readonly kind: 'click'; readonly user: number; readonly article: string; readonly time: number }
  /** A send has arrived, or may have: clicks on it may come from then on. */
  | { readonly kind: 'delivered'; readonly user: number; readonly article: string; readonly time: number }
  /** A send that was made never goes out. */
  | { readonly kind: 'unsent'; readonly user: number; readonly article: string; readonly time: number }
  | { readonly kind: 'opt-out'; readonly user: number; readonly isOut: boolean }

/** A send that the loop wants. */
export interface PlannedSend {
  readonly user: number
  /** Which of the titles. */
  readonly title: number
  /** By score, of the users who may get the article; the best is 0. */
  readonly rank: number
  /** The probability of a click by the user's usual CTR, and by all that is known. */
  readonly usualCtr: number
  readonly expectedCtr: number
}

/** A user who would get the article in a round, and gets nothing for as long as a push would keep them from the next, to be compared with. */
export interface PlannedHoldOut {
  readonly user: number
  readonly rank: number
}

/** What became of a round that the loop wanted. */
export interface MadeRound {
  /** These are to be sent; they count from when they are delivered. None in a round of which nothing was made. */
  readonly sends: readonly PlannedSend[]
  /** Those who could have had it. */
  readonly holdOuts: readonly PlannedHoldOut[]
  /** Who cannot have it before a time: infinite where never. Of others nothing is known: they are planned again. */
  readonly refused: readonly { readonly user: number; readonly until: number }[]
}

/** What is to be done, in order. */
export type PushAction =
  /** To be stored. */
  | { readonly kind: 'decision'; readonly article: string; readonly decision: SelectDecision }
  | {
      readonly kind: 'campaign'
      readonly article: string
      readonly titles: readonly string[]
      readonly url?: string | undefined
      readonly ends: number
      readonly budget: number
      readonly target: number
    }
  /** Whoever does it says by {@link PushSteps.sent} what was made of it. */
  | {
      readonly kind: 'send'
      readonly article: string
      readonly round: number
      readonly sends: readonly PlannedSend[]
      readonly holdOuts: readonly PlannedHoldOut[]
    }
  | { readonly kind: 'stop'; readonly article: string; readonly reason: string }

/** The loop: observations in, actions out. */
export interface PushSteps {
  /** In order of time, from the latest {@link step} on. */
  observe(observations: readonly PushObservation[]): void
  /** What is to be done now. */
  step(now: number): Promise<readonly PushAction[]>
  /** What was made of a round: the rest is free for others. */
  sent(article: string, made: MadeRound, now: number): void
  /**
   * At a start, between observations: what a former process did at `now`, of a send those that were made. Without it the loop decides anew about
   * articles that live on; the ledger still refuses users who have had them.
   */
  restore?(action: PushAction, now: number): void
  /** Nothing of a user is left in memory, and in what is kept; between steps. Without it all is learned anew where a user is forgotten. */
  forget?(user: number): Promise<void>
  /** The lift that a push must be worth now, where there is such a price. */
  readonly price?: number
  /** Keeps what was learned; called once, after the last step. */
  close?(): Promise<void>
}
