import { type Histogram, histogramOf, parsePrometheus, quantileBetween, type Sample } from './prometheus.ts'

/** In seconds: what latencies are of. */
export const latencyWindow = 30

/** The figures of the server at one time: rates are of the time since the figures before. */
export interface Figures {
  /** In seconds since 1970. */
  readonly time: number
  readonly eventsPerSecond: number
  readonly listsPerSecond: number
  readonly skippedPerSecond: number
  readonly errorsPerSecond: number
  /** In ms, of the lists of the last {@link latencyWindow}; NaN where there was none. */
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly waitingQueries: number
  readonly waitingEvents: number
  readonly connections: number
  readonly subscriptions: number
  readonly cachedUsers: number
  /** In bytes. */
  readonly memory: number
  readonly heap: number
}

interface Totals {
  readonly events: number
  readonly lists: Histogram
  readonly skipped: number
  readonly errors: number
}

interface Reading {
  readonly time: number
  readonly totals: Totals
}

/** Makes figures of the texts of the method `metrics`, each beside those before. */
export class FigureReader {
  /** The newest last, those of the window and one before it. */
  #readings: Reading[] = []

  /** `time` in seconds since 1970. Undefined for the first text, and for one of a server that was started anew. */
  read(text: string, time: number): Figures | undefined {
    const samples = parsePrometheus(text)
    const totals: Totals = {
      events: sum(samples, 'aurochs_events_total'),
      lists: histogramOf(samples, 'aurochs_list_seconds'),
      skipped: sum(samples, 'aurochs_skipped_lists_total'),
      errors: sum(samples, 'aurochs_errors_total'),
    }
    const before = this.#readings.at(-1)
    this.#readings.push({ time, totals })
    const lists = totals.lists.counts.at(-1) ?? 0
    const listsBefore = before?.totals.lists.counts.at(-1) ?? 0
    if (!before || lists < listsBefore || totals.events < before.totals.events || time <= before.time) {
      this.#readings = [{ time, totals }]
      return undefined
    }
    while (this.#readings.length > 2 && this.#readings[1]!.time <= time - latencyWindow) this.#readings.shift()
    const oldest = this.#readings[0]!
    const rate = (now: number, then: number) => (now - then) / (time - before.time)
    const quantile = (q: number) => 1000 * quantileBetween(oldest.totals.lists, totals.lists, q)
    const level = (name: string) => sum(samples, name)
    return {
      time,
      eventsPerSecond: rate(totals.events, before.totals.events),
      listsPerSecond: rate(lists, listsBefore),
      skippedPerSecond: rate(totals.skipped, before.totals.skipped),
      errorsPerSecond: rate(totals.errors, before.totals.errors),
      p50: quantile(0.5),
      p95: quantile(0.95),
      p99: quantile(0.99),
      waitingQueries: level('aurochs_waiting_queries'),
      waitingEvents: level('aurochs_waiting_events'),
      connections: level('aurochs_connections'),
      subscriptions: level('aurochs_subscriptions'),
      cachedUsers: level('aurochs_cached_users'),
      memory: level('process_resident_memory_bytes'),
      heap: level('nodejs_heap_size_used_bytes'),
    }
  }
}

function sum(samples: ReadonlyMap<string, readonly Sample[]>, name: string): number {
  return (samples.get(name) ?? []).reduce((total, { value }) => total + value, 0)
}
