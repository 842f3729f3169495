import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { workerModuleUrl } from '../parallel/pool.ts'
import type { UserEvent } from './event.ts'
import type { Group, GroupDone, Opened, ThreadData } from './journal-thread.ts'

/** What became of an event: `stored` and `duplicate` mean that it is on disk, `failed` that it is not. */
export type Outcome = 'stored' | 'duplicate' | 'failed'

/** The number of an event in order of arrival, from 1, counted since the journal was opened. */
export type Sequence = number

export interface JournalOptions {
  /** Events that arrived before this (ms since 1970) are part of the model and are not read. Default: 0. */
  readonly since?: number | undefined
  /** Events of one user that count at most, the newest. Default: 5,000. */
  readonly historyLimit?: number | undefined
  /** Called after each commit: events, ms, and why it failed where it did. */
  readonly onCommit?: (events: number, took: number, failure?: string) => void
}

/** The events of a user, all up to `asOf` taken into account. */
export interface ReadEvents {
  /** The newest, in order of arrival, oldest first. */
  readonly events: readonly UserEvent[]
  readonly asOf: Sequence
}

interface Append {
  readonly event: UserEvent
  readonly arrived: number
  readonly settle: (outcome: Outcome) => void
}

interface Read {
  readonly user: string
  readonly resolve: (events: ReadEvents) => void
  readonly reject: (error: Error) => void
}

/** A group that the thread works on. */
interface SentGroup {
  readonly appends: readonly Append[]
  readonly reads: readonly Read[]
  readonly asOf: Sequence
  readonly probe?: true
}

/** Groups that the thread has at once: while the outcome of one is processed, the next is being committed. */
const mostSent = 2

/** How often a failed disk is tried again, in ms. */
const probeInterval = 1000

/**
 * Makes events durable. Commits come in groups: what was appended while the disk was busy is the next one, so that the
 * number of transactions does not grow with the number of events.
 */
export class Journal {
  readonly #thread: Worker
  readonly #onCommit: NonNullable<JournalOptions['onCommit']>
  #appends: Append[] = []
  #reads: Read[] = []
  /** Oldest first. */
  readonly #sent: SentGroup[] = []
  #last: Sequence = 0
  #settled: Sequence = 0
  #failure: string | undefined
  /** Nothing can be recorded or read any more. */
  #isDead = false
  #closed: Promise<void> | undefined
  #probe: NodeJS.Timeout | undefined
  #whenFlushed: (() => void)[] = []
  #onSettled: (() => void)[] = []

