import { setTimeout } from 'node:timers/promises'
import { workerModuleUrl } from '../parallel/pool.ts'
import { fileIdentity } from '../storage/file-identity.ts'
import type { Positions } from '../storage/positions.ts'
import { assertHasSqlite } from '../storage/sqlite.ts'
import { assertWholeNumber } from '../storage/whole-number.ts'
import { assertRecordable, type UserEvent } from './event.ts'
import { assertImpressions, defaultHalfLife, type Impressions, impressionsCost } from './impressions.ts'
import type { StandingEvent, UserHistory } from './reader.ts'
import type { Read, ReadDone, ReaderData, UserRead } from './reader-thread.ts'
import { RestartingThread } from './restarting-thread.ts'
import {
  isNothing,
  type JournalEntry,
  nothingRemoved,
  type Removed,
  type Retention,
  steadyTime,
  sumOf,
} from './store.ts'
import type { Removal, Write, WriteDone, WriterData, WriterFound } from './writer-thread.ts'

/**
 * What became of an event: `stored` and `duplicate` mean that it is on disk, `failed` that this is not known. It may be sent
 * again: then it counts once.
 */
export type Outcome = 'stored' | 'duplicate' | 'failed'

/** The number of an event in order of arrival, from 1, counted since the journal was opened. */
export type Sequence = number

export interface JournalOptions {
  /**
   * Events that arrived before this (ms since 1970) are part of the model, though it does not say so, and are not read. What
   * arrives after a journal was first opened with it counts, even where the clock was set back. Default: 0.
   */
  readonly since?: number | undefined
  /** The last positions that datasets and models have, by journal: those of new events come after them. */
  readonly positions?: Positions | undefined
  /** Events of one user that count at most, the newest: 1 or more. Default: 5,000. */
  readonly historyLimit?: number | undefined
  /** In ms: after so long it counts half that an item was shown. Default: a day. */
  readonly impressionHalfLife?: number | undefined
  /** Called after each commit: events, ms, and why it failed where it did. */
  readonly onCommit?: (events: number, took: number, failure?: string) => void
}

/** The events of a user, all up to `asOf` taken into account, and perhaps some that came later. */
export interface ReadEvents extends UserHistory {
  readonly asOf: Sequence
}

interface Append {
  readonly entry: JournalEntry
  readonly arrived: number
  readonly settle: Settle
}

/** `position`: of an event that was stored; -1 of impressions. */
type Settle = (outcome: Outcome, position: number) => void

/** A read that waits for the outcome of its user's events that came before it. */
interface WaitingRead {
  readonly after: Sequence
  readonly begin: () => void
}

type Writer = RestartingThread<Write, WriteDone, WriterFound>
type Reader = RestartingThread<Read, ReadDone>

const nothingWritten = { positions: new Float64Array(), removed: nothingRemoved, took: 0 }

/** In ms: from one part of a removal to the next. */
const removalPause = 20

/** What one transaction records takes as long as so many events at most, some 40 ms: those who wait for it wait no longer. */
const groupCost = 2000

/** Groups that the writer has at once: while the outcome of one is processed, the next is being committed. */
const mostSent = 2

/** In ms: how often a failed disk is tried again, and how often it is looked whether the state is still there. */
const probeInterval = 1000

/**
 * Makes events durable, and reads them back. Commits come in groups: what was appended while the disk was busy is the next
 * one, so that the number of transactions does not grow with the number of events. Reads have a thread of their own.
 */
export class Journal {
  /** Names it, as datasets and models do that have its events. */
  readonly name: string
  /** Events up to this position are part of the model, whatever that says. */
  readonly before: number
  readonly #writer: Writer
  readonly #reader: Reader
  readonly #onCommit: NonNullable<JournalOptions['onCommit']>
  readonly #appends: Append[] = []
  /** The last of each user's events whose outcome is not known. */
  readonly #pendingOf = new Map<string, Sequence>()
  #waitingReads: WaitingRead[] = []
  /** Groups that the writer has. */
  #sent = 0
  #last: Sequence = 0
  #settled: Sequence = 0
  #position: number
  #failure: string | undefined
  #closed: Promise<void> | undefined
  readonly #watch: NodeJS.Timeout
  #isProbing = false
  #whenFlushed: (() => void)[] = []
  #onSettled: (() => void)[] = []

