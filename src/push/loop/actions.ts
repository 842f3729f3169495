/** What the loop sees and what it has done; it does neither itself, so that it runs on a ledger and in a simulated world alike. */
import type { ArticleSurroundings } from '../select/recent-articles.ts'
import type { PushArticle } from './article.ts'

/** Users are rows of `PushUsers`, times are in ms since 1970. */
export type PushObservation =
  | { readonly kind: 'article'; readonly article: PushArticle }
  | { readonly kind: 'read'; readonly user: number; readonly article: string; readonly time: number }
  | { readonly kind: 'visit'; readonly user: number; readonly time: number }
  | { readonly kind: 'click'; readonly user: number; readonly article: string; readonly time: number }
  | { readonly kind: 'opt-out'; readonly user: number; readonly isOut: boolean }

/** Whether an article is pushed, and why. */
export interface SelectDecision {
  /** The lift that is expected of the sends to the users who like it most, and where it lies with 95 %. */
  readonly lift: number
  readonly interval: readonly [number, number]
  readonly isPushed: boolean
  /** Sends of the first round, and of all. */
  readonly firstVolume: number
  readonly mostVolume: number
  /** By how much each feature moved the logarithm of the lift, most first. */
  readonly contributions: readonly { readonly feature: string; readonly value: number; readonly by: number }[]
  readonly reason: string
  /** What it was seen beside: who learns from what came of it is to know no more. Null for NaN, once it was stored. */
  readonly surroundings?: { readonly [Name in keyof ArticleSurroundings]: number | null } | undefined
}

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
  /** These get none of the article, to be compared with. */
  | { readonly kind: 'hold-out'; readonly article: string; readonly users: Uint32Array }
  /** Whoever does it says by `PushLoop.sent` which of them were reserved. */
  | { readonly kind: 'send'; readonly article: string; readonly round: number; readonly sends: readonly PlannedSend[] }
  | { readonly kind: 'stop'; readonly article: string; readonly reason: string }

/** The loop: observations in, actions out. */
export interface PushSteps {
  /** In order of time, from the latest {@link step} on. */
  observe(observations: readonly PushObservation[]): void
  /** What is to be done now. */
  step(now: number): Promise<readonly PushAction[]>
  /** Which of a round's sends were made: the rest are free for others. */
  sent(article: string, sends: readonly PlannedSend[], now: number): void
  /**
   * At a start, between observations: what a former process did at `now`, of a send those that were made. Without it the loop decides anew about
   * articles that live on; the ledger still refuses users who have had them.
   */
  restore?(action: PushAction, now: number): void
  /** Nothing of a user is left in memory, and in what is kept; between steps. Without it all is learned anew where a user is forgotten. */
  forget?(user: number): Promise<void>
  /** Keeps what was learned; called once, after the last step. */
  close?(): Promise<void>
}
