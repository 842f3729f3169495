import type { UserEvent } from '../events/event.ts'
import type { ReadEvents, Sequence } from '../events/journal.ts'
import { takenBack } from '../events/undo.ts'
import { noEvents, type UserEvents } from '../models/algorithm.ts'
import type { Artifact } from '../models/artifact.ts'
import type { Generation } from './generation.ts'
import type { UserSubscription } from './user-subscription.ts'
import type { WatchedList } from './watched-list.ts'

/** An event, and the row of its item in the generation that the user was last ranked by. */
interface KnownEvent {
  readonly event: UserEvent
  /** 0 for those that were read from the journal. */
  readonly sequence: Sequence
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
  /** Changes when an event that lists may rest on turned out not to count. */
  version = 0
  /** Of the newest event that counts. */
  sequence: Sequence = 0
  /** Undefined until it is loaded. */
  #events: KnownEvent[] | undefined
  /** Where in {@link #events} those begin that are not too many to count. */
  #first = 0
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
    return this.#events?.at(-1)?.event.id
  }

  /** Takes what the journal knows, the newest `limit` events at most. */
  load({ events, asOf }: ReadEvents, limit: number): void {
    this.#limit = events.length >= limit ? limit : 0
    this.#events = events.map(event => ({ event, sequence: 0, row: undefined }))
    // What came later may have been read, too.
    const read = new Set(events.map(({ id }) => id))
    this.#events.push(...this.#arrived.filter(({ sequence, event }) => sequence > asOf && !read.has(event.id)))
    this.#memory.events += this.#events.length
    this.#first = 0
    this.#arrived = []
    this.sequence = this.#events.at(-1)?.sequence || asOf
    this.#generation = undefined
    this.#recent = undefined
  }

  /** Counts an event that arrived just now. */
  add(event: UserEvent, sequence: Sequence): void {
    const known: KnownEvent = { event, sequence, row: undefined }
    if (!this.#events) {
      this.#arrived.push(known)
      return
    }
    this.#events.push(known)
    this.#memory.events++
    this.sequence = sequence
    this.#recent = undefined
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

  /** Forgets what was loaded: the journal is to be read again. What is not on disk yet is kept. */
  unload(): void {
    this.#memory.events -= this.#events?.length ?? 0
    this.#arrived.push(...(this.#events ?? []).filter(({ sequence }) => sequence > 0))
    this.#events = undefined
    this.#recent = undefined
  }

  /** The state is not kept any more: what it holds does not count for the memory of the others. */
  detach(): void {
    this.#memory.events -= this.#events?.length ?? 0
    this.#memory = { events: this.#events?.length ?? 0 }
  }

  /** The user's row in `generation`, or -1. */
  rowIn(generation: Generation): number {
    this.#resolve(generation)
    return this.#row
  }

  /** The events that count, in rows of `generation`, oldest first. Those whose item it lacks are left out. */
  recent(generation: Generation): UserEvents {
    this.#resolve(generation)
    this.#recent ??= inRows(this.#events?.slice(this.#first) ?? [], generation)
    return this.#recent
  }

  /** Forgets the rows of another generation; that of the user is looked up now, those of items when they count. */
  #resolve(generation: Generation): void {
    if (this.#generation === generation) return
    this.#row = generation.artifact.users.indexOf(this.user)
    for (const known of this.#events ?? []) known.row = undefined
    this.#generation = generation
    this.#recent = undefined
  }
}

function inRows(events: readonly KnownEvent[], { artifact }: Generation): UserEvents {
  if (events.length === 0) return noEvents
  lookUp(
    events.filter(({ row }) => row === undefined),
    artifact,
  )
  const ignored = takenBack(events.map(({ event }) => event))
  const counting = inOrder(events.filter(({ event, row }) => row! >= 0 && !ignored.has(event.id)))
  const { length } = counting
  const rows = { items: new Uint32Array(length), weights: new Float32Array(length), times: new Float64Array(length) }
  counting.forEach(({ event, row }, at) => {
    rows.items[at] = row!
    rows.weights[at] = event.weight
    rows.times[at] = event.time
  })
  return rows
}

/** Finds the rows of the events' items, in one go: after a swap there are many. */
function lookUp(events: readonly KnownEvent[], { items }: Artifact): void {
  const rows = items.indicesOf(events.map(({ event }) => event.item ?? ''))
  events.forEach((known, at) => {
    known.row = known.event.item === undefined ? -1 : rows[at]
  })
}

/** By time; equal times stay as they are. Most events come in order: only late ones need the sort. */
function inOrder(events: KnownEvent[]): readonly KnownEvent[] {
  const isOrdered = events.every(({ event }, at) => at === 0 || event.time >= events[at - 1].event.time)
  return isOrdered ? events : events.sort((a, b) => a.event.time - b.event.time)
}
