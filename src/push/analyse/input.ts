/**
 * What is analysed: columns, so that millions of sends are no objects. Times are in ms since 1970; a time that there is none of is NaN.
 */
import type { SelectDecision } from '../data/decision.ts'
import type { ClickDelay } from '../statistics/click-delay.ts'

export interface AnalysisInput {
  /** Of what is analysed; what the columns have from before is left out, but for {@link PushAnalysis.violations}. */
  readonly from: number
  /** When it is looked at: clicks and visits until then have come. */
  readonly now: number
  /** IANA zone of hours and days. Default: UTC. */
  readonly zone?: string | undefined
  /** In the order in which they were pushed. */
  readonly articles: readonly AnalysedArticle[]
  /** Names, by number. */
  readonly segments: readonly string[]
  /** In any order; each send once. */
  readonly sends: Batches<SendColumns>
  readonly holdOuts?: Batches<HoldOutColumns> | undefined
  /** Of users who were sent something or held out, from `from` on, those by clicks included; of others they are not looked at. */
  readonly visits?: Batches<VisitColumns> | undefined
  readonly weeklyActive?: WeeklyActive | undefined
  /** The price of a slot over time: the lift that a send must be worth. */
  readonly prices?: { readonly times: ArrayLike<number>; readonly prices: ArrayLike<number> } | undefined
  /** What was learned of how late clicks come, and until when they count. Default: learned from the clicks that are given. */
  readonly delay?: ClickDelay | undefined
  /** In ms: between two pushes to a user at least. Default: 7 days. */
  readonly interval?: number | undefined
  /** In ms: for so long after a push, or after being held out, users are followed. Default: 7 days. */
  readonly window?: number | undefined
}

/** Batches of columns, at once or as they are read. */
export type Batches<Columns> = Iterable<Columns> | AsyncIterable<Columns>

export interface AnalysedArticle {
  readonly id: string
  /** The candidates. */
  readonly titles: readonly string[]
  readonly category?: string | undefined
  readonly createdAt: number
  /** The lift that is asked of it, if any. */
  readonly target?: number | undefined
  /** What the select stage said of it. Articles that were not pushed have one, too. */
  readonly decision?: SelectDecision | undefined
  /** Why no more is sent; undefined while it goes on. */
  readonly stopped?: string | undefined
}

/** (sends) A place each. */
export interface SendColumns {
  readonly users: Uint32Array
  /** Places in {@link AnalysisInput.articles}. */
  readonly articles: Uint32Array
  readonly segments: Uint8Array
  /** Places in {@link AnalysedArticle.titles}. */
  readonly titles: Uint8Array
  /** From 0. */
  readonly rounds: Uint16Array
  /** By score, of the users who may get the article; the best is 0. */
  readonly ranks: Uint32Array
  /** The probability of a click by the user's usual CTR, and by all that was known; NaN where it is not. */
  readonly usualCtrs: Float32Array
  readonly expectedCtrs: Float32Array
  /** When it was handed over last, if it was. */
  readonly sentAt: Float64Array
  /** Places in `sendStates`. */
  readonly states: Uint8Array
  /** The first click. */
  readonly clickedAt: Float64Array
  /** When the user opted out, if so. */
  readonly optedOutAt: Float64Array
}

/** (held out) Users who got none of an article, to be compared with. Who is held out again within the window counts once. */
export interface HoldOutColumns {
  readonly users: Uint32Array
  readonly articles: Uint32Array
  /** When they would have been sent it. */
  readonly times: Float64Array
  /** Default: all of segment 0. */
  readonly segments?: Uint8Array | undefined
  /** Which rank each would have had; without them, they are taken for random ones of those who were sent it. */
  readonly ranks?: Uint32Array | undefined
}

export interface VisitColumns {
  readonly users: Uint32Array
  readonly times: Float64Array
}

/** (days) How many users had a visit in the seven days until each time. */
export interface WeeklyActive {
  readonly times: ArrayLike<number>
  readonly users: ArrayLike<number>
  /** Without any push, where that is known, as in a simulation. */
  readonly baseline?: ArrayLike<number> | undefined
}
