import { mostKinds } from '../../storage/dataset.ts'
import { type Sequence, type Sequences, sequenceOf } from '../../storage/sequences.ts'
import type { CountingChange } from '../undo.ts'
import type { JournalPart } from './new-events.ts'
import { absent, type Rows } from './pair-sums.ts'

/** The ordered events of rows that follow each other, and how many each row has. */
export interface EventsOfRows extends Pick<Sequence, 'items' | 'times'> {
  readonly weights: Float32Array
  readonly kinds: Uint8Array
  readonly counts: readonly number[]
}

const rowsAtOnce = 4096

/** What the kinds of a dataset are with those of a journal. */
export interface MergedKinds {
  /** Undefined: there are none. */
  readonly names: readonly string[] | undefined
  /** By number of the journal's kind. */
  readonly codes: Uint8Array
  /** Of events that had none. */
  readonly none: number
}

/** Kinds keep their codes. Where there would be more than a dataset can have, the last are none. */
export function mergedKinds(former: readonly string[] | undefined, found: readonly string[]): MergedKinds {
  if (!former && found.length === 1) return { names: undefined, codes: new Uint8Array(1), none: 0 }
  const names = [...(former ?? [])]
  if (!names.includes('')) {
    if (names.length === mostKinds) names.pop()
    names.push('')
  }
  const none = names.indexOf('')
  const codes = Uint8Array.from(found, name => {
    const known = names.indexOf(name)
    if (known >= 0) return known
    return names.length < mostKinds ? names.push(name) - 1 : none
  })
  return { names, codes, none }
}

/** The ordered events of a dataset with those of a journal, and then those of the users that are appended. */
export class MergedSequences {
  readonly #former: Sequences
  readonly #part: JournalPart
  readonly #users: Rows
  readonly #items: Rows
  readonly #kinds: MergedKinds
  /** Numbers of items by id, for what undos took back. */
  readonly #numberOf: (item: string) => number
  /** Where the events of each user begin. */
  readonly #bounds: Float64Array

  constructor(
    former: Sequences,
    part: JournalPart,
    rows: { readonly users: Rows; readonly items: Rows },
    kinds: MergedKinds,
    numberOf: (item: string) => number,
  ) {
    this.#former = former
    this.#part = part
    this.#users = rows.users
    this.#items = rows.items
    this.#kinds = kinds
    this.#numberOf = numberOf
    this.#bounds = new Float64Array(rows.users.rowOf.length + 1)
    for (const user of part.events.users) this.#bounds[user + 1]! += 1
    for (let user = 0; user < rows.users.rowOf.length; user++) this.#bounds[user + 1]! += this.#bounds[user]!
  }

  /** Whether any event weighs other than 1. */
  get hasWeights(): boolean {
    const { events, changes } = this.#part
    if (this.#former.weights !== undefined || events.weights.some(weight => weight !== 1)) return true
    return [...changes.values()].flat().some(({ weight, isTakenBack }) => !isTakenBack && weight !== 1)
  }

  /** All events, by row and then in order of time; of equal times those of the dataset first. */
  *rows(): Generator<EventsOfRows> {
    for (let row = 0; row < this.#users.former; ) {
      const begin = row
      while (row < Math.min(this.#users.former, begin + rowsAtOnce) && !this.#isChanged(row)) row++
      if (row > begin) yield this.#formerRows(begin, row)
      if (row === this.#users.former) break
      if (this.#isChanged(row)) yield this.#merged(row, sequenceOf(this.#former, row++))
    }
    for (const number of this.#users.added) yield this.#merged(number, undefined)
  }

  #isChanged(user: number): boolean {
    return this.#bounds[user] !== this.#bounds[user + 1] || (this.#part.changes.get(user)?.length ?? 0) > 0
  }

  #formerRows(begin: number, end: number): EventsOfRows {
    const { indptr, items, times, weights, kinds } = this.#former
    const [first, last] = [Number(indptr[begin]), Number(indptr[end])]
    return {
      items: items.subarray(first, last),
      times: times.subarray(first, last),
      weights: weights?.subarray(first, last) ?? new Float32Array(last - first).fill(1),
      kinds: kinds?.subarray(first, last) ?? new Uint8Array(last - first).fill(this.#kinds.none),
      counts: Array.from({ length: end - begin }, (_, at) => Number(indptr[begin + at + 1]! - indptr[begin + at]!)),
    }
  }

  #merged(user: number, former: Sequence | undefined): EventsOfRows {
    const changes = this.#part.changes.get(user) ?? []
    const events = [...this.#kept(former, changes), ...this.#counted(changes), ...this.#arrived(user)]
    // Stable: what is equal stays in this order.
    events.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
    return {
      items: Uint32Array.from(events, ({ item }) => item),
      times: BigInt64Array.from(events, ({ time }) => time),
      weights: Float32Array.from(events, ({ weight }) => weight),
      kinds: Uint8Array.from(events, ({ kind }) => kind),
      counts: [events.length],
    }
  }

  /** Those of the dataset that are not taken back. */
  *#kept(former: Sequence | undefined, changes: readonly CountingChange[]): Generator<Event> {
    if (!former) return
    const taken = changes.filter(({ isTakenBack }) => isTakenBack)
    const keys = taken.map(({ item, time }) => `${this.#items.rowOf[this.#numberOf(item)]} ${time}`)
    for (let at = 0; at < former.items.length; at++) {
      const [item, time] = [former.items[at]!, former.times[at]!]
      const found = keys.length === 0 ? -1 : keys.indexOf(`${item} ${time}`)
      if (found >= 0) keys.splice(found, 1)
      else yield { item, time, weight: former.weights?.[at] ?? 1, kind: former.kinds?.[at] ?? this.#kinds.none }
    }
  }

  /** Earlier ones that had been taken back, and are not any more. */
  *#counted(changes: readonly CountingChange[]): Generator<Event> {
    for (const { item: id, weight, time, isTakenBack } of changes) {
      const item = this.#items.rowOf[this.#numberOf(id)]!
      if (!isTakenBack && item !== absent) yield { item, time: BigInt(time), weight, kind: this.#kinds.none }
    }
  }

  *#arrived(user: number): Generator<Event> {
    const { items, weights, times, kinds } = this.#part.events
    for (let at = this.#bounds[user]!; at < this.#bounds[user + 1]!; at++) {
      const item = this.#items.rowOf[items[at]!]!
      if (item === absent) continue
      yield { item, time: BigInt(times[at]!), weight: weights[at]!, kind: this.#kinds.codes[kinds[at]!]! }
    }
  }
}

interface Event {
  readonly item: number
  readonly time: bigint
  readonly weight: number
  readonly kind: number
}
