import { setTimeout } from 'node:timers/promises'
import pino from 'pino'
import { steadyTime } from '../../events/store.ts'
import { PushUsers } from '../data/users.ts'
import type { PushSteps } from '../loop/actions.ts'
import { ClickLinks } from '../send/click-link.ts'
import type { Clock } from '../send/dispatcher.ts'
import { applyStates } from '../send/tables/user-states.ts'
import { ActionQueue } from './action-queue.ts'
import type { PushConfig } from './config.ts'
import type { PushFigures } from './figures.ts'
import { Intake } from './intake.ts'
import { PushLedgerThread, PushStorageError } from './ledger/ledger-proxy.ts'
import { SendingReport } from './ledger/sending-report.ts'
import type { PushLog } from './log.ts'
import { replayPast } from './replay.ts'

export interface PushEngineOptions {
  /** Directory of the events and the catalogue, where the ledger is, too. A server may use it meanwhile, in this process or another. */
  readonly state: string
  readonly config: Omit<PushConfig, 'loop'>
  /** Makes the loop that decides, of what is known of users; it is told of the days that are replayed after that. */
  readonly steps: (users: PushUsers, context: StepsContext) => PushSteps | Promise<PushSteps>
  /** Default: warnings and errors, as JSON lines on stderr. */
  readonly log?: PushLog | undefined
  /** What time it is, for the loop; senders go by the clock of the machine. Default: that one. */
  readonly clock?: Clock
}

interface LoggedOptions extends PushEngineOptions {
  readonly log: PushLog
}

/** What a loop is made on. Times in ms. */
export interface StepsContext {
  readonly state: string
  readonly ledger: PushLedgerThread
  readonly log: PushLog
  readonly now: number
  /** How much of the past it is told of. */
  readonly replay: number
  /** After so long all clicks on a push have come. */
  readonly settle: number
  readonly signal: AbortSignal
}

/** Users whose state is read at a time. */
const pageSize = 50_000
/** In ms: how often what has ended is counted and removed. */
const upkeepInterval = 3_600_000
/** Clicks that wait for the disk. */
const mostWaiting = 100_000

const realClock: Clock = { now: steadyTime, wait: (ms, signal) => setTimeout(ms, undefined, { signal }) }

/**
 * Runs the decision loop on the state of a server: tells it what users did and which articles have appeared, has the ledger keep what it decides,
 * and the senders send. What it does not keep itself it learns again from the ledger and the journal when it starts, however it ended.
 */
export class PushEngine {
  readonly ledger: PushLedgerThread
  /** Fulfilled once the journal has been read and the loop knows the past; rejected where that failed, or the engine was stopped before. */
  readonly ready: Promise<void>
  readonly #options: LoggedOptions
  readonly #clock: Clock
  readonly #links: ClickLinks | undefined
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  #users = new PushUsers()
  #steps: PushSteps | undefined
  /** What decided before, until it is closed. */
  #former: PushSteps | undefined
  readonly #intake: Intake
  readonly #actions: ActionQueue
  #now = Number.NEGATIVE_INFINITY
  #upkeepDue = Number.NEGATIVE_INFINITY
  /** Rows of users that the loop still has to forget. */
  #forgotten: number[] = []
  readonly #waitingClicks: { readonly id: string; readonly time: number }[] = []
  readonly #sent = new SendingReport()
  #clicks = 0
  #lastStep: number | undefined
  #stopped: Promise<void> | undefined
  #wake = new AbortController()
  #failure: string | undefined

  /**
   * Opens the ledger and begins.
   *
   * @throws Error when the ledger cannot be opened, a sender is wrong, or another process sends the pushes of this state.
   */
  static async start(given: PushEngineOptions): Promise<PushEngine> {
    const { log = pino({ level: 'warn' }, process.stderr) } = given
    const options = Object.assign({}, given, { log })
    const { state, config } = options
    const { articles, events, interval, quiet, bestHours, sending } = config
    let engine: PushEngine | undefined
    const links = sending.links && new ClickLinks(sending.links)
    const ledger = await PushLedgerThread.open({
      state,
      ledger: { articles, events, interval, ...(quiet && { quiet }), ...(bestHours && { bestHours }) },
      sending,
      onEnd: failure => log.error({ failure }, 'pushes: the ledger is not there, it is tried again'),
      onRestart: () => engine?.relearn(),
    })
    try {
      // What is put into the catalogue from now on is new.
      await ledger.call('watch', (options.clock ?? realClock).now())
    } catch (error) {
      await ledger.close()
      throw error
    }
    engine = new PushEngine(ledger, links, options)
    return engine
  }

