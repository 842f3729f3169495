/** A plot of a search, as SVG: what each option's values reached. */
import type { Algorithm } from '../../models/algorithm.ts'
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
  const size = [
    columns * (width + margin) + margin,
    Math.max(1, Math.ceil(panels.length / columns)) * (height + 2 * margin),
  ]
  const body = panels.map(({ algorithm, name, own }, at) => {
    const place = [
      margin + (at % columns) * (width + margin),
      margin + Math.floor(at / columns) * (height + 2 * margin),
    ]
    return `<g transform="translate(${place.join(' ')})">${panel(algorithm, name, own, range)}</g>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size[0]}" height="${size[1]}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/><text x="${margin}" y="18" font-size="13">${escaped(metric)} by option; a fuller dot is of more epochs</text>
${body.join('\n')}
</svg>
`
}

interface Scores {
  readonly low: number
  readonly high: number
}

function panel(algorithm: Algorithm, name: string, trials: readonly Tried[], { low, high }: Scores): string {
  const range = algorithm.search![name]!
  const values = trials.map(({ options }) => options[name])
  const placeOf = 'values' in range ? placeAmong(range.values) : placeBetween(range, values as number[])
  const rungs = Math.max(...trials.map(({ scores }) => scores.length))
  const dots = trials.flatMap(({ options, scores }) =>
    scores.map(({ score }, rung) => {
      if (!Number.isFinite(score)) return ''
      const x = width * placeOf(options[name])
      const y = height * (1 - (high > low ? (score - low) / (high - low) : 0.5))
      const opacity = 0.25 + (0.75 * (rung + 1)) / rungs
      return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3.5" fill="#1f6feb" fill-opacity="${opacity.toFixed(2)}"/>`
    }),
  )
  const ends = 'values' in range ? [range.values[0], range.values.at(-1)] : extent(values as number[])
  return (
    `<rect width="${width}" height="${height}" fill="none" stroke="#999"/>${dots.join('')}` +
    `<text y="-6">${escaped(algorithm.name)}: ${escaped(name)}</text>` +
    `<text y="${height + 14}">${escaped(String(ends[0]))}</text>` +
    `<text x="${width}" y="${height + 14}" text-anchor="end">${escaped(String(ends[1]))}</text>` +
    `<text x="-4" y="10" text-anchor="end">${high.toPrecision(3)}</text>` +
    `<text x="-4" y="${height}" text-anchor="end">${low.toPrecision(3)}</text>`
  )
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

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, character => `&#${character.charCodeAt(0)};`)
}
