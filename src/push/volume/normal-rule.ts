import { type LiftSums, liftOf } from '../statistics/lift.ts'

export interface VolumeDecision {
  /** `wait` is until a send could have been clicked. */
  readonly action: 'grow' | 'wait' | 'stop'
  readonly reason:
    | 'nothing seen yet'
    | 'lift at or above the target'
    | 'target within the interval'
    | 'target above the interval'
}

/**
 * Whether to send more of an article: while its lift is at or above the target, or the target lies within the normal interval. It is looked at
 * repeatedly, which that interval does not allow for, and sends go to the best first, so that the next have a lower lift than those before:
 * the loop's own rule (`round-size.ts`, `boundsAtDepth`) gains more.
 */
export function normalRule(sums: LiftSums, target: number): VolumeDecision {
  if (!(sums.exposure > 0)) return { action: 'wait', reason: 'nothing seen yet' }
  const { lift, normal } = liftOf(sums)
  if (lift >= target) return { action: 'grow', reason: 'lift at or above the target' }
  return normal[1] >= target
    ? { action: 'grow', reason: 'target within the interval' }
    : { action: 'stop', reason: 'target above the interval' }
}