  /**
   * Opens the journal in `directory`, which it makes if need be and locks.
   *
   * @throws Error when another process uses it, or it cannot be read, or this Node has no `node:sqlite`.
   */
  static async open(directory: string, options: JournalOptions = {}): Promise<Journal> {
    assertHasSqlite()
    const { since = 0, positions, historyLimit = 5000, impressionHalfLife: halfLife = defaultHalfLife } = options
    assertWholeNumber('historyLimit', historyLimit, 1)
    if (!(halfLife > 0)) throw new RangeError(`impressionHalfLife must be ms above 0, got ${halfLife}`)
    let journal: Journal | undefined
    const { thread: writer, found } = await RestartingThread.start<Write, WriteDone, WriterFound>({
      module: workerModuleUrl('./writer-thread', import.meta.url),
      data: found => ({ directory, since, positions, halfLife, identity: found?.identity }) satisfies WriterData,
      onEnd: failure => {
        if (journal) journal.#noteDisk(failure)
      },
      onRestart: () => {
        if (journal) journal.#probe()
      },
    })
    try {
      const { thread: reader } = await RestartingThread.start<Read, ReadDone, void>({
        module: workerModuleUrl('./reader-thread', import.meta.url),
        data: () => ({ directory, historyLimit }) satisfies ReaderData,
      })
      journal = new Journal(writer, reader, found, options)
      return journal
    } catch (error) {
      await writer.close('the journal could not be opened')
      throw error
    }
  }

