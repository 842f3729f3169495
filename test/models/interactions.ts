import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { freshFolder } from '../storage/folder.ts'

/** User, item and weight; ids are the numbers given. */
export type Interaction = readonly [user: number, item: number, weight: number]

/** The pairs as a dataset on disk, laid out as the import does: most pairs first, ties by ascending id. */
export async function datasetOf(pairs: readonly Interaction[]): Promise<Dataset> {
  return written(pairs, byPairs(pairs, 0), byPairs(pairs, 1))
}

/** The same pairs with users and items in rows of random order: no row says how popular anything is. */
export async function shuffledDatasetOf(pairs: readonly Interaction[], seed = 1): Promise<Dataset> {
  const random = randomNumbers(seed)
  const shuffled = (side: 0 | 1) => {
    const keys = new Map(pairs.map(pair => [pair[side], random()]))
    return [...keys.keys()].sort((a, b) => keys.get(a)! - keys.get(b)!)
  }
  return written(pairs, shuffled(0), shuffled(1))
}

/** Every user u has all items of its own parity but item u: the most obvious one to recommend. */
export function checkerboard(size: number): [number, number, number][] {
  const pairs: [number, number, number][] = []
  for (let user = 0; user < size; user++) {
    for (let item = user % 2; item < size; item += 2) if (item !== user) pairs.push([user, item, 1])
  }
  return pairs
}

/** Users with pairs of random items of random weights, some items far more popular than others. */
export function randomInteractions(users: number, items: number, seed: number): Interaction[] {
  const random = randomNumbers(seed)
  return Array.from({ length: users }, (_, user) => {
    const chosen = new Set<number>()
    const count = 1 + Math.floor(random() * Math.min(12, items))
    for (let at = 0; at < count; at++) chosen.add(Math.floor(random() ** 2 * items))
    return [...chosen].map((item): Interaction => [user, item, 1 + Math.floor(random() * 3)])
  }).flat()
}

/** The ids of one side, most pairs first. */
function byPairs(pairs: readonly Interaction[], side: 0 | 1): number[] {
  const counts = new Map<number, number>()
  for (const pair of pairs) counts.set(pair[side], (counts.get(pair[side]) ?? 0) + 1)
  return [...counts.keys()].sort((a, b) => counts.get(b)! - counts.get(a)! || a - b)
}

async function written(pairs: readonly Interaction[], users: number[], items: number[]): Promise<Dataset> {
  const columnOf = new Map(items.map((item, column) => [item, column]))
  const rows = users.map(user =>
    pairs
      .filter(pair => pair[0] === user)
      .map(([, item, weight]) => [columnOf.get(item)!, weight] as const)
      .sort((a, b) => a[0] - b[0]),
  )
  const indptr = new BigUint64Array(users.length + 1)
  rows.forEach((row, at) => {
    indptr[at + 1] = indptr[at]! + BigInt(row.length)
  })
  const byUser = {
    rows: users.length,
    columns: items.length,
    indptr,
    indices: Uint32Array.from(rows.flat(), ([column]) => column),
    weights: Float32Array.from(rows.flat(), ([, weight]) => weight),
  }
  // Users have their pairs in order of the items' ids, one a minute.
  const order = rows.flatMap(row => row.toSorted((a, b) => items[a[0]]! - items[b[0]]!))
  const events = {
    rows: users.length,
    columns: items.length,
    indptr,
    items: Uint32Array.from(order, ([column]) => column),
    times: BigInt64Array.from(order, (_, at) => 1_700_000_000_000n + 60_000n * BigInt(at)),
  }
  const directory = `${freshFolder()}/data`
  await writeDataset(directory, { byUser, users, items, events })
  return Dataset.open(directory)
}
