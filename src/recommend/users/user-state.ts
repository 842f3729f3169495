import type { UserEvent } from '../../events/event.ts'
import { type Impressions, noteShown, type ShownItems } from '../../events/impressions.ts'
import type { ReadEvents, Sequence } from '../../events/journal.ts'
import { type CountingChange, takenBack } from '../../events/undo.ts'
import { type Discounts, noEvents, type UserEvents } from '../../models/algorithm.ts'
import type { Generation } from '../generations/generation.ts'
import type { UserSubscription } from '../lists/user-subscription.ts'
import type { WatchedList } from '../lists/watched-list.ts'
import { discountsOf, type ImpressionRule, type ShownRows, shownRows } from './impression-discounts.ts'

/** An event, and the row of its item in the generation that the user was last ranked by. */
interface KnownEvent {
  readonly event: UserEvent
  /** 0 for those that were read from the journal. */
  readonly sequence: Sequence
  /** In the journal; undefined until it is on disk. */
  position: number | undefined
  /** -1 where the generation lacks the item; undefined until it is looked up. */
  row: number | undefined
}

/** Counts events in memory. */
export interface EventMemory {
  events: number
}

/**
 * What one user did since the model was trained, in order, kept in memory while the user has subscriptions or is active.
 * Items stand in it by id; rows follow from the generation that ranks.
 *
 * Events count as soon as they arrive, before they are on disk: lists that rest on them wait for the disk. One that turns
 * out not to count (a duplicate, or the disk failed) is removed, under another `version`.
 */
export class UserState {
  readonly user: string
  readonly subscriptions = new Set<UserSubscription>()
  /** Those of the subscriptions that watchers share, by their filters. */
  readonly watched = new Map<string, WatchedList>()
  /** Whether the journal is being read. */
  isLoading = false
  /** Whether an event takes back what is not in memory: what that changes, only the journal can say, which has to be read. */
  isIncomplete = false
  /** Changes when an event that lists may rest on turned out not to count. */
  version = 0
  /** Of the newest event that counts. */
  sequence: Sequence = 0
  /** Undefined until it is loaded. */
  #events: KnownEvent[] | undefined
  /** Where in {@link #events} those begin that are not too many to count. */
  #first = 0
  /** What the events change in what the model has of the user. */
  #changes: readonly KnownEvent[] = []
  /** Id of the newest event that the model has, where it was in memory before. */
  #dropped: string | undefined
  /** Events that count at most, once there were as many: the journal has older ones than are in memory. */
  #limit = 0
  /** Events of all states in memory. */
  #memory: EventMemory
  /** Events that arrived while the journal was being read. */
  #arrived: KnownEvent[] = []
  /** Of the generation that ranked last; and the user's row in it. */
  #generation: Generation | undefined
  #row = -1
  /** What {@link recent} gave last, until something changes. */
  #recent: UserEvents | undefined
  /** What was shown since the last event on it, as it is on disk. */
  #shown: ShownItems = new Map()
  /** The same in rows of the generation, for so many items of it, until something changes. */
  #shownRows: { readonly items: number; readonly rows: ShownRows } | undefined
  /** Whether impressions came while the journal was being read: it must be read again. */
  #lacksImpressions = false
  /** Items that had a row by then, where it lacks events whose item had none. */
  #lacking: number | undefined

  constructor(user: string, memory: EventMemory = { events: 0 }) {
    this.user = user
    this.#memory = memory
  }

  get isLoaded(): boolean {
    return this.#events !== undefined
  }

