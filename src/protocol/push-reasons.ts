/** What `push_why` answers, in words: for the page and the command line. */

/** Each code has some of these fields. */
export interface PushReason {
  readonly code: string
  readonly [field: string]: unknown
}

type Words = (reason: PushReason, at: (ms: unknown) => string) => string

const words: Readonly<Record<string, Words>> = {
  'unknown-user': () => 'The user is not known to the pushes: push_put_users keeps users.',
  'unknown-campaign': () =>
    'There is no campaign of this article: push_decisions says whether it was decided not to push it.',
  'no-address': () => 'The user has no address to send to.',
  'no-sender': ({ sender }) => `The user's sender, ${String(sender)}, is not configured.`,
  'address-gone': ({ since }, at) => `The address of the user is dead since ${at(since)}.`,
  'held-out': () => 'The user is held out of this campaign, to compare with.',
  'not-chosen': () => 'Nothing forbids it: others were expected to like it more.',
  'all-paused': ({ since }, at) => `All pushes are paused since ${at(since)}.`,
  'dry-run': ({ since }, at) => `It is a dry run since ${at(since)}: nothing is sent.`,
  dry: ({ reserved, title }, at) =>
    `In a dry run it would have been sent ${at(reserved)}${typeof title === 'string' ? `, as “${title}”` : ''}.`,
  paused: ({ since }, at) => `The campaign is paused since ${at(since)}.`,
  stopped: ({ since }, at) => `Nobody else gets it since ${at(since)}: the campaign stopped.`,
  'opted-out': ({ since }, at) => `The user opted out on ${at(since)}.`,
  'not-started': ({ starts }, at) => `The campaign begins ${at(starts)}.`,
  over: ({ ended }, at) => `The campaign ended ${at(ended)}.`,
  budget: ({ used, budget }) => `All pushes that the article may have are used: ${Number(used)} of ${Number(budget)}.`,
  'quiet-hours': ({ until }, at) => `These are quiet hours of the user, until ${at(until)}.`,
  'in-week': ({ campaign, until }, at) =>
    `The push of this week is that of ${String(campaign)}${until === undefined ? ', which is not out yet' : `, until ${at(until)}`}.`,
  send: sendInWords,
}

/** One thing that decided about a push. @param time as the reader has times. */
export function reasonInWords(reason: PushReason, time: (ms: number) => string): string {
  const { code, ...rest } = reason
  const known = words[code]
  return known
    ? known(reason, ms => (typeof ms === 'number' ? time(ms) : 'an unknown time'))
    : `${code} ${JSON.stringify(rest)}`
}

const ends: Readonly<Record<string, string>> = {
  unknown: 'it is not known whether it arrived',
  failed: 'it failed',
}

function sendInWords(reason: PushReason, at: (ms: unknown) => string): string {
  const { title, state, reserved, handed, ended, attempts, isUncertain, reason: why, clicked } = reason
  const parts = [`Reserved ${at(reserved)}${typeof title === 'string' ? ` as “${title}”` : ''}`]
  if (handed !== undefined)
    parts.push(`handed over ${at(handed)}${Number(attempts) > 1 ? ` at attempt ${Number(attempts)}` : ''}`)
  if (ended !== undefined) parts.push(`${ends[String(state)] ?? String(state)} ${at(ended)}`)
  else if (handed === undefined) parts.push('it waits to be handed over')
  if (why !== undefined) parts.push(`since: ${String(why)}`)
  if (isUncertain === true) parts.push('an attempt may have reached the user without an answer')
  if (clicked !== undefined) parts.push(`clicked ${at(clicked)}`)
  return `${parts.join(', ')}.`
}
