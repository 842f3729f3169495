import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { steadyTime } from '../../events/store.ts'
import { type DirectoryLock, lockByFile } from '../../storage/directory-lock.ts'
import { assertWholeNumber } from '../../storage/whole-number.ts'
import type { PushLedger } from './ledger.ts'
import type { Confirmed } from './send.ts'
import { retryDelay } from './senders/backoff.ts'
import type { Outcome, Outgoing, Sender, SendResult } from './senders/sender.ts'

/** What time it is, and how it passes: other than the real one in tests and simulations. */
export interface Clock {
  /** In ms since 1970. */
  now(): number
  /** Waits for `ms`, or until `signal` ends; then it throws. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

export interface DispatcherOptions {
  /** By the names that the channels of users have. */
  readonly senders: Readonly<Record<string, Sender>>
  /** The address that a click on a push leads to. Default: the campaign's own. */
  readonly linkOf?: (push: Outgoing) => string | undefined
  /** Pushes that are handed over in one transaction. Default: 256. */
  readonly batchSize?: number
  /** Batches that are on their way at the same time, for each sender. Default: 4. */
  readonly batches?: number
  /** In ms: so often it looks for what is due and what expires. Default: 500. */
  readonly poll?: number
  /** In ms: so long {@link Dispatcher.stop} waits for answers before it gives up on them. Default: 10,000. */
  readonly grace?: number
  /** Called with what became of each batch. */
  readonly onConfirmed?: (sender: string, confirmed: Confirmed) => void
  /** Called when the ledger cannot be written; it is tried again. */
  readonly onError?: (error: Error) => void
  readonly clock?: Clock
}

/** The options with their defaults. */
type Settings = DispatcherOptions &
  Required<Pick<DispatcherOptions, 'batchSize' | 'batches' | 'poll' | 'grace' | 'clock'>>

/** In ms: so often a sender that refuses all is tried at least. */
const longestOutageWait = 60_000

const realClock: Clock = {
  now: steadyTime,
  wait: (ms, signal) => setTimeout(ms, undefined, { signal }),
}

/**
 * Hands what is due to the senders and confirms their answers. While a sender refuses all, single pushes find out when it takes them
 * again, so that an outage costs the others no attempts. One dispatcher at a time works on a ledger, of all processes.
 */
export class Dispatcher {
  readonly #ledger: PushLedger
  readonly #options: Settings
  readonly #lock: DirectoryLock
  /** Ends when nothing more is to be handed over. */
  readonly #stopping = new AbortController()
  /** Ends when answers are no longer waited for. */
  readonly #giveUp = new AbortController()
  readonly #loops: readonly Promise<void>[]
  #wake = new AbortController()
  #stopped: Promise<void> | undefined

  /**
   * Resolves what a former dispatcher left, and begins.
   *
   * @throws Error when another dispatcher works on this ledger, RangeError naming an option.
   */
  static start(ledger: PushLedger, options: DispatcherOptions): Dispatcher {
    const { batchSize = 256, batches = 4, poll = 500, grace = 10_000, clock = realClock } = options
    assertWholeNumber('batchSize', batchSize, 1, 100_000)
    assertWholeNumber('batches', batches, 1, 1000)
    assertWholeNumber('poll', poll, 1)
    assertWholeNumber('grace', grace, 0)
    const settings = { ...options, batchSize, batches, poll, grace, clock }
    const lock = lockByFile(join(ledger.directory, 'push-dispatch.lock'))
    if (!lock) {
      throw new Error(
        `pushes of ${ledger.directory} are being sent by another process: stop it, or name another --state`,
      )
    }
    try {
      ledger.resolveHanded(name => options.senders[name]?.isIdempotent ?? false, clock.now())
      return new Dispatcher(ledger, lock, settings)
    } catch (error) {
      lock.close()
      throw error
    }
  }

