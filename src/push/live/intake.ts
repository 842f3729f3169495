import type { PushObservation } from '../loop/actions.ts'
import type { LedgerChanges } from '../send/tables/user-states.ts'
import { inOrder } from './ledger/event-rules.ts'
import type { PushLedgerThread } from './ledger/ledger-proxy.ts'
import type { PushLog } from './log.ts'

/** Events that are read in one transaction. */
const pageSize = 5000
/** Events that are read for one step: others wait for the next. */
const mostAtOnce = 200_000
/** In ms: how often a long reading says how far it is. */
const progressInterval = 10_000

/** What has happened since the last step, from journal, catalogue and ledger. */
export class Intake {
  readonly #ledger: PushLedgerThread
  readonly #log: PushLog
  #news: PushObservation[] = []
  /** When the loop last stepped: nothing that it is told of comes before. */
  #stepped = Number.NEGATIVE_INFINITY

  constructor(ledger: PushLedgerThread, log: PushLog) {
    this.#ledger = ledger
    this.#log = log
  }

  /** Takes all events that there are, before the first step. */
  async catchUp(now: () => number, signal: AbortSignal): Promise<void> {
    let [told, events] = [performance.now(), 0]
    for (;;) {
      signal.throwIfAborted()
      const { more, position } = await this.#ledger.call('takeEvents', now(), pageSize)
      if (!more) return
      events += pageSize
      if (performance.now() - told < progressInterval) continue
      told = performance.now()
      this.#log.info({ events, position }, 'pushes: reading the journal')
    }
  }

  /** Takes what has happened; what of it is news stays here until {@link news} where a later part fails. */
  async take(now: number): Promise<LedgerChanges> {
    let stray = 0
    for (let taken = 0; taken < mostAtOnce; taken += pageSize) {
      const { observations, more, strayClicks } = await this.#ledger.call('takeEvents', now, pageSize)
      this.#add(observations)
      stray += strayClicks
      if (!more) break
    }
    if (stray > 0) this.#log.warn({ clicks: stray }, 'pushes: clicks on pushes that nobody had')
    const articles = await this.#ledger.call('takeArticles', now)
    this.#add(articles.map(article => ({ kind: 'article', article })))
    const changes = await this.#ledger.call('takeChanges')
    this.#add(changes.deliveries.map(delivery => ({ kind: 'delivered', ...delivery })))
    this.#add(changes.unsent.map(send => ({ kind: 'unsent', ...send })))
    this.#add(changes.clicks.map(click => ({ kind: 'click', ...click })))
    this.#add(changes.optOuts.map(optOut => ({ kind: 'opt-out', ...optOut })))
    return changes
  }

  /** What was taken since the last call, in order of time, from the last step on. */
  news(): readonly PushObservation[] {
    const news = inOrder(this.#news.map(observation => notBefore(observation, this.#stepped)))
    this.#news = []
    return news
  }

  forgetNews(): void {
    this.#news = []
  }

  stepped(now: number): void {
    this.#stepped = now
  }

  #add(observations: readonly PushObservation[]): void {
    for (const observation of observations) this.#news.push(observation)
  }
}

function notBefore(observation: PushObservation, time: number): PushObservation {
  if (!('time' in observation) || observation.time >= time) return observation
  return { ...observation, time }
}
