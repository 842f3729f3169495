/** Whether to send more of an article, by what came of its sends so far. */
import { normalShareBelow } from './distributions.ts'
import { addSums, type Interval, type LiftOptions, liftOf, noSends } from './lift.ts'
import { boundsAtDepth, type DepthBand, type DepthRange, fitLiftByDepth } from './lift-by-depth.ts'

/** What is known before a round. */
export interface VolumeState {
  /** Disjoint; the same at every look, but for their sums, and for new ones that are deeper than all others. */
  readonly bands: readonly DepthBand[]
  /** Who the next round goes to. */
  readonly next: DepthRange
  /** The lift that sends must have. */
  readonly target: number
  /** Of the clicks that are to come of the sends so far, the share that has. */
  readonly shareSeen: number
}

export interface VolumeDecision {
  /** `probe` is a small round, since it is not sure that sends are worth it; `wait` is until more clicks have come. */
  readonly action: 'grow' | 'probe' | 'wait' | 'stop'
  readonly reason: VolumeReason
  /** Of all sends so far. */
  readonly lift: number
  readonly interval: Interval
  /** What is expected of the next round, and between which bounds. */
  readonly next: { readonly lift: number; readonly interval: Interval; readonly shareAbove: number }
}

export type VolumeReason =
  | 'nothing seen yet'
  | 'lift at or above the target'
  | 'target within the interval'
  | 'target above the interval'
  | 'next depth expected at or above the target'
  | 'next depth may reach the target'
  | 'next depth is unlikely to reach the target'
  | 'next depth is below the target'

export interface VolumeOptions extends LiftOptions {
  /** `sequential` waits until this share of clicks has come. Default: 0.1. */
  readonly leastShareSeen?: number
  /** `sequential` stops when the next depth reaches the target with a probability below this. Default: 0.2. */
  readonly leastShareAbove?: number
}

export type VolumeRule = (state: VolumeState, options?: VolumeOptions) => VolumeDecision

/** Grows while lift is at or above the target, or the target lies within the normal interval of all sends together. */
export const normalRule: VolumeRule = (state, options = {}) => {
  const { lift, normal, exposure } = overall(state, options)
  const next = nextOf(state, options)
  const decide = (action: VolumeDecision['action'], reason: VolumeReason) => ({
    action,
    reason,
    lift,
    interval: normal,
    next,
  })
  if (!(exposure > 0)) return decide('wait', 'nothing seen yet')
  if (lift >= state.target) return decide('grow', 'lift at or above the target')
  return normal[1] >= state.target
    ? decide('grow', 'target within the interval')
    : decide('stop', 'target above the interval')
}

/**
 * Looks at the next depth, and allows for any number of looks: stops when its lift is below the target for sure, or
 * most likely; grows when it is expected to reach it; sends little in between.
 *
 * In the simulation of its test, over 400 articles, it gained 62.8 clicks above the target of 80.7 that are possible,
 * the normal rule 33.9. To grow while the target lies within the sequence gained 6.8 by all sends together and 11.8 by
 * `boundsAtDepth`: what is always valid is wide, and most of that width is below the target. With an isotonic fit
 * (pool adjacent violators) in place of the power law, and no probes, it was 2.0 ± 2.5 less. A `leastShareAbove` of
 * 0.05 to 0.3 makes no difference, 0.5 gained 2.4 ± 1.4 less.
 */
export const sequentialRule: VolumeRule = (state, options = {}) => {
  const { leastShareSeen = 0.1, leastShareAbove = 0.2 } = options
  const { lift, sequence, exposure } = overall(state, options)
  const next = nextOf(state, options)
  const decide = (action: VolumeDecision['action'], reason: VolumeReason) => ({
    action,
    reason,
    lift,
    interval: sequence,
    next,
  })
  if (!(exposure > 0) || state.shareSeen < leastShareSeen) return decide('wait', 'nothing seen yet')
  if (next.interval[1] < state.target) return decide('stop', 'next depth is below the target')
  if (next.lift >= state.target || next.interval[0] >= state.target) {
    return decide('grow', 'next depth expected at or above the target')
  }
  return next.shareAbove >= leastShareAbove
    ? decide('probe', 'next depth may reach the target')
    : decide('stop', 'next depth is unlikely to reach the target')
}

function overall({ bands }: VolumeState, options: LiftOptions) {
  const sums = bands.reduce((sum, band) => addSums(sum, band.sums), noSends)
  return { ...liftOf(sums, options), exposure: sums.exposure }
}

function nextOf({ bands, next, target }: VolumeState, options: LiftOptions): VolumeDecision['next'] {
  const { lift, logDeviation } = fitLiftByDepth(bands).at((next.from + next.to - 1) / 2)
  const shareAbove = normalShareBelow(Math.log(lift / target) / logDeviation)
  return { lift, interval: boundsAtDepth(bands, next, options), shareAbove }
}
