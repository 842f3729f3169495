import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { jobs } from '../parallel/pool.ts'
import type { Event } from '../protocol/messages.ts'
import type { RecentEvents } from './store.ts'
import type { Group, GroupDone, Opened, ThreadData } from './thread.ts'

/** What became of an event: `stored` and `duplicate` mean that it is on disk, `failed` that it is not. */
export type Outcome = 'stored' | 'duplicate' | 'failed'

export interface JournalOptions {
  /** Events before this (ms since 1970) are part of the model already and are not given by `recent`. Default: 0. */
  readonly since?: number
  /** Hears of each commit: events, ms, and why it failed where it did. */
  readonly onCommit?: (events: number, took: number, failure?: string) => void
}

/** Tells after which events a read was made. Grows by 1 with each event. */
export type Ticket = number

interface Append {
  readonly event: Event
  readonly time: number
  readonly settle: (outcome: Outcome) => void
}

interface Read {
  readonly user: string
  readonly resolve: (recent: RecentEvents & { readonly asOf: Ticket }) => void
  readonly reject: (error: Error) => void
}

/** A group that the thread has. */
interface Sent {
  readonly appends: readonly Append[]
  readonly reads: readonly Read[]
  readonly asOf: Ticket
  readonly probe?: true
}

/** Groups that the thread has at once: while it tells of one commit, the next is under way. */
const mostSent = 2

/** How often a failed disk is tried again, in ms. */
const probeInterval = 1000

/**
 * Makes events durable. Commits come in groups: what was appended while the disk was busy is the next one, so a transaction costs more events only when there are more.
 */
export class Journal {
  readonly #thread: Worker
  readonly #onCommit: NonNullable<JournalOptions['onCommit']>
  #appends: Append[] = []
  #reads: Read[] = []
  /** What the thread is at work on, oldest first. */
  readonly #sent: Sent[] = []
  #last: Ticket = 0
  #settled: Ticket = 0
  #failure: string | undefined
  #dead = false
  #probe: NodeJS.Timeout | undefined
  #idle: (() => void)[] = []
  #settlers: (() => void)[] = []

  private constructor(thread: Worker, { onCommit = () => {} }: JournalOptions) {
    this.#thread = thread
    this.#onCommit = onCommit
    thread.on('message', (done: GroupDone) => this.#finish(done))
    thread.on('error', error => this.#die(error))
  }

  /**
   * Opens the journal in `directory`, which it makes if need be and locks.
   *
   * @throws if another server uses it, or it cannot be read.
   */
  static async open(directory: string, options: JournalOptions = {}): Promise<Journal> {
    const data: ThreadData = { directory, since: options.since ?? 0 }
    const thread = new Worker(new URL(jobs('./thread', import.meta.url)), {
      workerData: data,
      // node:sqlite calls itself experimental; that is our choice to have made, not news for who runs a server.
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
    const [{ failure }] = (await once(thread, 'message')) as [Opened]
    if (failure !== undefined) throw new Error(failure)
    return new Journal(thread, options)
  }

  /** Why events cannot be made durable now, if they cannot. */
  get failure(): string | undefined {
    return this.#failure
  }

  /** Of the newest event whose outcome is known; events settle in the order of their tickets. */
  get settled(): Ticket {
    return this.#settled
  }

  /** Events that wait for the disk. */
  get pending(): number {
    return this.#last - this.#settled
  }

  /** Calls `settle` once it is known what became of `event`; on disk means after an fsync. */
  append(event: Event, settle: (outcome: Outcome) => void): Ticket {
    this.#last++
    if (this.#dead) {
      this.#settled++
      queueMicrotask(() => settle('failed'))
    } else {
      this.#appends.push({ event, time: Date.now(), settle })
      this.#next()
    }
    return this.#last
  }

  /** What `user` did since the model was trained, all events up to the ticket `asOf` taken into account. */
  recent(user: string): Promise<RecentEvents & { readonly asOf: Ticket }> {
    if (this.#dead) return Promise.reject(new Error(this.#failure))
    return new Promise((resolve, reject) => {
      this.#reads.push({ user, resolve, reject })
      this.#next()
    })
  }

  /** Calls `listener` after the outcomes of each group of events have been told. */
  onSettled(listener: () => void): void {
    this.#settlers.push(listener)
  }

  /** Waits until every event has its outcome. */
  async flushed(): Promise<void> {
    if (this.#sent.length > 0) await new Promise<void>(resolve => this.#idle.push(resolve))
  }

  /** Waits until every event has its outcome, and lets go of the directory. */
  async close(): Promise<void> {
    clearTimeout(this.#probe)
    await this.flushed()
    if (this.#dead) return
    const ended = once(this.#thread, 'exit')
    this.#thread.postMessage('close')
    await ended
  }

  /** Sends what waits, unless the thread has enough to do: then it goes later, as one group. */
  #next(): void {
    if (this.#sent.length >= mostSent || (this.#appends.length === 0 && this.#reads.length === 0)) return
    const [appends, reads] = [this.#appends, this.#reads]
    this.#appends = []
    this.#reads = []
    this.#send({ appends, reads, asOf: this.#last })
  }

  #send(sent: Sent): void {
    this.#sent.push(sent)
    const group: Group = {
      events: {
        users: sent.appends.map(({ event }) => event.user),
        ids: sent.appends.map(({ event }) => event.id),
        items: sent.appends.map(({ event }) => event.item),
        weights: sent.appends.map(({ event }) => event.weight),
        times: sent.appends.map(({ time }) => time),
      },
      reads: sent.reads.map(({ user }) => user),
      ...(sent.probe && { probe: true }),
    }
    this.#thread.postMessage(group)
  }

  #finish({ fresh, reads, took, failure }: GroupDone): void {
    const { appends, reads: readers, asOf, probe } = this.#sent.shift()!
    if (appends.length > 0) this.#onCommit(appends.length, took, failure)
    if (appends.length > 0 || probe) this.#judge(failure)
    // The next group goes to the disk before this one's outcomes are told.
    this.#next()
    appends.forEach(({ settle }, i) => {
      settle(failure !== undefined ? 'failed' : fresh[i] ? 'stored' : 'duplicate')
    })
    this.#settled += appends.length
    if (appends.length > 0) for (const listener of this.#settlers) listener()
    readers.forEach(({ resolve, reject }, i) => {
      const answer = reads[i]
      if (answer instanceof Error) reject(answer)
      else resolve({ ...answer, asOf })
    })
    if (this.#sent.length === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** Notes whether the disk took the last write; while it does not, a probe a second finds out when it does again. */
  #judge(failure: string | undefined): void {
    this.#failure = failure
    clearTimeout(this.#probe)
    if (failure !== undefined) this.#probe = setTimeout(() => this.#tryDisk(), probeInterval)
  }

  #tryDisk(): void {
    if (!this.#dead) this.#send({ appends: [], reads: [], asOf: this.#last, probe: true })
  }

  /** The thread has ended: nothing can become durable any more. */
  #die(error: Error): void {
    this.#dead = true
    this.#failure = error.message
    const sent = this.#sent.splice(0)
    const appends = [...sent.flatMap(group => group.appends), ...this.#appends]
    const reads = [...sent.flatMap(group => group.reads), ...this.#reads]
    this.#appends = []
    this.#reads = []
    for (const { settle } of appends) settle('failed')
    this.#settled += appends.length
    for (const listener of this.#settlers) listener()
    for (const { reject } of reads) reject(error)
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}