  private constructor(ledger: PushLedger, lock: DirectoryLock, options: Settings) {
    this.#ledger = ledger
    this.#lock = lock
    this.#options = options
    const lanes = Object.entries(options.senders).map(([name, sender]) => this.#dispatch(name, sender))
    this.#loops = [...lanes, this.#expire()]
  }

  /** Looks at once for what is due, as after a reservation. */
  wake(): void {
    this.#wake.abort()
    this.#wake = new AbortController()
  }

  /** Hands over no more, waits for the answers that are due, confirms them, and closes the senders. The ledger stays open. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#stopping.abort()
    const giveUp = AbortSignal.timeout(this.#options.grace)
    giveUp.addEventListener('abort', () => this.#giveUp.abort())
    await Promise.all(this.#loops)
    for (const sender of Object.values(this.#options.senders)) await sender.close?.()
    this.#lock.close()
  }

  async #dispatch(name: string, sender: Sender): Promise<void> {
    const { batchSize, batches, poll, clock } = this.#options
    const underWay = new Set<Promise<void>>()
    /** Batches in a row of which all is to be sent again. */
    let refusals = 0
    let resumes = 0
    while (!this.#stopping.signal.aborted) {
      const now = clock.now()
      const isOut = refusals > 0
      if (isOut && (now < resumes || underWay.size > 0)) {
        // A probe that takes longer than the wait is waited for itself.
        await this.#pause(now < resumes ? resumes - now : poll, underWay)
        continue
      }
      const batch = this.#try(() => this.#ledger.hand(name, isOut ? 1 : batchSize, now)) ?? []
      if (batch.length === 0) {
        await this.#pauseUntilDue(name, now, underWay)
        continue
      }
      const sending = this.#send(name, sender, batch).then(results => {
        underWay.delete(sending)
        const isRefused = results.every(({ outcome }) => outcome === 'retry')
        if (!isRefused) refusals = 0
        else if (clock.now() >= resumes) resumes = clock.now() + retryDelay(++refusals, { longest: longestOutageWait })
      })
      underWay.add(sending)
      if (underWay.size >= batches) await Promise.race(underWay)
    }
    await Promise.all(underWay)
  }

  async #send(name: string, sender: Sender, batch: readonly Outgoing[]): Promise<readonly SendResult[]> {
    let results: readonly SendResult[]
    try {
      results = await sender.send(this.#linked(batch), { signal: this.#giveUp.signal })
    } catch (error) {
      results = batch.map(({ id }) => ({ id, ...broken(sender, error as Error) }))
    }
    await this.#confirm(name, results)
    return results
  }

  #linked(batch: readonly Outgoing[]): readonly Outgoing[] {
    const { linkOf } = this.#options
    if (!linkOf) return batch
    return batch.map(push => {
      const url = linkOf(push)
      return url === undefined ? push : { ...push, url }
    })
  }

  /** Until it is on disk, or nobody waits any more: then it is resolved at the next start. */
  async #confirm(name: string, results: readonly SendResult[]): Promise<void> {
    const { clock, onConfirmed } = this.#options
    for (let failures = 1; ; failures++) {
      const confirmed = this.#try(() => this.#ledger.confirm(results, clock.now()))
      if (confirmed) {
        onConfirmed?.(name, confirmed)
        return
      }
      if (this.#giveUp.signal.aborted) return
      await clock.wait(retryDelay(failures, { longest: 10_000 }), this.#giveUp.signal).catch(() => {})
    }
  }

  /** What the ledger gives, or nothing while it cannot be written. */
  #try<Result>(work: () => Result): Result | undefined {
    try {
      return work()
    } catch (error) {
      this.#options.onError?.(error as Error)
      return undefined
    }
  }

  async #expire(): Promise<void> {
    const { clock, poll } = this.#options
    while (!this.#stopping.signal.aborted) {
      this.#try(() => this.#ledger.expire(clock.now()))
      await clock.wait(poll, this.#stopping.signal).catch(() => {})
    }
  }

  async #pauseUntilDue(name: string, now: number, underWay: ReadonlySet<Promise<void>>): Promise<void> {
    const { poll } = this.#options
    const due = this.#try(() => this.#ledger.nextDue(name, now)) ?? now + poll
    // What is due and was not handed over cannot be for now.
    await this.#pause(due > now ? Math.min(poll, due - now) : poll, underWay)
  }

  /** Waits for `ms` at most: for the next answer, for {@link wake} or for {@link stop}. */
  async #pause(ms: number, underWay: ReadonlySet<Promise<void>>): Promise<void> {
    const answered = new AbortController()
    const signal = AbortSignal.any([this.#stopping.signal, this.#wake.signal, answered.signal])
    const waiting = this.#options.clock.wait(ms, signal).catch(() => {})
    await Promise.race([waiting, ...underWay])
    answered.abort()
  }
}

/** Of a sender that throws, which none should. */
function broken({ isIdempotent }: Sender, { message: reason }: Error): Outcome {
  return isIdempotent ? { outcome: 'retry', after: 60_000, isUncertain: true, reason } : { outcome: 'unknown', reason }
}
