import { setImmediate } from 'node:timers/promises'
import type { Clock } from './dispatcher.ts'
import type { PushLedger } from './ledger.ts'
import type { Confirmed } from './send.ts'
import { retryDelay } from './senders/backoff.ts'
import type { Outcome, Outgoing, Sender, SendResult } from './senders/sender.ts'

export interface SenderLoopContext {
  readonly ledger: PushLedger
  readonly clock: Clock
  /** Pushes that are handed over in one transaction, at most. */
  readonly batchSize: number
  /** In ms: so often it looks for what is due. */
  readonly poll: number
  readonly linkOf?: ((push: Outgoing) => string | undefined) | undefined
  readonly onConfirmed?: ((sender: string, confirmed: Confirmed) => void) | undefined
  readonly onError?: ((error: Error) => void) | undefined
  /** Ends when nothing more is to be handed over. */
  readonly stopping: AbortSignal
  /** Ends when answers are no longer waited for. */
  readonly giveUp: AbortSignal
  /** Gives a signal that ends when something may be due. */
  wake(): AbortSignal
}

/** In ms: so often a sender that refuses all is tried at least. */
const longestOutageWait = 60_000
/** Attempts in a row that are all to be made again: then the sender is taken to refuse all. */
const outage = 16

/**
 * Hands what is due to one sender and confirms its answers as they come. Only what is attempted at once is handed over: all else stays
 * reserved, where a pause, an opt-out, quiet hours and the end of the campaign take effect. While the sender refuses all, single pushes find out
 * when it takes them again, so that an outage costs the others no attempts.
 */
export class SenderLoop {
  readonly #name: string
  readonly #sender: Sender
  readonly #context: SenderLoopContext
  /** Calls of `send` under way. */
  #open = 0
  /** What is to be confirmed. */
  #answers: SendResult[] = []
  #pausing: AbortController | undefined
  /** Attempts in a row that are to be made again. */
  #refused = 0
  /** How often the wait for the sender has grown. */
  #outages = 0
  #resumes = 0

  constructor(name: string, sender: Sender, context: SenderLoopContext) {
    this.#name = name
    this.#sender = sender
    this.#context = context
  }

  /** Until `stopping` ends and all answers are confirmed. */
  async run(): Promise<void> {
    const { clock, stopping, poll } = this.#context
    while (!stopping.aborted) {
      const wake = this.#context.wake()
      const now = clock.now()
      const most = this.#mostAt(now)
      const batch = most === 0 ? [] : (this.#try(ledger => ledger.hand(this.#name, most, now)) ?? [])
      this.#send(batch)
      // What comes in the same turn is confirmed together; and what is asked of the ledger has its turn between two batches.
      await setImmediate()
      if (this.#answers.length === 0) {
        const isFull = batch.length === most && this.#mostAt(now) === 0
        if (most > 0 && batch.length < most) await this.#pause(this.#untilDue(now), [stopping, wake])
        else if (isFull) await this.#pause(this.#open === 0 ? this.#resumes - now : poll, [stopping])
      }
      await this.#confirm()
    }
    while (this.#open > 0 || this.#answers.length > 0) {
      if (this.#answers.length === 0) await this.#pause(poll, [])
      await this.#confirm()
    }
  }

  /** What the ledger gives, or nothing while it cannot be written. */
  #try<Result>(work: (ledger: PushLedger) => Result): Result | undefined {
    const { ledger, onError } = this.#context
    try {
      return work(ledger)
    } catch (error) {
      onError?.(error as Error)
      return undefined
    }
  }

  /** How many pushes may be handed over now. */
  #mostAt(now: number): number {
    const { batchSize } = this.#context
    const { concurrency } = this.#sender
    if (this.#outages > 0) return this.#open === 0 && now >= this.#resumes ? 1 : 0
    if (concurrency === undefined) return this.#open === 0 ? batchSize : 0
    return Math.min(batchSize, concurrency - this.#open)
  }

  #send(batch: readonly Outgoing[]): void {
    if (batch.length === 0) return
    const calls = this.#sender.concurrency === undefined ? [batch] : batch.map(push => [push])
    for (const pushes of calls) {
      this.#open++
      void this.#resultsOf(pushes).then(results => {
        this.#open--
        for (const result of results) this.#answers.push(result)
        this.#pausing?.abort()
      })
    }
  }

  async #resultsOf(pushes: readonly Outgoing[]): Promise<readonly SendResult[]> {
    try {
      return await this.#sender.send(this.#linked(pushes), { signal: this.#context.giveUp })
    } catch (error) {
      return pushes.map(({ id }) => ({ id, ...broken(this.#sender, error as Error) }))
    }
  }

  #linked(pushes: readonly Outgoing[]): readonly Outgoing[] {
    const { linkOf } = this.#context
    if (!linkOf) return pushes
    return pushes.map(push => {
      const url = linkOf(push)
      return url === undefined ? push : { ...push, url }
    })
  }

  /** Until what has been answered is on disk, or nobody waits any more: then it is resolved at the next start. */
  async #confirm(): Promise<void> {
    const answers = this.#answers
    if (answers.length === 0) return
    this.#answers = []
    this.#count(answers)
    const { clock, giveUp, onConfirmed } = this.#context
    for (let failures = 1; ; failures++) {
      const confirmed = this.#try(ledger => ledger.confirm(answers, clock.now()))
      if (confirmed) {
        onConfirmed?.(this.#name, confirmed)
        return
      }
      if (giveUp.aborted) return
      await clock.wait(retryDelay(failures, { longest: 10_000 }), giveUp).catch(() => {})
    }
  }

  #count(answers: readonly SendResult[]): void {
    for (const { outcome } of answers) {
      this.#refused = outcome === 'retry' ? this.#refused + 1 : 0
      if (this.#refused === 0) this.#outages = 0
    }
    const now = this.#context.clock.now()
    if (this.#refused < outage || now < this.#resumes) return
    this.#resumes = now + retryDelay(++this.#outages, { longest: longestOutageWait })
  }

  /** In ms: until something may be due. */
  #untilDue(now: number): number {
    const { poll } = this.#context
    const due = this.#try(ledger => ledger.nextDue(this.#name, now)) ?? now + poll
    // What is due and was not handed over cannot be for now.
    return due > now ? Math.min(poll, due - now) : poll
  }

  /** Waits for `ms` at most: for the next answer, or until one of `signals` ends. */
  async #pause(ms: number, signals: readonly AbortSignal[]): Promise<void> {
    const answered = new AbortController()
    this.#pausing = answered
    await this.#context.clock.wait(ms, AbortSignal.any([...signals, answered.signal])).catch(() => {})
  }
}

/** Of a sender that throws, which none should. */
function broken({ isIdempotent }: Sender, { message: reason }: Error): Outcome {
  return isIdempotent ? { outcome: 'retry', after: 60_000, isUncertain: true, reason } : { outcome: 'unknown', reason }
}
