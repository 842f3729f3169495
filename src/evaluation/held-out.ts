import { rowOf } from '../models/history.ts'
import { contains } from '../search/item-lists.ts'
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

/** The users to judge and what was held out of each, as rows of the training. */
export interface HeldOut {
  /** (judged), the user's row, or -1 if the training has no pair of this user. */
  readonly users: Int32Array
  /** Whether items of the training may be found again: then they count, and lists may have them. */
  readonly seen: 'allow' | 'exclude'
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
  /** Test pairs that the training has too. Where seen items are excluded, no list can have them: they do not count. */
  readonly repeatedPairs: number
}

/**
 * Finds the users and items of a test in the training, by id. A user is judged if a pair of theirs was held out.
 *
 * Items without a pair in the training cannot be recommended; they stay in the denominators all the same, since a model
 * is not better for data that it never saw. For the same reason users without a pair in the training are judged by the
 * list that an unknown user gets.
 */
export function heldOut(test: Pairs, training: Training, seen: HeldOut['seen'] = 'exclude'): HeldOut {
  const { rows, columns, indptr, indices } = test.byUser
  const notLooked = -2
  const itemOf = new Int32Array(columns).fill(notLooked)
  const rowOfItem = (column: number) => {
    if (itemOf[column] === notLooked) itemOf[column] = training.items.indexOf(test.items.at(column)!)
    return itemOf[column]
  }
  const users: number[] = []
  const sizes: number[] = []
  const bounds = [0]
  const items = new Uint32Array(indices.length)
  let [length, unknownUsers, unknownPairs, repeatedPairs] = [0, 0, 0, 0]
  for (let row = 0; row < rows; row++) {
    const [begin, end] = [Number(indptr[row]), Number(indptr[row + 1])]
    if (begin === end) continue
    const user = training.users.indexOf(test.users.at(row)!)
    const trained = user < 0 ? new Uint32Array() : rowOf(training.byUser, user).indices
    const places = Int32Array.from(indices.subarray(begin, end), rowOfItem).sort()
    const known = places.filter(item => item >= 0)
    const fresh = seen === 'allow' ? known : known.filter(item => !contains(trained, item))
    const unknown = places.length - known.length
    repeatedPairs += known.filter(item => contains(trained, item)).length
    if (fresh.length + unknown === 0) continue
    users.push(user)
    sizes.push(fresh.length + unknown)
    items.set(fresh, length)
    length += fresh.length
    bounds.push(length)
    unknownPairs += unknown
    if (user < 0) unknownUsers++
  }
  return {
    users: Int32Array.from(users),
    seen,
    indptr: Uint32Array.from(bounds),
    items: items.slice(0, length),
    sizes: Uint32Array.from(sizes),
    unknownUsers,
    unknownPairs,
    repeatedPairs,
  }
}