  private constructor(thread: Worker, { onCommit = () => {} }: JournalOptions) {
    this.#thread = thread
    this.#onCommit = onCommit
    thread.on('message', (done: GroupDone) => this.#finish(done))
    thread.on('error', error => this.#failAll(error))
  }

  /**
   * Opens the journal in `directory`, which it makes if need be and locks.
   *
   * @throws Error when another process uses it, or it cannot be read.
   */
  static async open(directory: string, options: JournalOptions = {}): Promise<Journal> {
    const { since = 0, historyLimit = 5000 } = options
    const data: ThreadData = { directory, since, historyLimit }
    const thread = new Worker(new URL(workerModuleUrl('./journal-thread', import.meta.url)), {
      workerData: data,
      // node:sqlite warns that it is experimental: that was our decision, and is no news for an operator.
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

  /** Of the newest event whose outcome is known; events settle in the order of their numbers. */
  get settled(): Sequence {
    return this.#settled
  }

  /** Events that wait for the disk. */
  get pending(): number {
    return this.#last - this.#settled
  }

  /** Calls `settle` once it is known what became of `event`; on disk means after an fsync. */
  append(event: UserEvent, settle: (outcome: Outcome) => void): Sequence {
    this.#last++
    if (this.#isDead) {
      this.#settled++
      queueMicrotask(() => settle('failed'))
    } else {
      this.#appends.push({ event, arrived: Date.now(), settle })
      this.#sendNext()
    }
    return this.#last
  }

  /** The newest events of `user` since the model was trained. */
  recent(user: string): Promise<ReadEvents> {
    if (this.#isDead) return Promise.reject(new Error(this.#failure))
    return new Promise((resolve, reject) => {
      this.#reads.push({ user, resolve, reject })
      this.#sendNext()
    })
  }

  /** Calls `listener` after the events of each group have settled. */
  onSettled(listener: () => void): void {
    this.#onSettled.push(listener)
  }

  /** Waits until every event has its outcome. */
  async flushed(): Promise<void> {
    if (this.#sent.length > 0) await new Promise<void>(resolve => this.#whenFlushed.push(resolve))
  }

  /** Waits until every event has its outcome, and releases the directory. What is asked for afterwards fails. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    while (this.#sent.length > 0) await this.flushed()
    clearTimeout(this.#probe)
    if (this.#isDead) return
    this.#isDead = true
    this.#failure = 'the journal is closed'
    const ended = once(this.#thread, 'exit')
    this.#thread.postMessage('close')
    await ended
  }

  /** Sends what waits, unless the thread has enough to do: then it goes later, as one group. */
  #sendNext(): void {
    if (this.#sent.length >= mostSent || (this.#appends.length === 0 && this.#reads.length === 0)) return
    const [appends, reads] = [this.#appends, this.#reads]
    this.#appends = []
    this.#reads = []
    this.#send({ appends, reads, asOf: this.#last })
  }

  #send(sent: SentGroup): void {
    this.#sent.push(sent)
    const group: Group = {
      events: sent.appends.map(({ event }) => event),
      arrived: sent.appends.map(({ arrived }) => arrived),
      reads: sent.reads.map(({ user }) => user),
      probe: sent.probe ?? false,
    }
    this.#thread.postMessage(group)
  }

  #finish({ isNew, reads: answers, took, failure }: GroupDone): void {
    const { appends, reads, asOf, probe } = this.#sent.shift()!
    if (appends.length > 0) this.#onCommit(appends.length, took, failure)
    if (appends.length > 0 || probe) this.#noteDisk(failure)
    // The next group goes to the disk before this one's outcomes are processed.
    this.#sendNext()
    appends.forEach(({ settle }, at) => {
      settle(failure !== undefined ? 'failed' : isNew[at] ? 'stored' : 'duplicate')
    })
    this.#settled += appends.length
    if (appends.length > 0) for (const listener of this.#onSettled) listener()
    reads.forEach(({ resolve, reject }, at) => {
      const answer = answers[at]
      if (!answer || answer instanceof Error) reject(answer ?? new Error('the journal gave no answer'))
      else resolve({ events: answer, asOf })
    })
    if (this.#sent.length === 0) for (const resolve of this.#whenFlushed.splice(0)) resolve()
  }

  /** Notes whether the disk took the last write; while it does not, a probe each second finds out when it does again. */
  #noteDisk(failure: string | undefined): void {
    this.#failure = failure
    clearTimeout(this.#probe)
    if (failure !== undefined) this.#probe = setTimeout(() => this.#sendProbe(), probeInterval)
  }

  #sendProbe(): void {
    if (!this.#isDead) this.#send({ appends: [], reads: [], asOf: this.#last, probe: true })
  }

  /** The thread has ended: nothing can become durable any more. */
  #failAll(error: Error): void {
    this.#isDead = true
    this.#failure = error.message
    const sent = this.#sent.splice(0)
    const appends = [...sent.flatMap(group => group.appends), ...this.#appends]
    const reads = [...sent.flatMap(group => group.reads), ...this.#reads]
    this.#appends = []
    this.#reads = []
    for (const { settle } of appends) settle('failed')
    this.#settled += appends.length
    for (const listener of this.#onSettled) listener()
    for (const { reject } of reads) reject(error)
    for (const resolve of this.#whenFlushed.splice(0)) resolve()
  }
}
