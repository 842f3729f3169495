import { type Histogram, histogramOf, parsePrometheus, quantileBetween, type Sample } from './prometheus.ts'

/** The figures of the server at one time: rates and latencies are of the time since the figures before. */
export interface Figures {
  /** In seconds since 1970. */
  readonly time: number
  readonly eventsPerSecond: number
  readonly listsPerSecond: number
  readonly skippedPerSecond: number
  readonly errorsPerSecond: number
  /** In ms; NaN where there was no list. */
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

/** Makes figures of the texts of the method `metrics`, each beside the one before. */
export class FigureReader {
  #before: { readonly time: number; readonly totals: Totals } | undefined

  /** `time` in seconds since 1970. Undefined for the first text, and for one of a server that was started anew. */
  read(text: string, time: number): Figures | undefined {
    const samples = parsePrometheus(text)
    const totals: Totals = {
      events: sum(samples, 'aurochs_events_total'),
      lists: histogramOf(samples, 'aurochs_list_seconds'),
      skipped: sum(samples, 'aurochs_skipped_lists_total'),
      errors: sum(samples, 'aurochs_errors_total'),
    }
    const before = this.#before
    this.#before = { time, totals }
    const lists = totals.lists.counts.at(-1) ?? 0
    const listsBefore = before?.totals.lists.counts.at(-1) ?? 0
    if (!before || lists < listsBefore || totals.events < before.totals.events || time <= before.time) return undefined
    const rate = (now: number, then: number) => (now - then) / (time - before.time)
    const quantile = (q: number) => 1000 * quantileBetween(before.totals.lists, totals.lists, q)
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
