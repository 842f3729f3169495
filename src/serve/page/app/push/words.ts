/** What the server says of pushes, in words. */
import type { PushStatus } from '../../../../protocol/push-methods.ts'
import { count } from '../format.ts'

export type Campaign = PushStatus['campaigns'][number]

/** Of an answer of `push_why`: each code has some of these. */
export interface Reason {
  readonly code: string
  readonly [field: string]: unknown
}

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

const words: Readonly<Record<string, (reason: Reason) => string>> = {
  'unknown-user': () => 'The user is not known to the pushes: push_put_users keeps users.',
  'unknown-campaign': () => 'There is no campaign of this article.',
  'no-address': () => 'The user has no address to send to.',
  'no-sender': ({ sender }) => `The user's sender, ${String(sender)}, is not configured.`,
  'address-gone': ({ since }) => `The address of the user is dead since ${at(since)}.`,
  'held-out': () => 'The user is held out of this campaign, to compare with.',
  'not-chosen': () => 'Nothing forbids it: others were expected to like it more.',
  'all-paused': ({ since }) => `All pushes are paused since ${at(since)}.`,
  paused: ({ since }) => `The campaign is paused since ${at(since)}.`,
  'opted-out': ({ since }) => `The user opted out on ${at(since)}.`,
  'not-started': ({ starts }) => `The campaign begins ${at(starts)}.`,
  over: ({ ended }) => `The campaign ended ${at(ended)}.`,
  budget: ({ used, budget }) => `The budget is used: ${Number(used)} of ${Number(budget)} pushes.`,
  'quiet-hours': ({ until }) => `These are quiet hours of the user, until ${at(until)}.`,
  'in-week': ({ campaign, until }) =>
    `The push of this week is that of ${String(campaign)}${until === undefined ? ', which is not out yet' : `, until ${at(until)}`}.`,
  send: sendInWords,
}

/** One thing that decided about a push. */
export function reasonInWords(reason: Reason): string {
  const { code, ...rest } = reason
  const known = words[code]
  return known ? known(reason) : `${code} ${JSON.stringify(rest)}`
}

function sendInWords({ state, reserved, handed, ended, attempts, isUncertain, reason, clicked }: Reason): string {
  const parts = [`Reserved ${at(reserved)}`]
  if (handed !== undefined) parts.push(`handed over ${at(handed)} (${count(Number(attempts))}×)`)
  parts.push(ended === undefined ? String(state) : `${String(state)} ${at(ended)}`)
  if (reason !== undefined) parts.push(`since: ${String(reason)}`)
  if (isUncertain === true) parts.push('an attempt may have reached the user without an answer')
  if (clicked !== undefined) parts.push(`clicked ${at(clicked)}`)
  return `${parts.join(', ')}.`
}

function at(ms: unknown): string {
  return typeof ms === 'number' ? time(ms) : 'an unknown time'
}
