/** What the engine's workers do: fold users in, and rank the items for them. */
import { foldIn } from '../models/als/fold-in.ts'
import { addRecent, concat, firstAllowed, pointers, type Row, union } from '../search/item-lists.ts'
import { index, model, parts } from './opened.ts'

/** {@link Query}s side by side. */
export interface Batch {
  readonly users: Int32Array
  readonly recent: { readonly indptr: Uint32Array; readonly indices: Uint32Array; readonly weights: Float32Array }
  readonly limits: Uint32Array
  readonly seen: Uint8Array
  readonly exclude: { readonly indptr: Uint32Array; readonly indices: Uint32Array }
  readonly only: readonly (Uint32Array | undefined)[]
}

/** The lists of a batch, one after another. */
export interface Ranked {
  readonly indptr: Uint32Array
  readonly items: Uint32Array
  readonly scores: Float32Array
  /** 1 where a list is by taste, 0 by popularity. */
  readonly tastes: Uint8Array
}

/** Ranks a batch. Users with neither history nor recent events get the most popular items, which are those of low index. */
export function rank(batch: Batch): Ranked {
  const histories = Array.from(batch.users, (user, i) => addRecent(trainedRow(user), part(batch.recent, i)))
  const excluded = histories.map((history, i) => {
    const excluded = part(batch.exclude, i).indices
    return batch.seen[i] ? excluded : union(history.indices, excluded)
  })
  const tastes = Uint8Array.from(histories, history => Number(history.indices.length > 0))
  const items: Uint32Array[] = []
  const scores: Float32Array[] = []
  for (let i = 0; i < tastes.length; i++) {
    if (tastes[i]) continue
    items[i] = firstAllowed(batch.limits[i], model.items.size, excluded[i], batch.only[i])
    scores[i] = new Float32Array(items[i].length)
  }
  rankTastes(batch, histories, excluded, items, scores)
  return {
    indptr: pointers(items.map(list => list.length)),
    items: concat(Uint32Array, items),
    scores: concat(Float32Array, scores),
    tastes,
  }
}

/** Writes the lists of those who have a history to `items` and `scores`. */
function rankTastes(
  { limits, only }: Batch,
  histories: readonly Row[],
  excluded: readonly Uint32Array[],
  items: Uint32Array[],
  scores: Float32Array[],
): void {
  const askers = [...histories.keys()].filter(i => histories[i].indices.length > 0)
  if (askers.length === 0) return
  const vectors = foldIn(parts, {
    indptr: pointers(askers.map(i => histories[i].indices.length)),
    indices: concat(
      Uint32Array,
      askers.map(i => histories[i].indices),
    ),
    weights: concat(
      Float32Array,
      askers.map(i => histories[i].weights),
    ),
  })
  // All who may get any item are searched for at once; who may get only some, alone.
  const rows = [...askers.keys()]
  const free = rows.filter(row => !only[askers[row]])
  const groups = [...(free.length > 0 ? [free] : []), ...rows.filter(row => only[askers[row]]).map(row => [row])]
  for (const group of groups) {
    const limit = Math.max(...group.map(row => limits[askers[row]]))
    const allowed = only[askers[group[0]]]
    const found = index.search(
      concat(
        Float32Array,
        group.map(row => vectors.subarray(row * model.rank, (row + 1) * model.rank)),
      ),
      {
        limit,
        exclude: {
          indptr: pointers(group.map(row => excluded[askers[row]].length)),
          indices: concat(
            Uint32Array,
            group.map(row => excluded[askers[row]]),
          ),
        },
        ...(allowed && { only: allowed }),
      },
    )
    group.forEach((row, at) => {
      const i = askers[row]
      const list = found.items.subarray(at * limit, at * limit + limits[i])
      const end = list.indexOf(0xffffffff)
      items[i] = end < 0 ? list : list.subarray(0, end)
      scores[i] = found.scores.subarray(at * limit, at * limit + items[i].length)
    })
  }
}

const nothing: Row = { indices: new Uint32Array(0), weights: new Float32Array(0) }

/** What the model was trained on for `user`. */
function trainedRow(user: number): Row {
  if (user < 0) return nothing
  const { indptr, indices, weights } = model.history
  const [begin, end] = [Number(indptr[user]), Number(indptr[user + 1])]
  return { indices: indices.subarray(begin, end), weights: weights.subarray(begin, end) }
}

/** Row `i` of rows that lie one after another. */
function part(rows: { indptr: Uint32Array; indices: Uint32Array; weights?: Float32Array }, i: number): Row {
  const [begin, end] = [rows.indptr[i], rows.indptr[i + 1]]
  return {
    indices: rows.indices.subarray(begin, end),
    weights: rows.weights?.subarray(begin, end) ?? nothing.weights,
  }
}
