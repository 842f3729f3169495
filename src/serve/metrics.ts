import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Outcome } from '../events/journal.ts'
import type { ErrorCode } from '../protocol/errors.ts'
import type { MethodName } from '../protocol/methods.ts'
import type { PushEngine } from '../push/live/engine.ts'
import type { RefusalReason } from './access/refusals.ts'
import { watchPushes } from './push/push-metrics.ts'

/** Levels that are read when the metrics are, not counted. */
export interface Levels {
  readonly connections: () => number
  readonly subscriptions: () => number
  readonly cachedUsers: () => number
  readonly waitingQueries: () => number
  readonly waitingEvents: () => number
  readonly unsentBytes: () => number
}

const seconds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5]
const sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

/** The figures of a server, for Prometheus. Names: https://prometheus.io/docs/practices/naming/ */
export class Metrics {
  readonly #registry = new Registry()
  readonly #events = new Counter({
    name: 'aurochs_events_total',
    help: 'Events received, by what became of them.',
    labelNames: ['outcome'] as const,
    registers: [this.#registry],
  })
  readonly #impressions = new Counter({
    name: 'aurochs_impressions_total',
    help: 'Calls that said what a user was shown, by what became of them.',
    labelNames: ['outcome'] as const,
    registers: [this.#registry],
  })
  readonly #errors = new Counter({
    name: 'aurochs_errors_total',
    help: 'Errors sent to clients, by code.',
    labelNames: ['code'] as const,
    registers: [this.#registry],
  })
  readonly #refusals = new Counter({
    name: 'aurochs_refusals_total',
    help: 'Callers refused, by reason.',
    labelNames: ['reason'] as const,
    registers: [this.#registry],
  })
  readonly #skipped = new Counter({
    name: 'aurochs_skipped_lists_total',
    help: 'Lists replaced by a newer one before they were sent, as their reader was slow.',
    registers: [this.#registry],
  })
  readonly #lists = this.#histogram('aurochs_list_seconds', 'From a change to the list that shows it.', seconds)
  readonly #batches = this.#histogram('aurochs_batch_seconds', 'Folding in and ranking one batch.', seconds)
  readonly #batchSizes = this.#histogram('aurochs_batch_queries', 'Queries in one batch.', sizes)
  readonly #commits = this.#histogram('aurochs_commit_seconds', 'Making one group of events durable.', seconds)
  readonly #commitSizes = this.#histogram('aurochs_commit_events', 'Events in one group.', sizes)

  readonly #calls = new Histogram({
    name: 'aurochs_call_seconds',
    help: 'From a call of a method, on any front, to its result, of those that wait for it.',
    labelNames: ['method'] as const,
    buckets: seconds,
    registers: [this.#registry],
  })

  constructor() {
    collectDefaultMetrics({ register: this.#registry })
  }

  /** Shows `levels` from now on. */
  watch(levels: Levels): void {
    this.#gauge('aurochs_connections', 'Open sockets.', levels.connections)
    this.#gauge('aurochs_subscriptions', 'Subscriptions of all sockets.', levels.subscriptions)
    this.#gauge('aurochs_cached_users', 'Users whose events are in memory.', levels.cachedUsers)
    this.#gauge('aurochs_waiting_queries', 'Lists that wait for a worker.', levels.waitingQueries)
    this.#gauge('aurochs_waiting_events', 'Events that wait for the disk.', levels.waitingEvents)
    this.#gauge('aurochs_unsent_bytes', 'What waits until its reader has read more.', levels.unsentBytes)
  }

  /** Shows the figures of pushes from now on. */
  watchPushes(engine: PushEngine): void {
    watchPushes(this.#registry, engine)
  }

  /** What became of what a user was shown at once. */
  impressions(outcome: Outcome): void {
    this.#impressions.inc({ outcome })
  }

  event(outcome: Outcome): void {
    this.#events.inc({ outcome })
  }

  error(code: ErrorCode): void {
    this.#errors.inc({ code })
  }

  refusal(reason: RefusalReason): void {
    this.#refusals.inc({ reason })
  }

  skippedList(): void {
    this.#skipped.inc()
  }

  /** `took` in ms, here and below. */
  list(took: number): void {
    this.#lists.observe(took / 1000)
  }

  call(method: MethodName, took: number): void {
    this.#calls.observe({ method }, took / 1000)
  }

  batch(queries: number, took: number): void {
    this.#batchSizes.observe(queries)
    this.#batches.observe(took / 1000)
  }

  commit(events: number, took: number): void {
    this.#commitSizes.observe(events)
    this.#commits.observe(took / 1000)
  }

  /** All of it in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name, help, buckets, registers: [this.#registry] })
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read())
      },
    })
  }
}
