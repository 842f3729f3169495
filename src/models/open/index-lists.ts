/** Lists by a top-k index of vectors of the items. */
import { concat, pointers } from '../../search/item-lists.ts'
import type { TopKIndex } from '../../search/topk.ts'
import type { ItemList, ResolvedRequest } from '../algorithm.ts'

/** Stands after the last item of a list that is shorter than its limit. */
const none = 0xffff_ffff

/** The best items of each request by its row of `queries` (requests × rank of the index). */
export function listsByIndex(
  index: TopKIndex,
  requests: readonly ResolvedRequest[],
  queries: Float32Array,
  measure: 'product' | 'cosine' = 'product',
): ItemList[] {
  const { rank } = index
  const lists: ItemList[] = []
  for (const group of groupsByFilter(requests)) {
    const limit = Math.max(...group.map(row => requests[row].limit))
    const own = concat(
      Float32Array,
      group.map(row => queries.subarray(row * rank, (row + 1) * rank)),
    )
    const excluded = group.map(row => requests[row].exclude)
    const exclude = {
      indptr: pointers(excluded.map(({ length }) => length)),
      indices: concat(Uint32Array, excluded),
    }
    const found = index.search(own, { limit, exclude, ...filterOf(requests[group[0]]), measure })
    group.forEach((row, at) => {
      lists[row] = listAt(found, at * limit, requests[row].limit)
    })
  }
  return lists
}

/** The list of at most `limit` items that begins at `begin` of those that an index found. */
export function listAt(found: ItemList, begin: number, limit: number): ItemList {
  const items = found.items.subarray(begin, begin + limit)
  const end = items.indexOf(none)
  const length = end < 0 ? limit : end
  return { items: items.subarray(0, length), scores: found.scores.subarray(begin, begin + length) }
}

/** Requests with the same bitmap are searched for together, as those without; each that names its only items, alone. */
function groupsByFilter(requests: readonly ResolvedRequest[]): number[][] {
  const groups = new Map<Uint32Array | undefined, number[]>()
  const alone: number[][] = []
  requests.forEach(({ only, allowed }, row) => {
    const group = groups.get(allowed)
    if (only) alone.push([row])
    else if (group) group.push(row)
    else groups.set(allowed, [row])
  })
  return [...groups.values(), ...alone]
}

function filterOf({ only, allowed }: ResolvedRequest): Pick<ResolvedRequest, 'only' | 'allowed'> {
  return { only, allowed }
}
