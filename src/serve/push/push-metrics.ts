import { Counter, Gauge, type Registry } from 'prom-client'
import type { PushEngine } from '../../push/live/engine.ts'
import type { SendsByReason } from '../../push/send/campaign-summary.ts'

const outcomes = ['delivered', 'unknown', 'failed', 'expired', 'cancelled'] as const
/** In ms: campaigns that ended so long ago are no news. */
const recent = 86_400_000

/** The figures of the pushes that `engine` sends, as they are when the metrics are read. */
export function watchPushes(registry: Registry, engine: Pick<PushEngine, 'figures' | 'ledger' | 'users'>): void {
  const registers = [registry]
  new Counter({
    name: 'aurochs_push_sends_total',
    help: 'Pushes that have ended since the start, by sender and outcome; unknown: it may have arrived.',
    labelNames: ['sender', 'outcome'] as const,
    registers,
    collect() {
      this.reset()
      for (const [sender, counts] of Object.entries(engine.figures.sent)) {
        for (const outcome of outcomes) this.inc({ sender, outcome }, counts[outcome])
      }
    },
  })
  new Counter({
    name: 'aurochs_push_clicks_total',
    help: 'First clicks on pushes since the start.',
    registers,
    collect() {
      this.reset()
      this.inc(engine.figures.clicks)
    },
  })
  new Gauge({
    name: 'aurochs_push_last_step_timestamp_seconds',
    help: 'When the loop that decides stepped last; 0 before that.',
    registers,
    collect() {
      this.set((engine.figures.lastStep ?? 0) / 1000)
    },
  })
  new Gauge({
    name: 'aurochs_push_price',
    help: 'The lift that a push must be worth.',
    registers,
    collect() {
      this.set(engine.figures.price ?? Number.NaN)
    },
  })
  new Gauge({
    name: 'aurochs_push_users',
    help: 'Users whom the pushes know.',
    registers,
    collect() {
      this.set(engine.users)
    },
  })
  watchLedger(registers, engine)
}

function watchLedger(registers: Registry[], { ledger }: Pick<PushEngine, 'ledger'>): void {
  let asked: Promise<readonly SendsByReason[]> | undefined
  // Both are read at once, and the ledger is asked once. Where it cannot answer the other figures are the more wanted.
  const counts = () => {
    asked ??= ledger
      .call('sendsByReason', Date.now() - recent)
      .catch(() => [])
      .finally(() => {
        asked = undefined
      })
    return asked
  }
  new Gauge({
    name: 'aurochs_push_waiting',
    help: 'Pushes that wait to be handed over, by sender.',
    labelNames: ['sender'] as const,
    registers,
    async collect() {
      const found = await counts()
      this.reset()
      for (const { sender, state, sends } of found) if (isOpen(state)) this.inc({ sender }, sends)
    },
  })
  new Gauge({
    name: 'aurochs_push_unsent',
    help: 'Pushes of the last day that did not go out, by sender, state and reason.',
    labelNames: ['sender', 'state', 'reason'] as const,
    registers,
    async collect() {
      const found = await counts()
      this.reset()
      for (const { sender, state, reason = 'none', sends } of found) {
        if (!isOpen(state) && state !== 'delivered' && state !== 'unknown') this.inc({ sender, state, reason }, sends)
      }
    },
  })
}

function isOpen(state: SendsByReason['state']): boolean {
  return state === 'reserved' || state === 'handed'
}
