import type { PlannedHoldOut, PlannedSend, PushAction, PushSteps } from '../loop/actions.ts'
import type { Refusal } from '../send/reservation.ts'
import { type PushLedgerThread, PushStorageError } from './ledger/ledger-proxy.ts'
import type { PushLog } from './log.ts'

/** Users whose pushes one transaction reserves, so that others have their turn in between. */
const reservedAtOnce = 5000
/** These refuse all users of an article for a time: it is planned again with each step. */
const forNow: readonly Refusal[] = ['all-paused', 'paused', 'dry-run', 'not-started']

function noActions() {
  const refused: Partial<Record<Refusal, number>> = {}
  return { decided: 0, pushed: 0, sends: 0, heldOut: 0, stopped: 0, refused }
}

/** What the loop has decided, until the ledger has kept it: in order, and again where the disk failed. */
export class ActionQueue {
  readonly #ledger: PushLedgerThread
  readonly #log: PushLog
  readonly #onMade: (sends: readonly PlannedSend[], now: number) => void
  #actions: PushAction[] = []
  /** Since the last line of the log. */
  #counts = noActions()

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
    this.#summarise()
  }

  /** One line for all that was done, where that is anything. */
  #summarise(): void {
    const counts = this.#counts
    this.#counts = noActions()
    const { refused, ...numbers } = counts
    if (Object.values(numbers).every(number => number === 0) && Object.keys(refused).length === 0) return
    this.#log.info(counts, 'pushes: decided and reserved')
  }

  async #apply(action: PushAction, steps: PushSteps, now: number): Promise<void> {
    const { article } = action
    switch (action.kind) {
      case 'decision': {
        const { isPushed, lift, interval, firstVolume, mostVolume, reason } = action.decision
        await this.#ledger.call('decide', article, action.decision, now)
        this.#counts.decided++
        this.#counts.pushed += Number(isPushed)
        this.#log.debug?.({ article, isPushed, lift, interval, firstVolume, mostVolume, reason }, 'pushes: decided')
        return
      }
      case 'campaign': {
        const { titles, url, ends, budget, target } = action
        const campaign = { id: article, titles: [...titles], starts: now, ends: Math.ceil(ends), budget, target }
        await this.#ledger.call('putCampaign', { ...campaign, ...(url !== undefined && { url }) })
        this.#log.debug?.({ article, titles, ends, budget, target }, 'pushes: a campaign begins')
        return
      }
      case 'send':
        return this.#send(action, steps, now)
      case 'stop':
        await this.#ledger.call('stop', article, action.reason, now)
        this.#counts.stopped++
        this.#log.debug?.({ article, reason: action.reason }, 'pushes: a campaign stops')
    }
  }

  /** What was reserved before the disk failed is made; the rest is planned again. */
  async #send(
    { article, round, sends, holdOuts }: Extract<PushAction, { kind: 'send' }>,
    steps: PushSteps,
    now: number,
  ): Promise<void> {
    const made: PlannedSend[] = []
    const heldOut: PlannedHoldOut[] = []
    const refused: { user: number; until: number }[] = []
    const reasons: Partial<Record<Refusal, number>> = {}
    const parts = Math.ceil(Math.max(sends.length, holdOuts.length) / reservedAtOnce)
    try {
      for (let part = 0; part < parts; part++) {
        const [from, to] = [part * reservedAtOnce, (part + 1) * reservedAtOnce]
        const planned = { round, now, sends: sends.slice(from, to), holdOuts: holdOuts.slice(from, to) }
        const reserved = await this.#ledger.call('reservePlanned', article, planned)
        for (const place of reserved.made) made.push(planned.sends[place]!)
        for (const place of reserved.heldOut) heldOut.push(planned.holdOuts[place]!)
        for (const { user, reason, until } of reserved.refused) {
          reasons[reason] = (reasons[reason] ?? 0) + 1
          if (!forNow.includes(reason)) refused.push({ user, until })
        }
      }
    } catch (error) {
      this.#log.error({ err: error, article, round }, 'pushes: not all of a round could be reserved')
    }
    this.#onMade(made, now)
    steps.sent(article, { sends: made, holdOuts: heldOut, refused }, now)
    this.#counts.sends += made.length
    this.#counts.heldOut += heldOut.length
    const isPlannedAgain = Object.keys(reasons).every(
      reason => reason === 'quiet-hours' || forNow.includes(reason as Refusal),
    )
    if (made.length > 0 || !isPlannedAgain) {
      for (const [reason, count] of Object.entries(reasons) as [Refusal, number][]) {
        this.#counts.refused[reason] = (this.#counts.refused[reason] ?? 0) + count
      }
      this.#log.debug?.({ article, round, reserved: made.length, refused: reasons }, 'pushes: a round')
    }
  }
}
