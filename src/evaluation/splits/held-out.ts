import { rowOf } from '../../models/open/history.ts'
import { contains, union } from '../../search/item-lists.ts'
import type { Csr } from '../../storage/csr.ts'
import type { Id } from '../../storage/ids.ts'
import { type Sequences, sequenceOf } from '../../storage/sequences.ts'

/** Pairs and the ids of their users and items, by index: a dataset, or a part of one in memory. */
export interface Pairs {
  /** (users × items) */
  readonly byUser: Csr
  readonly users: { at(index: number): Id | undefined }
  readonly items: { at(index: number): Id | undefined }
  /** (users × items) What lists for these users may rest on beside the training: see {@link HeldOut.given}. */
  readonly given?: Sequences | undefined
}

/** The same with a way back from ids: a dataset or a model. */
export interface Training {
  /** (users × items) */
  readonly byUser: Csr
  readonly users: { indexOf(id: Id): number }
  readonly items: { indexOf(id: Id): number }
}

/** The users to judge and what was held out of each, as rows of the training. */
export interface HeldOut {
  /** (judged), the user's row, or -1 if the training has no pair of this user. */
  readonly users: Int32Array
  /** (judged) The user's row in the test, ascending: the same for every model that is judged by this test. */
  readonly rows: Uint32Array
  /** Whether items of the training may be found again: then they count, and lists may have them. */
  readonly seen: 'allow' | 'exclude'
  /** (judged + 1) */
  readonly indptr: Uint32Array
  /** The held-out items of judged user u, ascending, are at `indptr[u] … indptr[u + 1]`, but for unknown ones. */
  readonly items: Uint32Array
  /** (judged) Number of held-out items, with those that the training has no pair of: they cannot be found, and count. */
  readonly sizes: Uint32Array
  /** (users × items) of the training. */
  readonly training: Csr
  /** (rows of the test × items of the training) Requests carry these events as recent ones; unknown items are left out. */
  readonly given: Sequences | undefined
  /** (judged) Number of items that are known of the user when lists are made, in the training or given. */
  readonly histories: Uint32Array
  /** Judged users of whom nothing is known: neither in the training nor given. */
  readonly unknownUsers: number
  /** Held-out pairs whose item the training does not know. */
  readonly unknownPairs: number
  /** Test pairs that the training has too. Where seen items are excluded, no list can have them: they do not count. */
  readonly repeatedPairs: number
}

/**
 * Finds the users and items of a test in the training, by id. A user is judged if a pair of theirs was held out.
 *
 * Items without a pair in the training cannot be recommended; they stay in the denominators all the same, since a model
 * is not better for data that it never saw. For the same reason users without a pair in the training are judged by the
 * list that an unknown user gets; if something is given of them, by the list that rests on it.
 */
export function heldOut(test: Pairs, training: Training, seen: HeldOut['seen'] = 'exclude'): HeldOut {
  const { rows, columns, indptr, indices } = test.byUser
  const rowOfItem = itemRows(test, training, columns)
  const given = test.given && knownEvents(test.given, rowOfItem, training.byUser.columns)
  const users = new Int32Array(rows)
  const judgedRows = new Uint32Array(rows)
  const sizes = new Uint32Array(rows)
  const histories = new Uint32Array(rows)
  const bounds = new Uint32Array(rows + 1)
  const items = new Uint32Array(indices.length)
  let [judged, length, unknownUsers, unknownPairs, repeatedPairs] = [0, 0, 0, 0, 0]
  for (let row = 0; row < rows; row++) {
    const [begin, end] = [Number(indptr[row]), Number(indptr[row + 1])]
    if (begin === end) continue
    const user = training.users.indexOf(test.users.at(row)!)
    const history = historyItems(training.byUser, user, given, row)
    const places = Int32Array.from(indices.subarray(begin, end), rowOfItem).sort()
    const known = places.filter(item => item >= 0)
    const fresh = seen === 'allow' ? known : known.filter(item => !contains(history, item))
    const unknown = places.length - known.length
    repeatedPairs += known.filter(item => contains(history, item)).length
    if (fresh.length + unknown === 0) continue
    users[judged] = user
    judgedRows[judged] = row
    sizes[judged] = fresh.length + unknown
    histories[judged] = history.length
    items.set(fresh, length)
    length += fresh.length
    bounds[++judged] = length
    unknownPairs += unknown
    if (history.length === 0) unknownUsers++
  }
  return {
    users: users.slice(0, judged),
    rows: judgedRows.slice(0, judged),
    seen,
    indptr: bounds.slice(0, judged + 1),
    items: items.slice(0, length),
    sizes: sizes.slice(0, judged),
    training: training.byUser,
    given,
    histories: histories.slice(0, judged),
    unknownUsers,
    unknownPairs,
    repeatedPairs,
  }
}

/** The held-out items of judged user `at` that the training knows, ascending. */
export function heldItems({ indptr, items }: HeldOut, at: number): Uint32Array {
  return items.subarray(indptr[at], indptr[at + 1])
}

/** The items that are known of judged user `at` when lists are made, ascending: of the training and given. */
export function knownItems({ training, users, given, rows }: HeldOut, at: number): Uint32Array {
  return historyItems(training, users[at], given, rows[at])
}

function historyItems(training: Csr, user: number, given: Sequences | undefined, row: number): Uint32Array {
  const trained = user < 0 ? nothing : rowOf(training, user).indices
  return given ? union(trained, sequenceOf(given, row).items.toSorted()) : trained
}

const nothing = new Uint32Array(0)

/** The row in the training of each item of the test, or -1; each is looked up once. */
function itemRows(test: Pairs, training: Training, columns: number): (column: number) => number {
  const notLooked = -2
  const rows = new Int32Array(columns).fill(notLooked)
  return column => {
    if (rows[column] === notLooked) rows[column] = training.items.indexOf(test.items.at(column)!)
    return rows[column]
  }
}

/** The events with items that the training knows, as rows of it. */
function knownEvents(given: Sequences, rowOfItem: (column: number) => number, columns: number): Sequences {
  const indptr = new BigUint64Array(given.rows + 1)
  const sources = new Float64Array(given.items.length)
  let count = 0
  for (let row = 0, event = 0; row < given.rows; row++) {
    for (const end = Number(given.indptr[row + 1]); event < end; event++) {
      if (rowOfItem(given.items[event]) >= 0) sources[count++] = event
    }
    indptr[row + 1] = BigInt(count)
  }
  const kept = sources.subarray(0, count)
  return {
    rows: given.rows,
    columns,
    indptr,
    items: Uint32Array.from(kept, event => rowOfItem(given.items[event])),
    times: BigInt64Array.from({ length: count }, (_, at) => given.times[kept[at]]),
    weights: given.weights && Float32Array.from(kept, event => given.weights![event]),
  }
}
