/** A plot of a search, as SVG: what each option's values reached. */
import type { Algorithm } from '../../models/algorithm.ts'
import { depthOf, escaped, panelSvg, plotSvg, type ValueRange } from '../panel.ts'
import type { Trial } from './trial.ts'

type Tried = Pick<Trial, 'algorithm' | 'options' | 'scores'>

/** In pixels. */
const [width, height, margin] = [260, 180, 44]

/** One panel for each option of each algorithm that was searched: its values across, the metric up; fuller dots had more epochs. */
export function searchPlot(trials: readonly Tried[], metric: string): string {
  const panels = [...new Set(trials.map(({ algorithm }) => algorithm))].flatMap(algorithm => {
    const own = trials.filter(trial => trial.algorithm === algorithm)
    // Defaults that the data decides have no value.
    const having = (name: string) => own.filter(({ options }) => options[name] !== undefined)
    const names = Object.keys(algorithm.search ?? {}).filter(
      name => new Set(having(name).map(({ options }) => options[name])).size > 1,
    )
    return names.map(name => ({ algorithm, name, own: having(name) }))
  })
  const scores = trials.flatMap(({ scores }) => scores.map(({ score }) => score)).filter(Number.isFinite)
  const range = { low: Math.min(...scores), high: Math.max(...scores) }
  const columns = 3
  const size: [number, number] = [
    columns * (width + margin) + margin,
    Math.max(1, Math.ceil(panels.length / columns)) * (height + 2 * margin),
  ]
  const drawn = panels.map(({ algorithm, name, own }, at) => ({
    x: margin + (at % columns) * (width + margin),
    y: margin + Math.floor(at / columns) * (height + 2 * margin),
    svg: panel(algorithm, name, own, range),
  }))
  const title = `<text x="${margin}" y="18" font-size="13">${escaped(metric)} by option; a fuller dot is of more epochs</text>`
  return plotSvg(size, drawn, title)
}

function panel(algorithm: Algorithm, name: string, trials: readonly Tried[], range: ValueRange): string {
  const searched = algorithm.search![name]!
  const values = trials.map(({ options }) => options[name])
  const placeOf = 'values' in searched ? placeAmong(searched.values) : placeBetween(searched, values as number[])
  const rungs = Math.max(...trials.map(({ scores }) => scores.length))
  const dots = trials.flatMap(({ options, scores }) =>
    scores.map(({ score }, rung) => {
      if (!Number.isFinite(score)) return ''
      const x = width * placeOf(options[name])
      const y = depthOf(score, range, height)
      const opacity = 0.25 + (0.75 * (rung + 1)) / rungs
      return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3.5" fill="#1f6feb" fill-opacity="${opacity.toFixed(2)}"/>`
    }),
  )
  const figures = `${dots.join('')}<text y="-6">${escaped(algorithm.name)}: ${escaped(name)}</text>`
  const ends =
    'values' in searched ? ([searched.values[0], searched.values.at(-1)] as const) : extent(values as number[])
  return panelSvg({ width, height, range, ends, figures })
}

function placeAmong(values: readonly unknown[]) {
  return (value: unknown) => (values.indexOf(value) + 0.5) / values.length
}

/** From the least to the largest of the values that were tried. */
function placeBetween({ scale }: { readonly scale: 'linear' | 'log' }, values: readonly number[]) {
  const onScale = (value: number) => (scale === 'log' ? Math.log(Math.max(value, Number.MIN_VALUE)) : value)
  const [low, high] = extent(values).map(onScale) as [number, number]
  return (value: unknown) => (high > low ? (onScale(value as number) - low) / (high - low) : 0.5)
}

function extent(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)]
}
