import { basename, join } from 'node:path'
import { type HeldOut, heldOut } from '../../src/evaluation/splits/held-out.ts'
import { splitDataset } from '../../src/evaluation/splits/split.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { benchCache, brunchSplit } from '../data/brunch-data.ts'
import { spread } from '../support/numbers.ts'
import type { ModelBenchOptions } from './options.ts'

/** Of the validation part, so many users are judged: their NDCG@20 has a standard error of some .0015. */
const judgedUsers = 20_000

/**
 * What is trained on, and what it is judged by. All searches and traces train on `train`, so that the validation part is unseen; the
 * test part, which decides nothing, is then found a little worse than by a training on both.
 */
export interface Parts {
  readonly train: Dataset
  /** A tenth of the pairs of the split's training part, by chance. */
  readonly validation: HeldOut
  /** The split's test part. */
  readonly test: HeldOut
}

export async function brunchParts({ data, quick }: Pick<ModelBenchOptions, 'data' | 'quick'>): Promise<Parts> {
  const { train: whole, test } = await brunchSplit(data, { quick })
  const split = splitDataset(whole, { kind: 'random', share: 0.1, seed: 1 })
  const directory = join(benchCache, `${basename(whole.directory)}-without-validation`)
  await writeDataset(directory, split.train, { replace: true })
  const train = Dataset.open(directory)
  return { train, validation: someOf(heldOut(split.test, train), judgedUsers), test: heldOut(test, train) }
}

/** As many of the judged users, evenly spaced. */
function someOf(held: HeldOut, count: number): HeldOut {
  const places = spread(held.users.length, count)
  const indptr = new Uint32Array(places.length + 1)
  const lists = places.map(at => held.items.subarray(held.indptr[at], held.indptr[at + 1]))
  const items = new Uint32Array(lists.reduce((sum, list) => sum + list.length, 0))
  lists.forEach((list, at) => {
    items.set(list, indptr[at])
    indptr[at + 1] = indptr[at]! + list.length
  })
  const at = <A extends Int32Array | Uint32Array>(values: A) => values.filter((_, place) => chosen.has(place)) as A
  const chosen = new Set(places)
  return {
    ...held,
    users: at(held.users),
    rows: at(held.rows),
    indptr,
    items,
    sizes: at(held.sizes),
    histories: at(held.histories),
  }
}
