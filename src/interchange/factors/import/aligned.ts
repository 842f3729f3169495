/** Vectors in the rows of a dataset. */
import type { GivenFactors } from '../../../models/algorithm.ts'
import type { ArtifactDataset } from '../../../models/artifact/artifact.ts'
import { type Dataset, writeDataset } from '../../../storage/dataset.ts'
import type { IdMap } from '../../../storage/ids.ts'
import type { ForeignFactors, ForeignSide } from './foreign-factors.ts'

/** How many rows of factors a dataset lacks, and how many of its own have no factors: their vectors are 0. */
export interface Unmatched {
  readonly unknown: number
  readonly without: number
}

/**
 * The factors in the rows of `dataset`, found by their ids.
 *
 * @throws Error where no id is in the dataset.
 */
export function alignedFactors(
  { users, items, width, origin }: ForeignFactors,
  dataset: Dataset,
): { readonly factors: GivenFactors; readonly users: Unmatched; readonly items: Unmatched } {
  const [ofUsers, ofItems] = [
    alignedSide(users, dataset.users, {
      width,
      title: `users of ${origin}`,
      place: dataset.directory,
      flag: '--user-ids',
    }),
    alignedSide(items, dataset.items, {
      width,
      title: `items of ${origin}`,
      place: dataset.directory,
      flag: '--item-ids',
    }),
  ]
  return { factors: { users: ofUsers.vectors, items: ofItems.vectors, width }, users: ofUsers, items: ofItems }
}

interface SideNames {
  readonly width: number
  readonly title: string
  readonly place: string
  readonly flag: string
}

function alignedSide(side: ForeignSide, ids: IdMap, { width, title, place, flag }: SideNames) {
  const vectors = new Float32Array(ids.size * width)
  const atOnce = 10_000
  let found = 0
  for (let first = 0; first < side.rows; first += atOnce) {
    const length = Math.min(atOnce, side.rows - first)
    const piece = Array.from({ length }, (_, at) => side.ids?.[first + at] ?? first + at)
    ids.indicesOf(piece).forEach((row, at) => {
      if (row < 0) return
      vectors.set(side.vectors.subarray((first + at) * width, (first + at + 1) * width), row * width)
      found++
    })
  }
  if (found === 0) {
    const own = side.ids ? side.ids[0] : '0 (rows have no ids)'
    throw new Error(
      `none of the ${title} is in ${place}: expected ids like ${ids.at(0)}, got ids like ${own}; name them by ${flag}, or leave the dataset out`,
    )
  }
  return { vectors, unknown: side.rows - found, without: ids.size - found }
}

/** What stands for the dataset of factors whose training data is not at hand: their ids, and no pairs. Written to the new directory `place`. */
export async function datasetWithoutPairs(
  place: string,
  { users, items, origin }: ForeignFactors,
): Promise<ArtifactDataset> {
  const idsOf = ({ ids, rows }: ForeignSide) => ids ?? Array.from({ length: rows }, (_, row) => row)
  const byUser = {
    rows: users.rows,
    columns: items.rows,
    indptr: new BigUint64Array(users.rows + 1),
    indices: new Uint32Array(0),
    weights: new Float32Array(0),
  }
  const manifest = await writeDataset(place, {
    byUser,
    users: idsOf(users),
    items: idsOf(items),
    source: { files: [origin] },
  })
  return {
    directory: place,
    manifest,
    byItem: { rows: items.rows, indptr: new BigUint64Array(items.rows + 1) },
    assertInPlace() {},
  }
}
