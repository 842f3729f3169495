import type { EventReader } from '../reader.ts'
import { type CountingChange, countingChanges, takenBack } from '../undo.ts'
import type { Numbering } from './numbering.ts'

/** Events of a journal that count, side by side, users and items by number: by user, and of one user in order of arrival. */
export interface NewEvents {
  readonly users: Uint32Array
  readonly items: Uint32Array
  readonly weights: Float32Array
  /** In ms since 1970. */
  readonly times: Float64Array
  /** Numbers of kinds; 0 is none. */
  readonly kinds: Uint32Array
}

export interface JournalPart {
  readonly events: NewEvents
  /** Names of {@link NewEvents.kinds}, of which the first is empty. */
  readonly kindNames: readonly string[]
  /** What undos changed in the events that came before, by number of the user. */
  readonly changes: ReadonlyMap<number, readonly CountingChange[]>
  /** Events that were read, undos and what they took back included. */
  readonly read: number
}

interface ReadRange {
  /** Positions: events after the first, up to the last. */
  readonly after: number
  readonly upTo: number
  readonly signal?: AbortSignal | undefined
  readonly onRead?: ((read: number) => void) | undefined
}

/** Events that one query reads: the log of the journal cannot be shortened meanwhile. */
const readAtOnce = 10_000

/** Reads a part of the journal. All of it is in memory: 48 bytes an event, and the ids. */
export async function readJournal(
  reader: EventReader,
  users: Numbering,
  items: Numbering,
  { after, upTo, signal, onRead = () => {} }: ReadRange,
): Promise<JournalPart> {
  const columns = new Columns(upTo - after)
  const kinds = new Map<string, number>([['', 0]])
  const undoing = new Set<number>()
  const add = (events: readonly StoredItem[], user: readonly number[]) => {
    const numbers = items.numbersOf(events.map(({ item }) => item))
    events.forEach(({ weight, time, kind = '' }, at) => {
      if (!kinds.has(kind)) kinds.set(kind, kinds.size)
      columns.push(user[at]!, numbers[at]!, weight, time, kinds.get(kind)!)
    })
  }
  const undidBefore = after > 0 ? reader.undoingUpTo(after) : new Set<string>()
  let read = 0
  for (let from = after; from < upTo; ) {
    const found = reader.after(from, readAtOnce).filter(({ position }) => position <= upTo)
    if (found.length === 0) break
    from = found.at(-1)!.position
    read += found.length
    const numbers = users.numbersOf(found.map(({ user }) => user))
    found.forEach(({ user, undo }, at) => {
      if (undo !== undefined || undidBefore.has(user)) undoing.add(numbers[at]!)
    })
    const chosen = [...found.keys()].filter(at => isOfItem(found[at]!))
    add(
      chosen.map(at => found[at]! as StoredItem),
      chosen.map(at => numbers[at]!),
    )
    onRead(read)
    // Others have their turn, and who interrupts is heard.
    await new Promise(setImmediate)
    signal?.throwIfAborted()
  }
  const changes = new Map<number, readonly CountingChange[]>()
  columns.drop(user => undoing.has(user))
  for (const user of undoing) {
    const all = reader.upTo(users.idOf(user), upTo)
    const later = all.filter(({ position }) => position > after)
    const taken = takenBack(all)
    const counting = later.filter(event => isOfItem(event) && !taken.has(event.id)) as readonly StoredItem[]
    add(
      counting,
      counting.map(() => user),
    )
    const earlier = all.slice(0, all.length - later.length)
    changes.set(user, countingChanges(earlier, later))
  }
  return { events: columns.byUser(users.size), kindNames: [...kinds.keys()], changes, read }
}

interface StoredItem {
  readonly id: string
  readonly item: string
  readonly weight: number
  readonly time: number
  readonly kind?: string | undefined
}

function isOfItem({ item }: { readonly item?: string | undefined }): boolean {
  return item !== undefined
}

/** Columns that are filled up to a length that is known at most. */
class Columns {
  #length = 0
  readonly #columns: NewEvents

  constructor(most: number) {
    this.#columns = emptyColumns(most)
  }

  push(user: number, item: number, weight: number, time: number, kind: number): void {
    const { users, items, weights, times, kinds } = this.#columns
    const at = this.#length++
    users[at] = user
    items[at] = item
    weights[at] = weight
    times[at] = time
    kinds[at] = kind
  }

  /** Drops the events of users. */
  drop(isDropped: (user: number) => boolean): void {
    const length = this.#length
    this.#length = 0
    const { users, items, weights, times, kinds } = this.#columns
    for (let at = 0; at < length; at++) {
      if (!isDropped(users[at]!)) this.push(users[at]!, items[at]!, weights[at]!, times[at]!, kinds[at]!)
    }
  }

  /** All of them sorted by user, of whom there are `count`; those of one user stay in their order. */
  byUser(count: number): NewEvents {
    const { users, items, weights, times, kinds } = this.#columns
    const next = new Float64Array(count + 1)
    for (let at = 0; at < this.#length; at++) next[users[at]! + 1]! += 1
    for (let user = 0; user < count; user++) next[user + 1]! += next[user]!
    const sorted = emptyColumns(this.#length)
    for (let at = 0; at < this.#length; at++) {
      const to = next[users[at]!]!++
      sorted.users[to] = users[at]!
      sorted.items[to] = items[at]!
      sorted.weights[to] = weights[at]!
      sorted.times[to] = times[at]!
      sorted.kinds[to] = kinds[at]!
    }
    return sorted
  }
}

function emptyColumns(length: number): NewEvents {
  return {
    users: new Uint32Array(length),
    items: new Uint32Array(length),
    weights: new Float32Array(length),
    times: new Float64Array(length),
    kinds: new Uint32Array(length),
  }
}
