import type { ArticleResult, LiftFigures } from '../../../../push/analyse/analysis.ts'
import { isSeen } from '../../../../push/analyse/report/summary.ts'
import { svgElement } from '../element.ts'

const [width, height] = [160, 20]
/** The lifts at the ends of a drawing, which is logarithmic. */
export type LiftDomain = readonly [least: number, most: number]

/** All lifts of some results and their targets, between 0.05 and 500, and 1 among them. */
export function liftDomain(
  results: readonly ArticleResult[],
  campaigns: readonly { readonly target: number }[],
): LiftDomain {
  const values = [
    0.5,
    4,
    ...campaigns.map(({ target }) => target),
    ...results.filter(isSeen).flatMap(({ lift: { lift, normal } }) => [lift ?? 1, normal[0], normal[1] ?? 1]),
  ].filter(value => value > 0)
  // In steps, so that a click does not draw all anew.
  const step = (value: number, round: (value: number) => number) => 2 ** round(Math.log2(value))
  return [
    Math.max(0.05, step(Math.min(...values), Math.floor)),
    Math.min(500, step(1.05 * Math.max(...values), Math.ceil)),
  ]
}

/** A lift with its intervals, for any number of looks and for one, beside 1 and what is asked for. */
export function liftDrawing(
  { lift, normal, sequence }: LiftFigures,
  target: number,
  [least, most]: LiftDomain,
): SVGSVGElement {
  const viewBox = `0 0 ${width} ${height}`
  const drawing = svgElement('svg', { class: 'lift', viewBox, preserveAspectRatio: 'none', 'aria-hidden': 'true' })
  const place = (value: number | null) => {
    const held = Math.min(most, Math.max(least, value ?? most))
    return 2 + (Math.log(held / least) / Math.log(most / least)) * (width - 4)
  }
  const line = (kind: string, from: readonly [number, number], to: readonly [number, number]) =>
    drawing.append(svgElement('line', { class: kind, x1: from[0], y1: from[1], x2: to[0], y2: to[1] }))
  const upright = (kind: string, value: number, gap: number) =>
    line(kind, [place(value), gap], [place(value), height - gap])
  upright('one', 1, 0)
  upright('asked', target, 0)
  if (lift !== null) {
    line('always', [place(sequence[0]), 10], [place(sequence[1]), 10])
    line('once', [place(normal[0]), 10], [place(normal[1]), 10])
    upright('point', lift, 4)
  }
  return drawing
}
