/** A plot of a training, as SVG: its losses and, where there is a validation part, how good it was on that. */
import { depthOf, panelSvg, plotSvg } from '../../../evaluation/panel.ts'
import type { EpochResult } from '../artifact.ts'

/** In pixels. */
const [width, height, margin] = [420, 220, 52]

interface Curve {
  readonly name: string
  readonly colour: string
  readonly values: readonly (number | undefined)[]
}

/** `best`: the epoch whose parameters were kept, counted from 1. */
export function curvesPlot(epochs: readonly EpochResult[], best: number): string {
  const losses: Curve[] = [
    { name: 'training loss', colour: '#1f6feb', values: epochs.map(({ loss }) => loss) },
    { name: 'validation loss', colour: '#d1242f', values: epochs.map(({ validation }) => validation?.loss) },
  ]
  const isSingle = epochs.some(({ validation }) => validation?.accuracy !== undefined)
  const quality: Curve = {
    name: isSingle ? 'validation accuracy' : 'validation mean average precision',
    colour: '#1a7f37',
    values: epochs.map(({ validation }) => validation?.accuracy ?? validation?.meanAveragePrecision),
  }
  const panels = [losses.filter(isDrawn), [quality].filter(isDrawn)].filter(curves => curves.length > 0)
  const drawn = panels.map((curves, at) => ({
    x: margin,
    y: margin + at * (height + margin),
    svg: panel(curves, epochs.length, best),
  }))
  return plotSvg([width + 2 * margin, panels.length * (height + margin) + margin], drawn)
}

function isDrawn({ values }: Curve): boolean {
  return values.some(value => value !== undefined)
}

function panel(curves: readonly Curve[], epochs: number, best: number): string {
  const values = curves.flatMap(curve => curve.values.filter(value => value !== undefined))
  const range = { low: Math.min(...values, 0), high: Math.max(...values) }
  const x = (epoch: number) => (width * (epoch + 0.5)) / epochs
  const lines = curves.map(({ values, colour }) => {
    const points = values.flatMap((value, epoch) =>
      value === undefined ? [] : [`${x(epoch).toFixed(1)},${depthOf(value, range, height).toFixed(1)}`],
    )
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5"/>`
  })
  const names = curves.map(({ name, colour }, at) => `<text x="${at * 110}" y="-6" fill="${colour}">${name}</text>`)
  const kept =
    best > 0
      ? `<line x1="${x(best - 1)}" x2="${x(best - 1)}" y1="0" y2="${height}" stroke="#999" stroke-dasharray="4 3"/><text x="${x(best - 1)}" y="${height + 28}" text-anchor="middle">kept: epoch ${best}</text>`
      : ''
  const figures = `${lines.join('')}${names.join('')}${kept}`
  return panelSvg({ width, height, range, ends: ['epoch 1', epochs], figures })
}
