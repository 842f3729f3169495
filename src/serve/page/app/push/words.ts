/** What the server says of pushes, in words. */
import type { PushStatus } from '../../../../protocol/push-methods.ts'

export type Campaign = PushStatus['campaigns'][number]

export function time(ms: number): string {
  return new Date(ms).toLocaleString('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })
}

/** Whether pushes of it go out at `now`, and if not, why. */
export function stateOf({ paused, stopped, starts, ends, isDry }: Campaign, now: number): string {
  if (stopped !== undefined) return 'stopped'
  if (now >= ends) return 'over'
  if (paused !== undefined) return 'paused'
  if (now < starts) return `begins ${time(starts)}`
  return isDry ? 'dry run' : 'under way'
}

/** Whether more may still be sent of it. */
export function isOpen({ stopped, ends }: Campaign, now: number): boolean {
  return stopped === undefined && now < ends
}
