import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { freshFolder } from '../storage/folder.ts'

/** Pairs of user, item and weight, as a dataset on disk; ids are the numbers given. */
export async function datasetOf(
  pairs: readonly (readonly [user: number, item: number, weight: number])[],
): Promise<Dataset> {
  const ordered = (side: 0 | 1) => {
    const counts = new Map<number, number>()
    for (const pair of pairs) counts.set(pair[side], (counts.get(pair[side]) ?? 0) + 1)
    return [...counts.keys()].sort((a, b) => counts.get(b)! - counts.get(a)! || a - b)
  }
  const [users, items] = [ordered(0), ordered(1)]
  const indexOf = new Map(items.map((item, index) => [item, index]))
  const rows = users.map(user =>
    pairs
      .filter(pair => pair[0] === user)
      .map(([, item, weight]) => [indexOf.get(item)!, weight] as const)
      .sort((a, b) => a[0] - b[0]),
  )
  const indptr = BigUint64Array.of(0n, ...rows.map(() => 0n))
  rows.forEach((row, at) => {
    indptr[at + 1] = indptr[at] + BigInt(row.length)
  })
  const byUser = {
    ...{ rows: users.length, columns: items.length, indptr },
    indices: Uint32Array.from(rows.flat(), ([item]) => item),
    weights: Float32Array.from(rows.flat(), ([, weight]) => weight),
  }
  const directory = `${freshFolder()}/data`
  await writeDataset(directory, { byUser, users, items })
  return Dataset.open(directory)
}

/** Every user u likes all items of its own parity but item u: the most obvious one to recommend. */
export function checkerboard(size: number): [number, number, number][] {
  const pairs: [number, number, number][] = []
  for (let user = 0; user < size; user++) {
    for (let item = user % 2; item < size; item += 2) if (item !== user) pairs.push([user, item, 1])
  }
  return pairs
}
