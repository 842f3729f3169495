import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { steadyTime } from '../../events/store.ts'
import { type DirectoryLock, lockByFile } from '../../storage/directory-lock.ts'
import { assertWholeNumber } from '../../storage/whole-number.ts'
import type { PushLedger } from './ledger.ts'
import type { Confirmed } from './send.ts'
import { SenderLoop } from './sender-loop.ts'
import { longestTimer } from './senders/attempts.ts'
import type { Outgoing, Sender } from './senders/sender.ts'

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
  /** Pushes that are handed over in one transaction, at most. Default: 256. */
  readonly batchSize?: number
  /** In ms: so often it looks for what is due and what expires. Default: 500. */
  readonly poll?: number
  /** In ms: so long {@link Dispatcher.stop} waits for answers before it gives up on them. Default: 10,000. */
  readonly grace?: number
  /** Called with what became of pushes whose answers were confirmed together. */
  readonly onConfirmed?: (sender: string, confirmed: Confirmed) => void
  /** Called when the ledger cannot be written; it is tried again. */
  readonly onError?: (error: Error) => void
  readonly clock?: Clock
}

/** The options with their defaults. */
type Settings = DispatcherOptions & Required<Pick<DispatcherOptions, 'batchSize' | 'poll' | 'grace' | 'clock'>>

const realClock: Clock = {
  now: steadyTime,
  wait: (ms, signal) => setTimeout(ms, undefined, { signal }),
}

/** Hands what is due to the senders and confirms their answers. One dispatcher at a time works on a ledger, of all processes. */
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
    const { batchSize = 256, poll = 500, grace = 10_000, clock = realClock } = options
    assertWholeNumber('batchSize', batchSize, 1, 100_000)
    assertWholeNumber('poll', poll, 1, longestTimer)
    assertWholeNumber('grace', grace, 0, longestTimer)
    const settings = { ...options, batchSize, poll, grace, clock }
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
    const context = {
      ...options,
      ledger,
      stopping: this.#stopping.signal,
      giveUp: this.#giveUp.signal,
      wake: () => this.#wake.signal,
    }
    const loops = Object.entries(options.senders).map(([name, sender]) => new SenderLoop(name, sender, context).run())
    this.#loops = [...loops, this.#expire()]
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

  async #expire(): Promise<void> {
    const { clock, poll, onError } = this.#options
    while (!this.#stopping.signal.aborted) {
      try {
        this.#ledger.expire(clock.now())
      } catch (error) {
        onError?.(error as Error)
      }
      await clock.wait(poll, this.#stopping.signal).catch(() => {})
    }
  }
}
