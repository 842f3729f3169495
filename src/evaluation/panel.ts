/** Plots of panels side by side, as SVG. Sizes are in pixels. */

/** A panel: figures in a frame. */
export interface Panel {
  readonly width: number
  readonly height: number
  /** What is at its lower and its upper edge. */
  readonly range: ValueRange
  /** What is at its left and its right edge. */
  readonly ends: readonly [left: unknown, right: unknown]
  /** SVG, in the frame's own coordinates from its upper left. */
  readonly figures: string
}

export interface ValueRange {
  readonly low: number
  readonly high: number
}

/** How far below the upper edge of a panel a value is; where the range is of one value, in the middle. */
export function depthOf(value: number, { low, high }: ValueRange, height: number): number {
  return height * (1 - (high > low ? (value - low) / (high - low) : 0.5))
}

export function panelSvg({ width, height, range, ends, figures }: Panel): string {
  const [left, right] = ends.map(end => escaped(String(end)))
  return (
    `<rect width="${width}" height="${height}" fill="none" stroke="#999"/>${figures}` +
    `<text y="${height + 14}">${left}</text>` +
    `<text x="${width}" y="${height + 14}" text-anchor="end">${right}</text>` +
    `<text x="-4" y="10" text-anchor="end">${range.high.toPrecision(3)}</text>` +
    `<text x="-4" y="${height}" text-anchor="end">${range.low.toPrecision(3)}</text>`
  )
}

/** The plot of so many pixels that has `panels` at these places, and `title` above. */
export function plotSvg(
  [width, height]: readonly [number, number],
  panels: readonly { readonly x: number; readonly y: number; readonly svg: string }[],
  title = '',
): string {
  const body = panels.map(({ x, y, svg }) => `<g transform="translate(${x} ${y})">${svg}</g>`)
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>${title}
${body.join('\n')}
</svg>
`
}

export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, character => `&#${character.charCodeAt(0)};`)
}
