import type { PushAnalysis } from '../../../../push/analyse/analysis.ts'
import { element } from '../element.ts'
import { count } from '../format.ts'

/** What all pushes of an analysis brought. */
export function totals({ total, violations }: PushAnalysis): HTMLElement {
  const { sends, clicks, correctedCtr, usualCtr, lift, effect, optOuts } = total
  const { sequence } = lift
  const liftRange =
    lift.lift === null
      ? 'usual CTRs are not known'
      : `${sequence[0].toFixed(2)} to ${sequence[1] === null ? '…' : sequence[1].toFixed(2)}`
  const interval = effect?.active.interval
  const tiles: readonly (readonly [name: string, value: string, note: string, isAlarm?: boolean])[] = [
    ['Sends', count(sends), 'went out, or may have'],
    ['Clicks', count(clicks), correctedCtr ? `CTR ${percent(correctedCtr.value)}, usual ${percent(usualCtr)}` : ''],
    ['Lift', lift.lift === null ? '–' : lift.lift.toFixed(2), liftRange],
    [
      'Users brought back',
      effect ? signed(effect.active.value) : '–',
      effect && interval ? `${signed(interval[0])} to ${signed(interval[1])}` : 'nobody was held out',
    ],
    ['Opted out', count(optOuts), sends > 0 ? `${percent(optOuts / sends)} of the sends` : ''],
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

function percent(share: number | null): string {
  return share === null ? '–' : `${(100 * share).toFixed(2)} %`
}

function signed(value: number): string {
  const rounded = Math.round(value)
  return `${rounded > 0 ? '+' : rounded < 0 ? '−' : ''}${count(Math.abs(rounded))}`
}
