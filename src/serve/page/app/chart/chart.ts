import type UPlot from 'uplot'
import { element } from '../element.ts'
import { compact, short } from '../format.ts'
import { chartLibrary } from './uplot.ts'

export interface Series {
  readonly label: string
  /** Default: {@link short}. */
  readonly shown?: (value: number) => string
}

export interface ChartOptions {
  readonly title: string
  /** One sentence on what the axes are, for who does not see the chart. */
  readonly description: string
  /** Whether x is in seconds since 1970. */
  readonly isTime: boolean
  /** Default: Time. */
  readonly xLabel?: string
  /** Whether y begins at 0. Default: it does. */
  readonly fromZero?: boolean
  readonly series: readonly Series[]
}

/** `null`: a gap. */
export type ChartData = readonly (readonly (number | null)[])[]

const height = 190
/** The properties of the styles that hold the colours of the series, in their order. */
const colours = ['--series-1', '--series-2', '--series-3']
/** Between the ticks of epochs and trials. */
const wholeSteps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
const dashes = [[], [6, 3], [2, 3]]

/** Lines over x, in the colours of the page, as wide as there is room. */
export class Chart {
  readonly element: HTMLElement
  readonly #options: ChartOptions
  readonly #place = element('div', { class: 'plot' })
  #data: ChartData
  #plot: UPlot | undefined
  #isAsked = false

  constructor(options: ChartOptions) {
    this.#options = options
    this.#data = [[], ...options.series.map(() => [])]
    this.element = element(
      'figure',
      { class: 'chart', role: 'img', 'aria-label': `${options.title}. ${options.description}` },
      element('figcaption', {}, options.title),
      this.#place,
    )
    new ResizeObserver(() => this.#resize()).observe(this.#place)
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    const redraw = () => {
      if (this.element.isConnected) this.#redraw()
      else scheme.removeEventListener('change', redraw)
    }
    scheme.addEventListener('change', redraw)
  }

  /** x, then the values of each series. */
  set(data: ChartData): void {
    this.#data = data
    if (this.#plot) this.#plot.setData(data as UPlot.AlignedData)
    else void this.#draw()
  }

  async #draw(): Promise<void> {
    if (this.#isAsked) return
    this.#isAsked = true
    const Library = await chartLibrary()
    this.#plot = new Library(this.#plotOptions(), this.#data as UPlot.AlignedData, this.#place)
    this.#resize()
  }

  #redraw(): void {
    if (!this.#plot) return
    this.#plot.destroy()
    this.#plot = undefined
    this.#isAsked = false
    void this.#draw()
  }

  #resize(): void {
    const width = this.#place.clientWidth
    if (this.#plot && width > 0 && this.#plot.width !== width) this.#plot.setSize({ width, height })
  }

  #plotOptions(): UPlot.Options {
    const { isTime, series, xLabel, fromZero = true } = this.#options
    const style = getComputedStyle(document.documentElement)
    const colour = (name: string) => style.getPropertyValue(name).trim()
    const font = `12px ${style.fontFamily}`
    const axis: UPlot.Axis = {
      stroke: colour('--muted'),
      font,
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
    }
    /** At the cursor, and at the newest point where there is none. */
    const value =
      (shown: (value: number) => string) => (plot: UPlot, raw: number | null, at: number, index: number | null) => {
        const found = index === null ? plot.data[at]!.at(-1) : raw
        return found === null || found === undefined ? '–' : shown(found)
      }
    return {
      width: Math.max(200, this.#place.clientWidth),
      height,
      scales: { x: { time: isTime }, y: { range: (_, low, high) => rangeOf(low, high, fromZero) } },
      axes: [
        {
          ...axis,
          size: 30,
          space: isTime ? 80 : 50,
          ...(isTime ? { values: (_, times) => times.map(time => clock(time)) } : { incrs: wholeSteps }),
        },
        { ...axis, size: 52, values: (_, values) => values.map(each => compact(each)) },
      ],
      series: [
        { label: xLabel ?? 'Time', value: value(isTime ? clock : short) },
        ...series.map((each, at) => ({
          label: each.label,
          stroke: colour(colours[at]!),
          dash: dashes[at]!,
          width: 2,
          points: { show: !isTime && this.#data[0]!.length < 30, size: 5 },
          value: value(each.shown ?? short),
        })),
      ],
      cursor: { y: false, drag: { x: false, y: false } },
    }
  }
}

/** Never empty, so that a line of equal values has a place. */
function rangeOf(low: number | null, high: number | null, fromZero: boolean): [number, number] {
  const [from, to] = [low ?? 0, high ?? 1]
  if (fromZero) return [Math.min(0, from), to <= 0 ? 1 : 1.1 * to]
  const room = 0.1 * (to - from) || 0.01 * Math.abs(to) || 1
  return [from - room, to + room]
}

function clock(time: number): string {
  return new Date(1000 * time).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
}