  /** Whether any event is known. */
  get hasEvents(): boolean {
    return (this.#events?.length ?? 0) > 0
  }

  /** Id of the newest event that counts. */
  get newest(): string | undefined {
    return this.#events?.at(-1)?.event.id ?? this.#dropped
  }

  /** Takes what the journal knows, the newest `limit` events at most; where it is then incomplete, it was read too early. */
  load({ events, changes, shown = new Map(), asOf }: ReadEvents, limit: number): void {
    this.#limit = events.length >= limit ? limit : 0
    // Without an id: no undo takes them back.
    const asEvent = ({ item, weight, time }: CountingChange) => ({ item, weight, time, id: '', user: this.user })
    this.#changes = changes.map(change => ({ event: asEvent(change), sequence: 0, position: 0, row: undefined }))
    this.#events = events.map(event => ({ event, sequence: 0, position: event.position, row: undefined }))
    // What came later may have been read, too.
    const read = new Set(events.map(({ id }) => id))
    const later = this.#arrived.filter(({ sequence, event }) => sequence > asOf && !read.has(event.id))
    this.isIncomplete = this.#lacksImpressions || later.some(({ event }) => takesBackUnknown(event, this.#events!))
    this.#lacksImpressions = false
    this.#events.push(...later)
    this.#shown = shown
    // Taken while the journal was being read.
    for (const { event, position } of later)
      if (position !== undefined && event.item !== undefined) shown.delete(event.item)
    this.#shownRows = undefined
    this.#memory.events += this.#events.length + shown.size
    this.#first = 0
    this.#arrived = []
    this.sequence = this.#events.at(-1)?.sequence || asOf
    this.#generation = undefined
    this.#recent = undefined
  }

  /** Counts an event that arrived just now. */
  add(event: UserEvent, sequence: Sequence): void {
    const known: KnownEvent = { event, sequence, position: undefined, row: undefined }
    if (!this.#events) {
      this.#arrived.push(known)
      return
    }
    if (takesBackUnknown(event, this.#events)) this.isIncomplete = true
    this.#events.push(known)
    this.#memory.events++
    this.sequence = sequence
    this.#recent = undefined
    this.#shownRows = undefined
  }

  /** The event of this number is on disk, at `position` of the journal. */
  settle(sequence: Sequence, position: number): void {
    const known = (this.#events ?? this.#arrived).findLast(known => known.sequence === sequence)
    if (!known) return
    known.position = position
    const { item } = known.event
    if (item === undefined || !this.#shown.delete(item)) return
    this.#memory.events--
    this.#shownRows = undefined
  }

  /** Impressions that are on disk now count, unless the journal is to be read, which has them. */
  noteShown(impressions: Impressions, halfLife: number): void {
    if (!this.#events) return
    const before = this.#shown.size
    noteShown(this.#shown, impressions, halfLife)
    this.#memory.events += this.#shown.size - before
    this.#shownRows = undefined
  }

  /** Impressions were sent to the journal: where that is being read, they may be missing. */
  expectImpressions(): void {
    if (this.isLoading) this.#lacksImpressions = true
  }

  /**
   * Another model has the events up to `position` too: they do not count beside it any more. Gives false where the journal
   * must be read again to know what does.
   */
  dropUpTo(position: number): boolean {
    const events = this.#events ?? []
    if (this.#changes.length > 0 || events.some(({ event }) => event.undo !== undefined)) return false
    const kept = events.filter(known => known.position === undefined || known.position > position)
    this.#memory.events -= events.length - kept.length
    this.#dropped = this.newest
    this.#events = kept
    this.#first = Math.max(0, this.#first - (events.length - kept.length))
    if (kept.length < this.#limit) this.#limit = 0
    this.#recent = undefined
    return true
  }

  /** Removes the event of this number, which does not count. Gives whether lists may have rested on it. */
  remove(sequence: Sequence): boolean {
    this.#arrived = this.#arrived.filter(known => known.sequence !== sequence)
    const at = this.#events?.findLastIndex(known => known.sequence === sequence) ?? -1
    if (at < 0) return false
    this.#events!.splice(at, 1)
    this.#memory.events--
    // An older one counts in its place.
    this.#first = Math.max(0, this.#first - 1)
    this.#recent = undefined
    this.#shownRows = undefined
    this.version++
    return true
  }

  /**
   * Lets only the newest `limit` events count, as after a restart. Older ones stay in memory until there are as many again:
   * one by one, their removal would move all others with each event.
   */
  trim(limit: number): void {
    if (!this.#events || this.#events.length - this.#first <= limit) return
    this.#first = this.#events.length - limit
    this.#recent = undefined
    if (this.#first <= limit) return
    this.#memory.events -= this.#first
    this.#events.splice(0, this.#first)
    this.#first = 0
    this.#limit = limit
  }

  /** Whether fewer events are in memory than count: of those that were taken in place of older ones, some did not count. */
  get lacksEvents(): boolean {
    return this.#events !== undefined && this.#events.length < this.#limit
  }

  /** Items that had no row may have one now. */
  lookUpAgain(): void {
    this.#recent = undefined
  }

  /** Forgets what was loaded: the journal is to be read again. What is not on disk yet is kept. */
  unload(): void {
    this.#dropShown()
    this.#dropped = this.#events?.findLast(({ position }) => position !== undefined)?.event.id ?? this.#dropped
    this.#memory.events -= this.#events?.length ?? 0
    this.#arrived.push(...(this.#events ?? []).filter(({ sequence }) => sequence > 0))
    this.#events = undefined
    this.#recent = undefined
  }

  /** Nothing of the user is known any more: what was is to be forgotten. */
  clear(): void {
    this.#dropShown()
    this.#memory.events -= this.#events?.length ?? 0
    this.#events = []
    this.#arrived = []
    this.#dropped = undefined
    this.#recent = undefined
    this.version++
  }

  /** The state is not kept any more: what it holds does not count for the memory of the others. */
  detach(): void {
    const events = (this.#events?.length ?? 0) + this.#shown.size
    this.#memory.events -= events
    this.#memory = { events }
  }

  /** What counts less in lists of `generation` at `now`, as it was shown and not taken: but for what was taken and is not on disk yet. */
  discounts(generation: Generation, now: number, rule: ImpressionRule): Discounts | undefined {
    if (this.#shown.size === 0) return undefined
    this.#resolve(generation)
    const { size } = generation.itemRows
    if (!this.#shownRows || this.#shownRows.items !== size) {
      const taken = new Set(this.#unsettled)
      this.#shownRows = { items: size, rows: shownRows(this.#shown, generation, item => taken.has(item)) }
    }
    return discountsOf(this.#shownRows.rows, now, rule)
  }

  /** Items of the events that are not on disk yet: the newest ones. */
  get #unsettled(): string[] {
    const events = this.#events ?? []
    const settled = events.findLastIndex(({ position }) => position !== undefined)
    return events.slice(settled + 1).flatMap(({ event: { item } }) => item ?? [])
  }

  #dropShown(): void {
    this.#memory.events -= this.#shown.size
    this.#shown = new Map()
    this.#shownRows = undefined
  }

  /** The user's row in `generation`, or -1. */
  rowIn(generation: Generation): number {
    this.#resolve(generation)
    return this.#row
  }

  /** The events that count, in rows of `generation`, oldest first. Those whose item it lacks are left out. */
  recent(generation: Generation): UserEvents {
    this.#resolve(generation)
    const { size } = generation.itemRows
    if (this.#lacking !== undefined && this.#lacking !== size) this.#recent = undefined
    if (this.#recent) return this.#recent
    const events = [...this.#changes, ...(this.#events?.slice(this.#first) ?? [])]
    this.#recent = inRows(events, generation)
    this.#lacking = events.some(({ row }) => row === undefined) ? size : undefined
    return this.#recent
  }

  /** Forgets the rows of another generation; that of the user is looked up now, those of items when they count. */
  #resolve(generation: Generation): void {
    if (this.#generation === generation) return
    this.#row = generation.artifact.users.indexOf(this.user)
    for (const known of [...this.#changes, ...(this.#events ?? [])]) known.row = undefined
    this.#generation = generation
    this.#recent = undefined
    this.#shownRows = undefined
  }
}

/** Whether an undo takes back what is not among `events`, or another undo: what that one changed is not known. */
function takesBackUnknown({ undo }: UserEvent, events: readonly KnownEvent[]): boolean {
  if (undo === undefined) return false
  const taken = events.findLast(({ event }) => event.id === undo)
  return taken === undefined || taken.event.undo !== undefined
}

function inRows(events: readonly KnownEvent[], generation: Generation): UserEvents {
  if (events.length === 0) return noEvents
  lookUp(
    events.filter(({ row }) => row === undefined),
    generation,
  )
  const ignored = takenBack(events.map(({ event }) => event))
  const { weighting } = generation.artifact
  const counting = inOrder(events.filter(({ event, row = -1 }) => row >= 0 && !ignored.has(event.id)))
  const { length } = counting
  const rows = { items: new Uint32Array(length), weights: new Float32Array(length), times: new Float64Array(length) }
  counting.forEach(({ event, row }, at) => {
    rows.items[at] = row!
    rows.weights[at] = weighting?.events.of(event.weight, event.kind, event.time) ?? event.weight
    rows.times[at] = event.time
  })
  return rows
}

/** Finds the rows of the events' items, in one go: after a swap there are many. */
function lookUp(events: readonly KnownEvent[], { itemRows }: Generation): void {
  const rows = itemRows.indicesOf(events.map(({ event }) => event.item ?? ''))
  events.forEach((known, at) => {
    // An item that the generation does not know yet may be learned of, or placed.
    if (known.event.item === undefined) known.row = -1
    else if (rows[at] >= 0) known.row = rows[at]
  })
}

/** By time; equal times stay as they are. Most events come in order: only late ones need the sort. */
function inOrder(events: KnownEvent[]): readonly KnownEvent[] {
  const isOrdered = events.every(({ event }, at) => at === 0 || event.time >= events[at - 1].event.time)
  return isOrdered ? events : events.sort((a, b) => a.event.time - b.event.time)
}