  private constructor(ledger: PushLedgerThread, links: ClickLinks | undefined, options: LoggedOptions) {
    this.ledger = ledger
    this.#links = links
    this.#options = options
    this.#clock = options.clock ?? realClock
    this.#intake = new Intake(ledger, options.log)
    // Also in a dry run, in which the ledger takes no slot: a user is chosen once.
    this.#actions = new ActionQueue(ledger, options.log, (sends, now) => {
      for (const { user } of sends) this.#users.busyUntil[user] = now + options.config.interval
    })
    this.ready = this.#prepare()
    this.ready.catch(() => {})
    this.#running = this.#run()
  }

  /** The directory of the state. */
  get state(): string {
    return this.#options.state
  }

  /** Why the loop could not begin, if so: nothing is decided until the next start. */
  get failure(): string | undefined {
    return this.#failure
  }

  /** Users of the ledger. */
  get users(): number {
    return this.#users.size
  }

  /** What was counted since it began. */
  get figures(): PushFigures {
    const price = this.#steps?.price
    return { sent: this.#sent.bySender, clicks: this.#clicks, lastStep: this.#lastStep, price }
  }

  /** The loop learns anew from what is kept, at the next step: where memory has what must not be there, or lacks what should. */
  relearn(): void {
    this.#former ??= this.#steps
    this.#steps = undefined
  }

  /** Steps at once. */
  wake(): void {
    this.#wake.abort()
    this.#wake = new AbortController()
  }

  /**
   * Counts the click on a signed link, whole or from its path on, unless it was only looked at, and gives where it leads; undefined where no secret
   * signed it.
   */
  async follow(address: string, isClick = true): Promise<string | undefined> {
    const link = this.#links?.parse(address)
    if (!link || !isClick) return link?.target
    const click = { id: link.send, time: steadyTime() }
    try {
      await this.ledger.call('recordClicks', [click])
    } catch (error) {
      // The user goes on all the same; it is kept as soon as the disk takes it.
      if (this.#waitingClicks.length < mostWaiting) this.#waitingClicks.push(click)
      this.#options.log.error({ err: error }, 'pushes: a click could not be kept, it is tried again')
    }
    return link.target
  }

  /** Removes what is known of a user for pushes; gives how many sends. */
  async forget(user: string): Promise<number> {
    const row = await this.ledger.call('rowOf', user)
    try {
      return await this.ledger.call('forget', user)
    } finally {
      if (row !== undefined) this.#forgotten.push(row)
    }
  }

  /** Decides no more, waits for what is on its way, and closes the ledger. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    try {
      await this.#closeFormer()
      await this.#keepWaitingClicks()
    } finally {
      await this.ledger.close()
    }
  }

  async #prepare(): Promise<void> {
    const { config, log } = this.#options
    const began = performance.now()
    for (let failures = 0; ; failures++) {
      this.#stopping.signal.throwIfAborted()
      try {
        if (config.dryRun !== undefined) await this.ledger.call('dryRun', config.dryRun)
        await this.#intake.catchUp(() => this.#time(), this.#stopping.signal)
        await this.#learn()
        break
      } catch (error) {
        if (!(error instanceof PushStorageError)) throw error
        log.error({ err: error }, 'pushes: the past could not be read, it is tried again')
        await this.#clock.wait(Math.min(60_000, 1000 * 2 ** failures), this.#stopping.signal)
      }
    }
    log.info({ users: this.users, ms: Math.round(performance.now() - began) }, 'pushes: the loop begins')
  }

  async #run(): Promise<void> {
    const { log, config } = this.#options
    const { signal } = this.#stopping
    try {
      await this.ready
    } catch (error) {
      if (signal.aborted) return
      this.#failure = (error as Error).message
      log.error({ err: error }, 'pushes: the loop cannot begin')
      return
    }
    while (!signal.aborted) {
      try {
        await this.#tick()
      } catch (error) {
        log.error({ err: error }, 'pushes: a step failed, the next one follows')
      }
      await this.#clock.wait(config.tick, AbortSignal.any([signal, this.#wake.signal])).catch(() => {})
    }
  }

  async #tick(): Promise<void> {
    const now = this.#time()
    await this.#keepWaitingClicks()
    // What was decided and is not kept yet comes before anything is decided anew.
    if (this.#steps) await this.#actions.apply(this.#steps, now)
    // A thread of the ledger that was started again notes changes from there on.
    if (this.#steps === undefined) await this.#learn()
    const changes = await this.#intake.take(now)
    this.#clicks += changes.clicks.length
    if (changes.byOthers) await this.#readUsers()
    else applyStates(this.#users, changes.states)
    const steps = this.#steps!
    steps.observe(this.#intake.news())
    if (!(await this.#forgetIn(steps))) return
    this.#actions.add(await steps.step(now))
    this.#intake.stepped(now)
    await this.#actions.apply(steps, now)
    this.#lastStep = now
    await this.#report()
    if (now >= this.#upkeepDue) await this.#upkeep(now)
  }

  /** Takes users who were forgotten from the loop; false where it has to learn anew for that. */
  async #forgetIn(steps: PushSteps): Promise<boolean> {
    if (this.#forgotten.length > 0 && !steps.forget) {
      this.#forgotten = []
      this.relearn()
      return false
    }
    for (let user = this.#forgotten[0]; user !== undefined; user = this.#forgotten[0]) {
      this.#users.forget(user)
      await steps.forget!(user)
      this.#forgotten.shift()
    }
    return true
  }

  /** The loop from the beginning, as the ledger and the journal know the past. */
  async #learn(): Promise<void> {
    const { steps: make, config, state, log } = this.#options
    await this.#closeFormer()
    const now = this.#time()
    await this.ledger.call('watch', now)
    // What was noted until now is in what is read from here on; what is noted meanwhile is told at the first step, a click perhaps twice.
    await this.ledger.call('takeChanges')
    await this.#countEnded(now)
    this.#users = new PushUsers()
    await this.#readUsers()
    const { replay, settle } = config
    const { signal } = this.#stopping
    const steps = await make(this.#users, { state, ledger: this.ledger, log, now, replay, settle, signal })
    try {
      await replayPast(this.ledger, steps, { since: now - replay, now, signal })
    } catch (error) {
      await steps.close?.()
      throw error
    }
    this.#intake.forgetNews()
    this.#actions.clear()
    this.#intake.stepped(now)
    this.#steps = steps
  }

  /** Of the loop that decided until now: what it has learned is kept. */
  async #closeFormer(): Promise<void> {
    const former = this.#former ?? this.#steps
    this.#former = undefined
    this.#steps = undefined
    await former?.close?.()
  }

  async #readUsers(): Promise<void> {
    for (let after = -1; ; ) {
      const states = await this.ledger.call('userStates', after, pageSize)
      applyStates(this.#users, states)
      const last = states.rows.at(-1)
      if (last === undefined || states.rows.length < pageSize) return
      after = last
    }
  }

  async #keepWaitingClicks(): Promise<void> {
    // More may come meanwhile.
    const clicks = this.#waitingClicks.slice()
    if (clicks.length === 0) return
    await this.ledger.call('recordClicks', clicks)
    this.#waitingClicks.splice(0, clicks.length)
  }

  async #report(): Promise<void> {
    const { log } = this.#options
    const { bySender, errors, error, unknownSenders } = await this.ledger.call('takeSendingReport')
    for (const [sender, confirmed] of Object.entries(bySender)) {
      this.#sent.confirm(sender, confirmed)
      log.info({ sender, ...confirmed }, 'pushes: sent')
    }
    if (unknownSenders.length > 0) {
      log.warn(
        { senders: unknownSenders },
        'pushes: users have senders that are not configured, and get none: add these to the configuration, or put the users with others',
      )
    }
    if (errors > 0) log.error({ errors, error }, 'pushes: the ledger could not be written while sending')
  }

  async #upkeep(now: number): Promise<void> {
    const { keep } = this.#options.config
    await this.#countEnded(now)
    while (!this.#stopping.signal.aborted && (await this.ledger.call('removeEnded', now - keep)) > 0);
    this.#upkeepDue = now + upkeepInterval
  }

  /** Pushes whose clicks are in count for usual click rates. */
  async #countEnded(now: number): Promise<void> {
    const { settle } = this.#options.config
    while (!this.#stopping.signal.aborted && (await this.ledger.call('countEnded', now - settle, 1)) > 0);
  }

  /** Never goes back: a clock that is put back stands still for the loop until it comes up again. */
  #time(): number {
    this.#now = Math.max(this.#now, this.#clock.now())
    return this.#now
  }
}
