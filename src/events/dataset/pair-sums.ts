import type { JournalPart } from './new-events.ts'
import type { Numbering } from './numbering.ts'

/** What each user's items change by: user `u` has the places `indptr[u] … indptr[u + 1]`, in no order. */
export interface PairSums {
  /** (users + 1) */
  readonly indptr: Float64Array
  readonly items: Uint32Array
  /** Of any sign. */
  readonly sums: Float64Array
}

/** Sums the events of each user and item, and what undos changed in earlier ones. */
export function sumByPair({ events, changes }: JournalPart, users: Numbering, items: Numbering): PairSums {
  let most = events.items.length
  for (const changed of changes.values()) most += changed.length
  const indptr = new Float64Array(users.size + 1)
  const found = { items: new Uint32Array(most), sums: new Float64Array(most) }
  let length = 0
  let event = 0
  for (let user = 0; user < users.size; user++) {
    const places = new Map<number, number>()
    const add = (item: number, weight: number) => {
      const at = places.get(item) ?? length++
      places.set(item, at)
      found.items[at] = item
      found.sums[at]! += weight
    }
    for (; events.users[event] === user; event++) add(events.items[event]!, events.weights[event]!)
    const changed = changes.get(user) ?? []
    const changedItems = items.numbersOf(changed.map(({ item }) => item))
    changed.forEach(({ weight }, at) => {
      add(changedItems[at]!, Math.fround(weight))
    })
    indptr[user + 1] = length
  }
  return { indptr, items: found.items.subarray(0, length), sums: found.sums.subarray(0, length) }
}

/** Stands for the row of a user or an item that gets none: it has no pair. */
export const absent = 0xffff_ffff

/** The rows of a dataset and those that are appended to them. */
export interface Rows {
  /** How many there were before. */
  readonly former: number
  /** Numbers of those that are appended, in order. */
  readonly added: readonly number[]
  /** By number: the row, or {@link absent}. */
  readonly rowOf: Uint32Array
}

/** What pairs change by, in rows: row `u` has the places `indptr[u] … indptr[u + 1]`. */
export interface PairChanges {
  /** (rows + 1) */
  readonly indptr: Float64Array
  /** Rows of items, ascending. */
  readonly indices: Uint32Array
  readonly sums: Float64Array
}

/** The sums of users and items that have rows, in these. */
export function changesOf({ indptr, items: numbers, sums }: PairSums, users: Rows, items: Rows): PairChanges {
  const rows = users.former + users.added.length
  const changes = {
    indptr: new Float64Array(rows + 1),
    indices: new Uint32Array(sums.length),
    sums: new Float64Array(sums.length),
  }
  let length = 0
  for (let row = 0; row < rows; row++) {
    const user = row < users.former ? row : users.added[row - users.former]!
    const [begin, end] = [indptr[user]!, indptr[user + 1]!]
    // One number a pair, the item's row first, then its place: numbers sort without a comparison in JavaScript.
    const keys = new Float64Array(end - begin)
    let count = 0
    for (let at = begin; at < end; at++) {
      const item = items.rowOf[numbers[at]!]!
      if (item !== absent) keys[count++] = item * keys.length + (at - begin)
    }
    for (const key of keys.subarray(0, count).sort()) {
      changes.indices[length] = Math.floor(key / keys.length)
      changes.sums[length++] = sums[begin + (key % keys.length)]!
    }
    changes.indptr[row + 1] = length
  }
  return changes
}

/** Users and items that have pairs now and had none before, appended as datasets are laid out: most pairs first, ties by id. */
export function appendedRows(pairs: PairSums, users: Numbering, items: Numbering): { users: Rows; items: Rows } {
  const [ofUser, ofItem] = [new Uint32Array(users.size), new Uint32Array(items.size)]
  for (let user = 0; user < users.size; user++) {
    for (let at = pairs.indptr[user]!; at < pairs.indptr[user + 1]!; at++) {
      // Those of users and items that the dataset has are not counted right, and not looked at.
      if (!(Math.fround(pairs.sums[at]!) > 0)) continue
      ofUser[user]! += 1
      ofItem[pairs.items[at]!]! += 1
    }
  }
  return { users: rowsOf(users, ofUser), items: rowsOf(items, ofItem) }
}

function rowsOf(ids: Numbering, pairs: Uint32Array): Rows {
  const { rows: former, size } = ids
  const added = Array.from({ length: size - former }, (_, at) => former + at)
    .filter(number => pairs[number]! > 0)
    .sort((a, b) => pairs[b]! - pairs[a]! || (ids.idOf(a) < ids.idOf(b) ? -1 : 1))
  const rowOf = new Uint32Array(size).fill(absent)
  for (let row = 0; row < former; row++) rowOf[row] = row
  added.forEach((number, at) => {
    rowOf[number] = former + at
  })
  return { former, added, rowOf }
}
