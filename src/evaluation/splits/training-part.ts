import type { Csr } from '../../storage/csr.ts'
import type { Dataset, DatasetParts } from '../../storage/dataset.ts'
import type { IdMap } from '../../storage/ids.ts'
import type { Sequences } from '../../storage/sequences.ts'
import { tagsOfUsers } from '../../storage/user-tags.ts'

/** Stands for the new column of an item that has none. */
const absent = 0xffff_ffff

/** Where the rows and columns of a part come from and go to. */
interface Layout {
  /** (users of the part) their rows in the whole. */
  readonly users: Uint32Array
  /** (items of the part) their columns in the whole. */
  readonly items: Uint32Array
  /** (items of the whole) their columns in the part, or {@link absent}. */
  readonly columns: Uint32Array
}

/**
 * What is not held out, as a dataset of its own: the users and items that have pairs in it, their events, and the tags of the users.
 *
 * @param heldPairs (pairs) 0 where the pair is in the training, else not.
 * @param heldEvents (events) The same of events.
 */
export function trainingPart(
  dataset: Pick<Dataset, 'byUser' | 'users' | 'items' | 'events' | 'manifest' | 'tags'>,
  heldPairs: Uint8Array,
  heldEvents?: Uint8Array,
): DatasetParts {
  const { users, items, events, manifest, tags } = dataset
  const kept = pairsWithMark(dataset.byUser, heldPairs, 0)
  const layout = layoutOf(kept, users, items)
  return {
    byUser: reindexedPairs(kept, layout),
    users: Array.from(layout.users, user => users.at(user)),
    items: Array.from(layout.items, item => items.at(item)),
    events: events && heldEvents && reindexedEvents(events, heldEvents, layout),
    kinds: manifest.kinds,
    tags: tags && tagsOfUsers(tags, layout.users),
  }
}

/** The pairs whose mark is `value`, in a matrix of the same shape. */
export function pairsWithMark({ rows, columns, indptr, indices, weights }: Csr, marks: Uint8Array, value: number): Csr {
  const bounds = new BigUint64Array(rows + 1)
  for (let row = 0, length = 0, pair = 0; row < rows; row++) {
    for (const end = Number(indptr[row + 1]); pair < end; pair++) if (marks[pair] === value) length++
    bounds[row + 1] = BigInt(length)
  }
  const chosen = (_: number, pair: number) => marks[pair] === value
  return { rows, columns, indptr: bounds, indices: indices.filter(chosen), weights: weights.filter(chosen) }
}

/** Lays the users and items that have pairs in `kept` out as datasets do: most pairs first, ties by ascending id. */
function layoutOf(kept: Csr, users: IdMap, items: IdMap): Layout {
  const degrees = new Uint32Array(kept.columns)
  for (const item of kept.indices) degrees[item] += 1
  const userOrder = byDegree(user => Number(kept.indptr[user + 1] - kept.indptr[user]), users)
  const itemOrder = byDegree(item => degrees[item], items)
  const columns = new Uint32Array(kept.columns).fill(absent)
  itemOrder.forEach((item, column) => {
    columns[item] = column
  })
  return { users: userOrder, items: itemOrder, columns }
}

function byDegree(degree: (index: number) => number, ids: IdMap): Uint32Array {
  return ids.sorted.filter(index => degree(index) > 0).sort((a, b) => degree(b) - degree(a))
}

function reindexedPairs(kept: Csr, { users, items, columns }: Layout): Csr {
  const indptr = new BigUint64Array(users.length + 1)
  const indices = new Uint32Array(kept.indices.length)
  const weights = new Float32Array(kept.indices.length)
  let to = 0
  users.forEach((user, row) => {
    const [begin, end] = [Number(kept.indptr[user]), Number(kept.indptr[user + 1])]
    // One number a pair, new column first, then the pair's place in the row: numbers sort without a comparison in JavaScript.
    const keys = new Float64Array(end - begin)
    for (let at = 0; at < keys.length; at++) keys[at] = columns[kept.indices[begin + at]] * kept.columns + at
    for (const key of keys.sort()) {
      indices[to] = Math.floor(key / kept.columns)
      weights[to] = kept.weights[begin + (key % kept.columns)]
      to++
    }
    indptr[row + 1] = BigInt(to)
  })
  return { rows: users.length, columns: items.length, indptr, indices, weights }
}

/** The events that are not held out, of users and items of the part. */
function reindexedEvents(events: Sequences, held: Uint8Array, { users, items, columns }: Layout): Sequences {
  const indptr = new BigUint64Array(users.length + 1)
  const sources = new Float64Array(events.items.length)
  let count = 0
  users.forEach((user, row) => {
    for (let event = Number(events.indptr[user]); event < Number(events.indptr[user + 1]); event++) {
      if (held[event] === 0 && columns[events.items[event]] !== absent) sources[count++] = event
    }
    indptr[row + 1] = BigInt(count)
  })
  const kept = sources.subarray(0, count)
  return {
    rows: users.length,
    columns: items.length,
    indptr,
    items: Uint32Array.from(kept, event => columns[events.items[event]]),
    times: BigInt64Array.from({ length: count }, (_, at) => events.times[kept[at]]),
    weights: events.weights && Float32Array.from(kept, event => events.weights![event]),
    kinds: events.kinds && Uint8Array.from(kept, event => events.kinds![event]),
  }
}
