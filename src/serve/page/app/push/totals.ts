import type { PushAnalysis } from '../../../../push/analyse/analysis.ts'
import { isFollowed, isSeen, notKnownBefore } from '../../../../push/analyse/report/summary.ts'
import { element } from '../element.ts'
import { count } from '../format.ts'

/** What all pushes of an analysis brought. */
export function totals({ total, violations, window }: PushAnalysis): HTMLElement {
  const { sends, clicks, ctr: clicked, correctedCtr, usualCtr, lift, effect, optOuts, shareSeen } = total
  const { sequence } = lift
  const early = `too early: ${Math.round(100 * shareSeen)} % of the clicks are in`
  const hasLift = lift.lift !== null && isSeen(total)
  const liftRange = `95 %: ${sequence[0].toFixed(2)} to ${sequence[1] === null ? '…' : sequence[1].toFixed(2)}`
  const expected = correctedCtr && isSeen(total) ? `; ${ctr(correctedCtr.value)} expected in the end` : ''
  const interval = effect && isFollowed(effect) ? effect.active.interval : undefined
  const tiles: readonly (readonly [name: string, value: string, note: string, isAlarm?: boolean])[] = [
    ['Sends', count(sends), 'went out, or may have'],
    ['Clicks', count(clicks), `${Math.round(100 * shareSeen)} % of those expected in the end`],
    ['CTR', ctr(clicked), `clicks ÷ sends; usual ${ctr(usualCtr)}${expected}`],
    [
      'Lift',
      hasLift ? lift.lift!.toFixed(2) : '–',
      lift.lift === null ? 'usual CTRs are not known' : hasLift ? liftRange : early,
    ],
    [
      'Users brought back',
      interval ? signed(effect!.active.value) : '–',
      interval
        ? `95 %: ${signed(interval[0])} to ${signed(interval[1])}`
        : effect
          ? notKnownBefore(window)
          : 'nobody was held out',
    ],
    ['Opted out', count(optOuts), sends > 0 ? `${ctr(optOuts / sends)} of the sends` : ''],
    [
      'Two pushes too soon',
      count(violations.count),
      violations.count > 0 ? 'must be 0' : 'as it must be',
      violations.count > 0,
    ],
  ]
  return element(
    'dl',
    { class: 'tiles' },
    ...tiles.map(([name, value, note, isAlarm = false]) =>
      element(
        'div',
        { class: isAlarm ? 'tile alarm' : 'tile' },
        element('dt', {}, name),
        element('dd', {}, value, element('span', { class: 'details' }, note)),
      ),
    ),
  )
}

export function ctr(share: number | null): string {
  return share === null ? '–' : `${(100 * share).toFixed(2)} %`
}

function signed(value: number): string {
  const rounded = Math.round(value)
  return `${rounded > 0 ? '+' : rounded < 0 ? '−' : ''}${count(Math.abs(rounded))}`
}
