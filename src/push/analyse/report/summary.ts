/** The result in words. */
import { type Effect, leastFollowed, leastSeen, type Outcome, type PushAnalysis } from '../analysis.ts'
import { count, length, percent, plural, ratio, signed, signedRange } from './format.ts'

/** What was sent, what came of it, and against what. */
export function resultInWords(analysis: PushAnalysis): string {
  const { total, articleCount, window } = analysis
  const dry = dryRunInWords(analysis)
  if (total.sends === 0) return dry ?? 'No push was sent.'
  const sent = `${plural(total.sends, 'push', 'pushes')} of ${plural(articleCount, 'article')} brought ${plural(total.clicks, 'click')} (CTR ${percent(total.ctr)}, usually ${percent(total.usualCtr)}).`
  return [sent, liftInWords(total), broughtBack(total.effect, window), dry].filter(each => each !== undefined).join(' ')
}

/** What would have been sent; undefined where no dry run was. */
function dryRunInWords({ dryRun, total }: PushAnalysis): string | undefined {
  if (!dryRun) return undefined
  const { sends, articles } = dryRun
  const would = `In a dry run ${plural(sends, 'push', 'pushes')} of ${plural(articles.length, 'article')} would have been sent`
  return total.sends === 0 ? `${would}; none was.` : `${would} beside these.`
}

/** Whether so many of the clicks are in that a lift says anything. */
export function isSeen({ shareSeen }: Pick<Outcome, 'shareSeen'>): boolean {
  return shareSeen >= leastSeen
}

function liftInWords(total: Outcome): string {
  const { lift, sequence } = total.lift
  if (lift === null) return 'Usual click rates are not known, so there is no lift.'
  if (!isSeen(total)) {
    return `It is too early for a lift: about ${percent(total.shareSeen, 0)} of the clicks that are to come have come.`
  }
  const high = sequence[1]
  if (total.clicks === 0) {
    return high !== null && high < 100 ? `The lift is below ${ratio(high)}.` : 'Too few were sent for a lift.'
  }
  return `Lift ${ratio(lift)}: so many times the clicks that these users usually make (95 %: ${ratio(sequence[0])} to ${high === null ? 'any' : ratio(high)}, however often it is looked at).`
}

/** Whether so many users were followed to the end of the window that it is known what the pushes brought. */
export function isFollowed({ shareFollowed }: Effect): boolean {
  return shareFollowed >= leastFollowed
}

function broughtBack(effect: Effect | undefined, window: number): string {
  if (!effect) return 'Nobody was held out, so what would have come anyway is not known.'
  if (!isFollowed(effect)) return `How many users it brought back is ${notKnownBefore(window)}.`
  const { value, interval } = effect.active
  const held = `against ${plural(effect.heldOut, 'user')} who got none`
  if (interval && interval[0] <= 0 && interval[1] >= 0) {
    return `Whether it brought users back is open: ${signed(value)} users (95 %: ${signedRange(effect.active)}), ${held}.`
  }
  return `About ${count(Math.abs(value))} ${value < 0 ? 'fewer users' : 'users'} (95 %: ${signedRange(effect.active)}) come within ${length(window)} of their push ${value < 0 ? 'than without it' : 'who would not have come'}, ${held}.`
}

/** What is said in place of the users brought back. */
export function notKnownBefore(window: number): string {
  return `not known before users have been followed for ${length(window)}`
}

/** How the lift stands to the targets of its articles. */
export function aboveTarget({ articles, articleCount }: PushAnalysis): string | undefined {
  const known = articles.filter(article => article.target !== null && article.lift.lift !== null && isSeen(article))
  if (known.length === 0) return undefined
  const above = known.filter(({ target, lift }) => lift.lift! >= target!).length
  const proven = known.filter(({ target, lift }) => lift.sequence[0] >= target!).length
  const below = known.filter(({ target, lift }) => (lift.sequence[1] ?? Number.POSITIVE_INFINITY) < target!).length
  if (known.length === 1) {
    const reached = above === 1 ? 'The article reached' : 'The article did not reach'
    return `${reached} the lift that is asked of it; ${proven + below === 1 ? 'that is no chance' : 'that may be chance'}.`
  }
  const certain = `${count(proven)} of these beyond chance`
  const last = articleCount > articles.length ? ' that were pushed last' : ''
  return `${count(above)} of ${count(known.length)} articles${last} reached the lift that is asked of them, ${certain}; ${count(below)} ${below === 1 ? 'is' : 'are'} below it beyond chance.`
}

/** Whether a user had two pushes too soon. */
export function capInWords({ violations }: PushAnalysis): string {
  return violations.count === 0
    ? 'No user had two pushes within the interval.'
    : `${plural(violations.count, 'push', 'pushes')} went to users who had one too soon before.`
}
