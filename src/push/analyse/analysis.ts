/** What came of pushes. It is JSON: null stands for what cannot be said, and for a bound that there is none of. Times are in ms since 1970. */
import type { SendState } from '../send/send.ts'

/** A lift is told only where so large a share of the clicks has come, and what pushes brought where so many users have been followed to the end. */
export const [leastSeen, leastFollowed] = [0.5, 0.1]

/** From the lower bound to the upper; null: none. */
export type Bounds = readonly [lower: number, upper: number | null]

export interface Estimate {
  readonly value: number
  /** At 95 %; null where too little is known for one. */
  readonly interval: readonly [lower: number, upper: number] | null
}

export interface LiftFigures {
  /** Clicks ÷ those that the users' usual CTRs let expect by now; null where they let expect none. */
  readonly lift: number | null
  /** At 95 %: for one look, and for any number of them. */
  readonly normal: Bounds
  readonly sequence: Bounds
}

/**
 * Against those who were held out, by the end of the window. Who is not followed so long, since something else was sent or the window is not over,
 * counts until then (`life-table.ts`).
 */
export interface Effect {
  /** Sends with somebody to compare with, and how many those are. */
  readonly sends: number
  readonly heldOut: number
  /** Share of both who have been followed for the whole window. Below {@link leastFollowed} no interval is known: what comes late nobody has seen. */
  readonly shareFollowed: number
  /** Visits more than without the pushes. */
  readonly visits: Estimate
  /** Users with a visit who would have had none. */
  readonly active: Estimate
}

/** What came of some of the sends that went out. */
export interface Outcome {
  readonly sends: number
  /** First clicks within the horizon of the delay curve. */
  readonly clicks: number
  /** Clicks ÷ sends; null without sends. */
  readonly ctr: number | null
  /** What is expected in the end, with the clicks that are still to come; at most 1. */
  readonly correctedCtr: Estimate | null
  /** Share of the clicks that are to come which have; 1 where no usual CTR is known. */
  readonly shareSeen: number
  /** The mean of the users' usual CTRs. */
  readonly usualCtr: number | null
  readonly lift: LiftFigures
  /** Users who opted out within the window after it. */
  readonly optOuts: number
  /** Undefined where none were held out. */
  readonly effect?: Effect | undefined
}

export interface TitleResult extends Outcome {
  readonly title: string
  /** That it has the highest CTR of the article's titles. */
  readonly probabilityBest: number
}

export interface ArticleResult extends Outcome {
  readonly id: string
  /** The title that most got. */
  readonly title: string
  readonly category: string | null
  readonly createdAt: number
  readonly firstSent: number | null
  readonly lastSent: number | null
  readonly target: number | null
  readonly expected: { readonly lift: number; readonly interval: readonly [number, number] } | null
  readonly rounds: number
  readonly stopped: string | null
  readonly titles: readonly TitleResult[]
}

export interface SegmentResult extends Outcome {
  readonly segment: string
}

export interface DepthResult extends Outcome {
  /** Ranks. */
  readonly from: number
  readonly to: number
}

export interface RoundResult extends Outcome {
  readonly round: number
}

export interface Calibration {
  /** Sends whose expected CTR was known. */
  readonly sends: number
  /** Sends in tenths by expected CTR. */
  readonly deciles: readonly {
    readonly sends: number
    readonly clicks: number
    /** Means; `seen` with the clicks that are still to come. */
    readonly expected: number
    readonly seen: number
    readonly interval: readonly [number, number]
  }[]
  /** Expected calibration error: the mean of |expected − seen| over the sends of the tenths. */
  readonly error: number | null
  /** Clicks ÷ expected clicks. */
  readonly ratio: number | null
}

/** How well the select stage foretold lifts, over the articles that it chose and that were sent. */
export interface SelectCalibration {
  readonly articles: number
  /** Articles that it decided not to push. */
  readonly refused: number
  /** Share of articles whose seen lift lies in the interval that was foretold. */
  readonly coverage: number | null
  /** Share whose seen lift may lie there: the interval of what was seen reaches into the one foretold. */
  readonly compatible: number | null
  /** exp of the mean of ln(seen ÷ expected), over articles with a click. */
  readonly ratio: number | null
  /** Spearman's, of expected and seen lifts. */
  readonly rankCorrelation: number | null
}

export interface Violation {
  readonly user: number
  /** Ids of the articles, and when they were sent. */
  readonly articles: readonly [string, string]
  readonly times: readonly [number, number]
}

export interface DryRun {
  readonly sends: number
  /** The newest first. `users`: the ids of some of those who would have got it, best first. */
  readonly articles: readonly {
    readonly id: string
    readonly titles: readonly { readonly title: string; readonly sends: number }[]
    readonly sends: number
    readonly rounds: number
    readonly starts: number
    readonly users: readonly string[]
  }[]
}

export interface PushAnalysis {
  readonly version: 1
  readonly from: number
  readonly now: number
  readonly zone: string
  /** In ms. */
  readonly window: number
  readonly total: Outcome
  /** Sends by state, those that went out and those that did not. */
  readonly states: Readonly<Record<SendState, number>>
  /** Clicks that count nowhere: after the horizon, of pushes that are not known to have gone out, and of a time to come. */
  readonly otherClicks: { readonly late: number; readonly unsent: number; readonly future: number }
  /** Sends that are left out since their figures make no sense, such as a usual CTR of 2. */
  readonly invalid: number
  /** Share of the clicks that are to come of the sends which have. */
  readonly shareSeen: number
  /** Share of the sends and those held out whose window is over. */
  readonly shareFollowed: number
  /** Of those held out, how many had a push of another article within their window: they are followed until then. */
  readonly heldOutPushed: number
  /** What was decided in a dry run and so not sent: absent where there was none. */
  readonly dryRun?: DryRun | undefined
  /** Articles that were sent, of which {@link articles} may be some. */
  readonly articleCount: number
  readonly articles: readonly ArticleResult[]
  readonly segments: readonly SegmentResult[]
  readonly depths: readonly DepthResult[]
  readonly rounds: readonly RoundResult[]
  /** The first rounds of all articles, and what sending on brought. */
  readonly resending: { readonly first: Outcome; readonly later: Outcome }
  readonly calibration: Calibration
  readonly select: SelectCalibration
  /** Of two pushes to a user nearer than the interval: must be 0. */
  readonly violations: { readonly count: number; readonly examples: readonly Violation[] }
  /** (24) By hour of the day. */
  readonly hours: readonly { readonly sends: number; readonly clicks: number }[]
  /** Clicks that came until so many minutes after their push, and the share of all that come so soon. */
  readonly delays: readonly { readonly minutes: number; readonly clicks: number; readonly share: number }[]
  readonly weeklyActive: readonly { readonly time: number; readonly users: number; readonly baseline: number | null }[]
  readonly prices: readonly { readonly time: number; readonly price: number }[]
}