  private constructor(
    writer: Writer,
    reader: Reader,
    { file, identity, journal, before, position }: WriterFound,
    { onCommit = () => {} }: JournalOptions,
  ) {
    this.name = journal
    this.before = before
    this.#position = position
    this.#writer = writer
    this.#reader = reader
    this.#onCommit = onCommit
    this.#watch = setInterval(() => {
      if (this.#failure !== undefined || fileIdentity(file) !== identity) this.#probe()
    }, probeInterval)
    this.#watch.unref()
  }

  /** Why events cannot be made durable now, if they cannot. */
  get failure(): string | undefined {
    return this.#failure
  }

  /** Of the newest event whose outcome is known; events settle in the order of their numbers. */
  get settled(): Sequence {
    return this.#settled
  }

  /** The position of the newest event that is on disk. */
  get position(): number {
    return this.#position
  }

  /** Events that wait for the disk. */
  get pending(): number {
    return this.#last - this.#settled
  }

  /**
   * Calls `settle` once it is known what became of `event`; on disk means after an fsync.
   *
   * @throws TypeError where it cannot be recorded as it is.
   */
  append(event: UserEvent, settle: Settle): Sequence {
    assertRecordable(event)
    // A copy of what an event is: the caller may go on with the object, which may have what no thread can be sent.
    const { user, id, item, weight, time, kind, list, undo } = event
    return this.#append({ user, id, item, weight, time, kind, list, undo }, settle)
  }

  /**
   * The same of impressions, which come in order with events: those on an item take away what was shown before.
   *
   * @throws TypeError where they cannot be recorded as they are.
   */
  appendImpressions(impressions: Impressions, settle: (outcome: Outcome) => void): Sequence {
    assertImpressions(impressions)
    const { user, id, items, time } = impressions
    return this.#append({ user, id, items: [...items], time }, settle)
  }

  #append(entry: JournalEntry, settle: Settle): Sequence {
    this.#last++
    this.#pendingOf.set(entry.user, this.#last)
    this.#appends.push({ entry, arrived: steadyTime(), settle })
    this.#sendNext()
    return this.#last
  }

  /** The newest events of `user` after position `after`, by default {@link before}. Of those appended before, the outcome is known by then. */
  async recent(user: string, after = this.before): Promise<ReadEvents> {
    const { asOf, done } = await this.#read({ what: 'history', user, after })
    if ('history' in done) return { ...done.history, asOf }
    throw new Error('failure' in done ? done.failure : 'the journal gave another answer')
  }

  /** The events of all users after a position, in their order, at most `limit`; what waits for the disk is not among them. */
  async after(position: number, limit: number): Promise<readonly StandingEvent[]> {
    const done = await this.#ask({ what: 'page', after: position, limit })
    if ('page' in done) return done.page
    throw new Error('failure' in done ? done.failure : 'the journal gave another answer')
  }

  /** Whether `user` has events after position `after`, by default {@link before}. */
  async knows(user: string, after = this.before): Promise<boolean> {
    const { done } = await this.#read({ what: 'existence', user, after })
    if ('exists' in done) return done.exists
    throw new Error('failure' in done ? done.failure : 'the journal gave another answer')
  }

  /**
   * Removes what `retention` does not keep, some at a time: new events do not wait. Gives how much was removed.
   *
   * @throws Error where the disk failed; what was removed before stays removed.
   */
  remove(retention: Retention): Promise<Removed> {
    return this.#removeAll({ what: 'remove', retention })
  }

  /** Removes all that is known of `user`. @throws as {@link remove}. */
  forget(user: string): Promise<Removed> {
    return this.#removeAll({ what: 'forget', user })
  }

  /** Calls `listener` after the events of each group have settled. */
  onSettled(listener: () => void): void {
    this.#onSettled.push(listener)
  }

  /** Waits until every event has its outcome. */
  async flushed(): Promise<void> {
    if (this.#sent > 0) await new Promise<void>(resolve => this.#whenFlushed.push(resolve))
  }

  /** Waits until every event has its outcome, and releases the directory. What is asked for afterwards fails. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    clearInterval(this.#watch)
    while (this.#sent > 0) await this.flushed()
    const reason = 'the journal is closed'
    this.#failure = reason
    // The last connection to end folds the write-ahead log in: that which may write.
    await this.#reader.close(reason)
    await this.#writer.close(reason)
  }

  /** Sends what waits, unless the writer has enough to do: then it goes later, as one group. */
  #sendNext(): void {
    if (this.#sent >= mostSent || this.#appends.length === 0) return
    const appends = this.#appends.splice(0, groupSize(this.#appends))
    this.#send(appends, done => this.#finish(appends, done))
  }

  #send(appends: readonly Append[], finish: (done: WriteDone) => void): void {
    const [entries, arrived] = [appends.map(({ entry }) => entry), appends.map(({ arrived }) => arrived)]
    this.#request({ what: 'record', entries, arrived }, finish)
  }

  async #removeAll(removal: Removal): Promise<Removed> {
    let sum = nothingRemoved
    for (;;) {
      const { removed, failure } = await new Promise<WriteDone>(resolve => this.#request(removal, resolve))
      if (failure !== undefined) throw new Error(failure)
      if (isNothing(removed)) return sum
      sum = sumOf(sum, removed)
      // Events that come all the time have most of the disk's.
      await setTimeout(removalPause)
    }
  }

  #request(write: Write, finish: (done: WriteDone) => void): void {
    this.#sent++
    this.#writer.request(write, done => {
      this.#sent--
      finish(done instanceof Error ? { ...nothingWritten, failure: done.message } : done)
      this.#sendNext()
      if (this.#sent === 0) for (const resolve of this.#whenFlushed.splice(0)) resolve()
    })
  }

  #finish(appends: readonly Append[], { positions, took, failure }: WriteDone): void {
    this.#onCommit(appends.length, took, failure)
    this.#noteDisk(failure)
    // The next group goes to the disk before this one's outcomes are processed.
    this.#sendNext()
    appends.forEach(({ settle }, at) => {
      const position = positions[at] ?? 0
      this.#position = Math.max(this.#position, position)
      settle(failure !== undefined ? 'failed' : position === 0 ? 'duplicate' : 'stored', position)
    })
    for (const { entry } of appends) {
      this.#settled++
      if (this.#pendingOf.get(entry.user) === this.#settled) this.#pendingOf.delete(entry.user)
    }
    for (const listener of this.#onSettled) listener()
    this.#beginReads()
  }

  /** Reads once all events of the user that came before have their outcome: what is on disk is then all that there is. */
  #read(read: UserRead): Promise<{ readonly asOf: Sequence; readonly done: ReadDone }> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        const asOf = this.#settled
        this.#ask(read).then(done => resolve({ asOf, done }), reject)
      }
      const after = this.#pendingOf.get(read.user)
      if (after === undefined) begin()
      else this.#waitingReads.push({ after, begin })
    })
  }

  #ask(read: Read): Promise<ReadDone> {
    return new Promise((resolve, reject) => {
      this.#reader.request(read, done => (done instanceof Error ? reject(done) : resolve(done)))
    })
  }

  #beginReads(): void {
    if (this.#waitingReads.length === 0) return
    const waiting = this.#waitingReads
    this.#waitingReads = waiting.filter(({ after }) => after > this.#settled)
    for (const { after, begin } of waiting) if (after <= this.#settled) begin()
  }

  #noteDisk(failure: string | undefined): void {
    if (this.#closed === undefined || failure !== undefined) this.#failure = failure
  }

  /** Finds out whether the disk takes writes, and whether the state is where it was. */
  #probe(): void {
    if (this.#isProbing || this.#closed) return
    this.#isProbing = true
    this.#send([], ({ failure }) => {
      this.#isProbing = false
      this.#noteDisk(failure)
    })
  }
}

/** How many of the first `appends` make a group: one at least. */
function groupSize(appends: readonly Append[]): number {
  let [size, cost] = [0, 0]
  for (const { entry } of appends) {
    cost += 'items' in entry ? impressionsCost(entry.items.length) : 1
    if (size > 0 && cost > groupCost) break
    size++
  }
  return size
}
