import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Csr } from '../../storage/csr.ts'
import { Dataset, type DatasetParts, writeDataset } from '../../storage/dataset.ts'
import { randomNumbers } from '../../storage/random.ts'
import { lastEvents } from '../splits/by-time.ts'
import { type HeldOut, heldOut, type Pairs } from '../splits/held-out.ts'
import { held } from '../splits/marks.ts'
import { heldEvents, splitDataset } from '../splits/split.ts'
import { pairsWithMark, trainingPart } from '../splits/training-part.ts'

export interface ValidationOptions {
  /** Users who are judged at most. Default: {@link defaultUsers}. */
  readonly users?: number | undefined
  /** Share of the pairs of a judged user that are held out, one at least, but not all. Default: {@link defaultShare}. */
  readonly share?: number | undefined
  readonly seed?: number | undefined
  /**
   * A share of the users who are held out whole, above 0 and below 1: the training lacks them, and of the pairs of each the share that is not
   * to be found is given when lists are made. For models of users who come after the training. Default: users stay in the training.
   */
  readonly whole?: number | undefined
}

export const defaultUsers = 5000
export const defaultShare = 0.2

/** Users of whom pairs are held out at most, as a share of all who can be: the data must stay nearly as dense as it is. */
const mostUsersShare = 0.5

/**
 * A training part of `dataset`, and what is to be found: of some of the users who have at least two pairs, drawn at random, a
 * share of the pairs, those with the latest events where there are times, else drawn at random. Of users who are held out whole always at random.
 *
 * @throws RangeError when no user has two pairs.
 */
export function validationParts(
  dataset: Dataset,
  { users = defaultUsers, share = defaultShare, seed = 0, whole }: ValidationOptions = {},
): { readonly train: DatasetParts; readonly test: Pairs } {
  if (whole !== undefined) return splitDataset(dataset, { kind: 'users', share: whole, found: share, seed })
  const { byUser, events } = dataset
  const random = randomNumbers(seed)
  const judged = chosenUsers(dataset, users, random)
  const last = events && lastEvents(byUser, events)
  const marks = new Uint8Array(byUser.indices.length)
  for (const user of judged) {
    const [begin, end] = [Number(byUser.indptr[user]), Number(byUser.indptr[user + 1])]
    const places = last ? last.subarray(begin, end) : Float64Array.from({ length: end - begin }, () => random())
    const pairs = Uint32Array.from({ length: end - begin }, (_, at) => at)
    pairs.sort((a, b) => places[b]! - places[a]! || b - a)
    // One at least to find, and one to learn from.
    const most = Math.min(Math.max(1, Math.round(share * pairs.length)), pairs.length - 1)
    for (const pair of pairs.subarray(0, most)) marks[begin + pair] = held
  }
  return {
    train: trainingPart(dataset, marks, heldEvents(dataset, marks, { kind: 'last', pairs: 1 })),
    test: { byUser: pairsWithMark(byUser, marks, held), users: dataset.users, items: dataset.items },
  }
}

/** Calls `work` with both parts, of which the training part lies in `folder` meanwhile. */
export async function withValidation<Result>(
  dataset: Dataset,
  options: ValidationOptions,
  folder: string,
  work: (parts: { readonly train: Dataset; readonly held: HeldOut }) => Promise<Result>,
): Promise<Result> {
  const { train: part, test } = validationParts(dataset, options)
  const directory = join(folder, 'learned-from')
  let train: Dataset | undefined
  try {
    await writeDataset(directory, part)
    train = Dataset.open(directory)
    // Rows of models are those of the dataset: what is held out is found there once, and not for each.
    return await work({ train, held: heldOut(test, train) })
  } finally {
    train?.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Whether any user has two pairs: one to learn from, and one to find. */
export function isJudgeable({ rows, indptr }: Pick<Csr, 'rows' | 'indptr'>): boolean {
  for (let user = 0; user < rows; user++) if (indptr[user + 1]! - indptr[user]! >= 2n) return true
  return false
}

function chosenUsers({ byUser }: Dataset, most: number, random: () => number): Uint32Array {
  const able = Uint32Array.from({ length: byUser.rows }, (_, user) => user).filter(
    user => byUser.indptr[user + 1]! - byUser.indptr[user]! >= 2n,
  )
  if (able.length === 0) {
    throw new RangeError('options cannot be compared: no user has two items, one to learn from and one to find')
  }
  const count = Math.min(most, Math.max(1, Math.ceil(able.length * mostUsersShare)))
  // The first steps of a shuffle (Fisher & Yates).
  for (let place = 0; place < count; place++) {
    const other = place + Math.floor(random() * (able.length - place))
    const user = able[place]!
    able[place] = able[other]!
    able[other] = user
  }
  return able.subarray(0, count).sort()
}
