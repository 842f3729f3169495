import type { PlannedSend, PushAction, PushSteps } from '../loop/actions.ts'
import { type PushLedgerThread, PushStorageError } from './ledger/ledger-proxy.ts'
import type { PushLog } from './log.ts'

/** Users whose pushes one transaction reserves, so that others have their turn in between. */
const reservedAtOnce = 5000

/** What the loop has decided, until the ledger has kept it: in order, and again where the disk failed. */
export class ActionQueue {
  readonly #ledger: PushLedgerThread
  readonly #log: PushLog
  readonly #onMade: (sends: readonly PlannedSend[], now: number) => void
  #actions: PushAction[] = []

  /** `onMade` is called with sends that were reserved, before the loop is told. */
  constructor(
    ledger: PushLedgerThread,
    log: PushLog,
    onMade: (sends: readonly PlannedSend[], now: number) => void = () => {},
  ) {
    this.#ledger = ledger
    this.#log = log
    this.#onMade = onMade
  }

  add(actions: readonly PushAction[]): void {
    this.#actions.push(...actions)
  }

  clear(): void {
    this.#actions = []
  }

  /**
   * Has the ledger keep all; the loop is told which sends were made.
   *
   * @throws {PushStorageError} when the disk failed; what is not kept then stays here.
   */
  async apply(steps: PushSteps, now: number): Promise<void> {
    for (let action = this.#actions[0]; action; action = this.#actions[0]) {
      try {
        await this.#apply(action, steps, now)
      } catch (error) {
        if (error instanceof PushStorageError) throw error
        // Wrong in itself: again and again would be wrong again.
        this.#log.error({ err: error, action: action.kind, article: action.article }, 'pushes: an action was refused')
      }
      this.#actions.shift()
    }
  }

  async #apply(action: PushAction, steps: PushSteps, now: number): Promise<void> {
    const { article } = action
    switch (action.kind) {
      case 'decision': {
        const { isPushed, lift, interval, firstVolume, mostVolume, reason } = action.decision
        await this.#ledger.call('decide', article, action.decision, now)
        this.#log.info({ article, isPushed, lift, interval, firstVolume, mostVolume, reason }, 'pushes: decided')
        return
      }
      case 'campaign': {
        const { titles, url, ends, budget, target } = action
        const campaign = { id: article, titles: [...titles], starts: now, ends: Math.ceil(ends), budget, target }
        await this.#ledger.call('putCampaign', { ...campaign, ...(url !== undefined && { url }) })
        this.#log.info({ article, titles, ends, budget, target }, 'pushes: a campaign begins')
        return
      }
      case 'hold-out': {
        for (let at = 0; at < action.users.length; at += reservedAtOnce) {
          await this.#ledger.call('holdOutRows', article, action.users.slice(at, at + reservedAtOnce))
        }
        return
      }
      case 'send':
        return this.#send(action, steps, now)
      case 'stop':
        await this.#ledger.call('stop', article, action.reason, now)
        this.#log.info({ article, reason: action.reason }, 'pushes: a campaign stops')
    }
  }

  /** What was reserved before the disk failed is made; the rest is not tried again, as its users are free for others. */
  async #send(
    { article, round, sends }: Extract<PushAction, { kind: 'send' }>,
    steps: PushSteps,
    now: number,
  ): Promise<void> {
    const made: PlannedSend[] = []
    const refused: Record<string, number> = {}
    try {
      for (let at = 0; at < sends.length; at += reservedAtOnce) {
        const part = sends.slice(at, at + reservedAtOnce)
        const reserved = await this.#ledger.call('reservePlanned', article, { round, sends: part, now })
        for (const place of reserved.made) made.push(part[place]!)
        for (const [reason, count] of Object.entries(reserved.refused)) refused[reason] = (refused[reason] ?? 0) + count
      }
    } catch (error) {
      this.#log.error({ err: error, article, round }, 'pushes: not all of a round could be reserved')
    }
    this.#onMade(made, now)
    steps.sent(article, made, now)
    // In quiet hours it is planned again with each step.
    const isQuiet = made.length === 0 && Object.keys(refused).every(reason => reason === 'quiet-hours')
    if (!isQuiet) this.#log.info({ article, round, reserved: made.length, refused }, 'pushes: a round')
  }
}
