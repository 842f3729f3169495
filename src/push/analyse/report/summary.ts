/** The result in words. */
import type { PushAnalysis } from '../analysis.ts'
import { bounds, count, plural, ratio, signed, signedRange } from './format.ts'

/** One or two sentences: what was sent, what came of it, and against what. */
export function resultInWords(analysis: PushAnalysis): string {
  const { total, articles } = analysis
  if (total.sends === 0) return 'No push was sent.'
  const sent = `${plural(total.sends, 'push', 'pushes')} of ${plural(articles.length, 'article')} brought ${plural(total.clicks, 'click')}`
  const { lift, sequence } = total.lift
  const lifted =
    lift === null
      ? '; usual click rates are not known, so there is no lift'
      : `, ${ratio(lift)} times what these users usually click (${bounds(sequence)})`
  return `${sent}${lifted}. ${broughtBack(analysis)}`
}

function broughtBack({ total: { effect } }: PushAnalysis): string {
  if (!effect) return 'Nobody was held out, so what would have come anyway is not known.'
  const { value, interval } = effect.active
  const held = `against ${plural(effect.heldOut, 'user')} who got none`
  if (interval && interval[0] <= 0 && interval[1] >= 0) {
    return `Whether it brought users back is open: ${signed(value)} users (${signedRange(effect.active)}) ${held}.`
  }
  return `${count(Math.abs(value))} ${value < 0 ? 'fewer users' : 'users'} (${signedRange(effect.active)}) came ${value < 0 ? 'than without it' : 'who would not have'}, ${held}.`
}

/** How the lift stands to the targets of its articles. */
export function aboveTarget({ articles }: PushAnalysis): string | undefined {
  const known = articles.filter(({ target, lift }) => target !== null && lift.lift !== null)
  if (known.length === 0) return undefined
  const above = known.filter(({ target, lift }) => lift.lift! >= target!).length
  const proven = known.filter(({ target, lift }) => lift.sequence[0] >= target!).length
  const below = known.filter(({ target, lift }) => (lift.sequence[1] ?? Number.POSITIVE_INFINITY) < target!).length
  return `${count(above)} of ${plural(known.length, 'article')} reached the lift that was asked of ${known.length === 1 ? 'it' : 'them'}: ${count(proven)} for certain; ${count(below)} missed it for certain.`
}

/** Whether a user had two pushes too soon. */
export function capInWords({ violations }: PushAnalysis): string {
  return violations.count === 0
    ? 'No user had two pushes within the interval.'
    : `${plural(violations.count, 'push', 'pushes')} went to users who had one too soon before.`
}
