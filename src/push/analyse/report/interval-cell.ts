/** The lift of a table's row, drawn: the interval for any number of looks, that for one look, and the lift itself. */
import type { LiftFigures } from '../analysis.ts'
import { bounds, ratio } from './format.ts'
import { html, type Markup, nothing } from './markup.ts'
import { logScale, type Scale } from './scale.ts'

const [width, height] = [200, 20]

/** One scale for all rows of a table: from the least bound to the greatest, within 0.25 and 50. */
export function liftScale(rows: readonly LiftFigures[], targets: readonly (number | null)[]): Scale {
  const known = rows.filter(({ lift }) => lift !== null)
  const values = [
    0.8,
    3,
    ...known.flatMap(({ lift, normal }) => [lift!, normal[0], normal[1] ?? lift!]),
    ...targets.filter(target => target !== null),
  ].filter(value => value > 0)
  return logScale([Math.max(0.25, Math.min(...values)), Math.min(50, Math.max(...values))], [4, width - 4])
}

export function intervalCell({ lift, normal, sequence }: LiftFigures, target: number | null, scale: Scale): Markup {
  if (lift === null) return nothing
  const end = (bound: number | null) => (bound === null ? width - 1 : scale(bound))
  const aim =
    target === null
      ? nothing
      : html`<line class="target" x1="${scale(target)}" x2="${scale(target)}" y1="0" y2="${height}"/>`
  return html`<svg class="interval" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="lift ${ratio(lift)}, ${bounds(normal)}"><title>${`${ratio(lift)}; one look: ${bounds(normal)}; any number of looks: ${bounds(sequence)}`}</title><line class="one" x1="${scale(1)}" x2="${scale(1)}" y1="0" y2="${height}"/>${aim}<line class="always" x1="${scale(sequence[0])}" x2="${end(sequence[1])}" y1="10" y2="10"/><line class="once" x1="${scale(normal[0])}" x2="${end(normal[1])}" y1="10" y2="10"/><line class="point" x1="${scale(lift)}" x2="${scale(lift)}" y1="4" y2="16"/></svg>`
}

/** The axis above the drawn lifts. */
export function liftAxis(scale: Scale): Markup {
  const ticks = scale.ticks.map(
    tick => html`<span style="left:${(100 * scale(tick)) / width}%">${String(Number(tick.toPrecision(2)))}</span>`,
  )
  return html`<span class="ticks">${ticks}</span>`
}
