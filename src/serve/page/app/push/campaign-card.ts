import type { ArticleResult } from '../../../../push/analyse/analysis.ts'
import { isSeen } from '../../../../push/analyse/report/summary.ts'
import { element } from '../element.ts'
import { count, plural } from '../format.ts'
import { type LiftDomain, liftDrawing } from './lift-drawing.ts'
import { type Campaign, isOpen, stateOf, time } from './words.ts'

export interface CardOptions {
  readonly domain: LiftDomain
  /** What the card shows below where it is open. */
  readonly details: HTMLElement | undefined
  readonly onPause: (isPaused: boolean) => void
  readonly onOpen: (isOpen: boolean) => void
}

/** A campaign with what came of it so far. `result`: undefined until it is analysed, or where nothing was sent. */
export function campaignCard(
  campaign: Campaign,
  result: ArticleResult | undefined,
  { domain, details, onPause, onOpen }: CardOptions,
): HTMLLIElement {
  const { id, titles, target, paused } = campaign
  const now = Date.now()
  const name = result?.title ?? titles[0] ?? id
  const state = stateOf(campaign, now)
  const isPaused = paused !== undefined
  const label = isPaused ? 'Resume' : 'Pause'
  const button = element(
    'button',
    {
      type: 'button',
      class: 'quiet',
      'data-part': 'pause',
      'aria-label': `${label} ${name}`,
      onclick: () => onPause(!isPaused),
    },
    label,
  )
  const isShown = details !== undefined
  return element(
    'li',
    { class: state === 'under way' ? 'campaign open' : 'campaign', 'data-campaign': id },
    element(
      'div',
      { class: 'campaign-name' },
      element(
        'button',
        {
          type: 'button',
          class: 'title',
          'data-part': 'open',
          'aria-expanded': String(isShown),
          title: isShown ? 'Close' : 'Titles, rounds and decisions',
          onclick: () => onOpen(!isShown),
        },
        name,
      ),
      element('span', { class: 'badge' }, state),
      element('p', { class: 'details' }, about(campaign, result, now)),
    ),
    sends(campaign),
    element('div', { class: 'campaign-lift' }, ...lift(result, target, domain)),
    element('div', { class: 'actions' }, isOpen(campaign, now) ? button : undefined),
    details,
  )
}

function about({ id, titles, ends, counts }: Campaign, result: ArticleResult | undefined, now: number): string {
  const { heldOut = 0 } = counts
  const parts = [id, now < ends ? `until ${time(ends)}` : `ended ${time(ends)}`]
  if (titles.length > 1) parts.push(plural(titles.length, 'title'))
  if (heldOut > 0) parts.push(`${count(heldOut)} held out`)
  if (typeof result?.stopped === 'string') parts.push(result.stopped)
  return parts.join(' · ')
}

function sends({ counts, isDry }: Campaign): HTMLElement {
  const { handed = 0, delivered = 0, unknown = 0, reserved = 0, dry = 0, clicked = 0, budget = 0 } = counts
  const out = isDry ? dry : handed + delivered + unknown
  const waiting = reserved > 0 ? `, ${count(reserved)} wait` : ''
  return element(
    'p',
    { class: 'campaign-sends' },
    element('strong', {}, count(out)),
    ` ${isDry ? 'would be sent' : 'sent'}${waiting}`,
    element('span', { class: 'details' }, `${plural(clicked, 'click')} · ${count(budget)} sends at most`),
  )
}

function lift(result: ArticleResult | undefined, target: number, domain: LiftDomain): (Node | string)[] {
  if (result === undefined) return [element('span', { class: 'details' }, 'no lift yet')]
  const { lift, sequence } = result.lift
  if (lift === null) return [element('span', { class: 'details' }, 'usual CTRs are not known')]
  if (!isSeen(result)) {
    const share = Math.round(100 * result.shareSeen)
    return [element('span', { class: 'details' }, `too early for a lift: ${share} % of the clicks are in`)]
  }
  const upper = sequence[1] === null ? '' : ` to ${sequence[1].toFixed(2)}`
  const said = `95 %: ${sequence[0].toFixed(2)}${upper}, asked ${target}`
  return [
    element('strong', {}, `× ${lift.toFixed(2)}`),
    liftDrawing(result.lift, target, domain),
    element('span', { class: 'details' }, said),
  ]
}
