import { NONE } from '../models/ranker.ts'
import type { Csr } from '../storage/csr.ts'
import type { Id } from '../storage/ids.ts'

/** Pairs and the ids of their users and items, by index: a dataset, or a part of one in memory. */
export interface Pairs {
  /** (users × items) */
  readonly byUser: Csr
  readonly users: { at(index: number): Id | undefined }
  readonly items: { at(index: number): Id | undefined }
}

/** The same with a way back from ids: a dataset or a model. */
export interface Training {
  /** (users × items) */
  readonly byUser: Csr
  readonly users: { indexOf(id: Id): number }
  readonly items: { indexOf(id: Id): number }
}

/** The users to judge and what was held out of each, in indices of the training. */
export interface HeldOut {
  /** (judged), the user or {@link NONE} if the training has no pair of this user. */
  readonly users: Uint32Array
  /** (judged + 1) */
  readonly indptr: Uint32Array
  /** The held-out items of judged user u, ascending, are at `indptr[u] … indptr[u + 1]`, but for unknown ones. */
  readonly items: Uint32Array
  /** (judged) Number of held-out items, with those that the training has no pair of: they cannot be found, and count. */
  readonly sizes: Uint32Array
  /** Judged users whom the training does not know. */
  readonly unknownUsers: number
  /** Held-out pairs whose item the training does not know. */
  readonly unknownPairs: number
  /** Test pairs that the training has too: they are left out of the lists, so they are not counted as held out. */
  readonly repeatedPairs: number
}

/**
 * Finds the users and items of a test in the training, by id. A user is judged if a pair of theirs was held out.
 *
 * Items that nobody has in the training cannot be recommended; they stay in the denominators all the same, since a
 * model is not better for data that it never saw. For the same reason users whom the training does not know are judged
 * by the list that a newcomer gets.
 */
export function heldOut(test: Pairs, training: Training): HeldOut {
  const { rows, columns, indptr, indices } = test.byUser
  const itemOf = new Uint32Array(columns).fill(NONE - 1)
  const place = (column: number) => {
    if (itemOf[column] === NONE - 1) itemOf[column] = unsigned(training.items.indexOf(test.items.at(column)!))
    return itemOf[column]!
  }
  const users: number[] = []
  const sizes: number[] = []
  const bounds = [0]
  const items = new Uint32Array(indices.length)
  let [length, unknownUsers, unknownPairs, repeatedPairs] = [0, 0, 0, 0]
  for (let row = 0; row < rows; row++) {
    const [begin, end] = [Number(indptr[row]), Number(indptr[row + 1])]
    if (begin === end) continue
    const user = unsigned(training.users.indexOf(test.users.at(row)!))
    const seen = user === NONE ? new Uint32Array() : rowOf(training.byUser, user)
    const places = indices.subarray(begin, end).map(place).sort()
    const known = places.filter(item => item !== NONE)
    const fresh = known.filter(item => !contains(seen, item))
    const unknown = places.length - known.length
    repeatedPairs += known.length - fresh.length
    if (fresh.length + unknown === 0) continue
    users.push(user)
    sizes.push(fresh.length + unknown)
    items.set(fresh, length)
    length += fresh.length
    bounds.push(length)
    unknownPairs += unknown
    if (user === NONE) unknownUsers++
  }
  return {
    users: Uint32Array.from(users),
    indptr: Uint32Array.from(bounds),
    items: items.slice(0, length),
    sizes: Uint32Array.from(sizes),
    ...{ unknownUsers, unknownPairs, repeatedPairs },
  }
}

/** The columns of a row. */
export function rowOf({ indptr, indices }: Csr, row: number): Uint32Array {
  return indices.subarray(Number(indptr[row]), Number(indptr[row + 1]))
}

/** Whether `value` is among `sorted`, which ascends. O(log n). */
export function contains(sorted: Uint32Array, value: number): boolean {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < value) low = middle + 1
    else high = middle
  }
  return sorted[low] === value
}

/** -1, which says that there is none, as {@link NONE}. */
function unsigned(index: number): number {
  return index >>> 0
}
