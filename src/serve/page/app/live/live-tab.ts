import { Chart } from '../chart/chart.ts'
import { isCode, problem } from '../connection/explained.ts'
import type { Session } from '../connection/session.ts'
import { element } from '../element.ts'
import { mebibytes, milliseconds, short } from '../format.ts'
import type { Tab } from '../tab.ts'
import { FigureReader, type Figures, latencyWindow } from './figures.ts'

/** In ms: how often the server is asked. */
const interval = 2000
/** Figures that are kept: five minutes. */
const mostFigures = 150

const tiles: readonly (readonly [string, (figures: Figures) => string])[] = [
  ['Events a second', ({ eventsPerSecond }) => short(eventsPerSecond)],
  ['Lists a second', ({ listsPerSecond }) => short(listsPerSecond)],
  ['Latency, median', ({ p50 }) => milliseconds(p50)],
  ['Latency, p95', ({ p95 }) => milliseconds(p95)],
  ['Latency, p99', ({ p99 }) => milliseconds(p99)],
  ['Lists that wait', ({ waitingQueries }) => short(waitingQueries)],
  ['Events that wait', ({ waitingEvents }) => short(waitingEvents)],
  ['Drops a second', ({ skippedPerSecond }) => short(skippedPerSecond)],
  ['Errors a second', ({ errorsPerSecond }) => short(errorsPerSecond)],
  ['Connections', ({ connections }) => short(connections)],
  ['Subscriptions', ({ subscriptions }) => short(subscriptions)],
  ['Users in memory', ({ cachedUsers }) => short(cachedUsers)],
  ['Memory', ({ memory }) => mebibytes(memory)],
]

/** What the server does, over the last minutes: asked for while it is in view. */
export function liveTab(session: Session): Tab {
  const tab = new LiveTab(session)
  return { name: 'live', title: 'Live', section: tab.section, show: () => tab.show(), hide: () => tab.hide() }
}

class LiveTab {
  readonly section: HTMLElement
  readonly #session: Session
  readonly #problem = element('div', {})
  readonly #values = tiles.map(() => element('dd', {}, '–'))
  readonly #charts: readonly { readonly chart: Chart; readonly of: (figures: Figures) => (number | null)[] }[]
  readonly #generation = element('dd', { class: 'id' })
  readonly #content: HTMLElement
  #reader = new FigureReader()
  #figures: Figures[] = []
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(session: Session) {
    this.#session = session
    const chart = (
      title: string,
      description: string,
      labels: readonly string[],
      of: (figures: Figures) => number[],
    ) => ({
      chart: new Chart({ title, description, isTime: true, series: labels.map(label => ({ label })) }),
      of: (figures: Figures) => of(figures).map(value => (Number.isFinite(value) ? value : null)),
    })
    this.#charts = [
      chart('Throughput, a second', 'Events and lists over the last minutes.', ['Events', 'Lists'], figures => [
        figures.eventsPerSecond,
        figures.listsPerSecond,
      ]),
      chart('List latency, ms', 'From a change to the list that shows it.', ['p50', 'p95', 'p99'], figures => [
        figures.p50,
        figures.p95,
        figures.p99,
      ]),
      chart(
        'Queues',
        'Lists that wait for a worker, and events that wait for the disk.',
        ['Lists', 'Events'],
        figures => [figures.waitingQueries, figures.waitingEvents],
      ),
      chart('Memory, MiB', 'Of the whole process, and of its JavaScript heap.', ['Process', 'Heap'], figures => [
        figures.memory / 2 ** 20,
        figures.heap / 2 ** 20,
      ]),
    ]
    this.#content = element(
      'div',
      { hidden: true },
      element(
        'dl',
        { class: 'tiles' },
        ...tiles.map(([name], at) => element('div', { class: 'tile' }, element('dt', {}, name), this.#values[at])),
        element('div', { class: 'tile' }, element('dt', {}, 'Generation'), this.#generation),
      ),
      element('div', { class: 'charts' }, ...this.#charts.map(({ chart }) => chart.element)),
    )
    this.section = element(
      'section',
      { class: 'live', 'aria-label': 'Live' },
      element('h2', {}, 'Live'),
      element(
        'p',
        { class: 'state' },
        `Asked for every ${interval / 1000} s while it is in view; latencies are of the last ${latencyWindow} s, and lists are those that are streamed.`,
      ),
      this.#problem,
      this.#content,
    )
  }

  show(): void {
    if (this.#timer === undefined) void this.#poll()
  }

  hide(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async #poll(): Promise<void> {
    // The first figures need two answers.
    const timer = setTimeout(() => this.#poll(), this.#figures.length === 0 ? interval / 4 : interval)
    this.#timer = timer
    if (document.hidden) return
    try {
      const { text } = await this.#session.read('metrics', {})
      if (this.#timer === timer) this.#show(text)
    } catch (error) {
      // Asking again would be refused again.
      if (isCode(error, 'forbidden', 'unauthorized')) this.hide()
      this.#content.hidden = true
      this.#problem.replaceChildren(problem(error, ...this.#remedy(error)))
    }
  }

  #remedy(error: unknown): HTMLElement[] {
    if (!isCode(error, 'forbidden', 'unauthorized')) return []
    return [
      element('button', { type: 'button', onclick: () => void this.#session.enter('admin') }, 'Enter an admin key'),
    ]
  }

  #show(text: string): void {
    const figures = this.#reader.read(text, Date.now() / 1000)
    this.#problem.replaceChildren()
    this.#content.hidden = false
    const { generation, model } = this.#session.info
    this.#generation.replaceChildren(
      generation.slice(0, 8),
      element('span', { class: 'details' }, ` ${model.algorithm}`),
    )
    if (!figures) return
    this.#figures = [...this.#figures.slice(1 - mostFigures), figures]
    for (const [at, [, shown]] of tiles.entries()) this.#values[at]!.textContent = shown(figures)
    const times = this.#figures.map(({ time }) => time)
    for (const { chart, of } of this.#charts) {
      const rows = this.#figures.map(of)
      chart.set([times, ...rows[0]!.map((_, series) => rows.map(row => row[series]!))])
    }
  }
}
