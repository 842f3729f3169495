/** Plots as SVG: figures in a frame with axes, in colours of the page. */
import { html, type Markup } from './markup.ts'
import type { Scale } from './scale.ts'

export const [width, height] = [360, 220]
/** Where the figures are: the rest is for labels. */
export const frame = { left: 46, right: 338, top: 12, bottom: 184 } as const

export interface PlotText {
  readonly title: string
  /** What is seen, in a sentence. */
  readonly note: string
  readonly x: { readonly label: string; readonly scale: Scale; readonly format: (value: number) => string }
  readonly y: { readonly scale: Scale; readonly format: (value: number) => string }
}

export function plot({ title, note, x, y }: PlotText, figures: readonly Markup[]): Markup {
  const { left, right, bottom } = frame
  const rows = y.scale.ticks.map(
    tick =>
      html`<line class="grid" x1="${left}" x2="${right}" y1="${y.scale(tick)}" y2="${y.scale(tick)}"/><text class="tick end" x="${left - 6}" y="${y.scale(tick) + 4}">${y.format(tick)}</text>`,
  )
  const columns = x.scale.ticks.map(
    tick => html`<text class="tick middle" x="${x.scale(tick)}" y="${bottom + 16}">${x.format(tick)}</text>`,
  )
  return html`<figure class="plot"><figcaption>${title}</figcaption><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${`${title}. ${note}`}">${rows}<line class="axis" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>${columns}<text class="label middle" x="${(left + right) / 2}" y="${height - 4}">${x.label}</text>${figures}</svg><p class="note">${note}</p></figure>
`
}

export function line(points: readonly (readonly [number, number])[], kind: string): Markup {
  const path = points.map(([x, y], at) => `${at === 0 ? 'M' : 'L'}${x} ${y}`).join('')
  return html`<path class="line ${kind}" d="${path}"/>`
}

export function dot(x: number, y: number, title: string): Markup {
  return html`<circle class="dot" cx="${x}" cy="${y}" r="3.5"><title>${title}</title></circle>`
}

/** From y `low` to `high`. */
export function whisker(x: number, low: number, high: number, kind: string): Markup {
  return html`<line class="${kind}" x1="${x}" x2="${x}" y1="${low}" y2="${high}"/>`
}

export function bar(x: number, y: number, size: number, title: string): Markup {
  const top = Math.min(y, frame.bottom)
  return html`<rect class="bar" x="${x}" y="${top}" width="${size}" height="${Math.round((frame.bottom - top) * 100) / 100}"><title>${title}</title></rect>`
}

/** A level that is compared with. */
export function level(y: number): Markup {
  return html`<line class="level" x1="${frame.left}" x2="${frame.right}" y1="${y}" y2="${y}"/>`
}
