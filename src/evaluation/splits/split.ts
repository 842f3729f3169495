import type { Dataset, DatasetParts } from '../../storage/dataset.ts'
import { assertWholeNumber } from '../../storage/whole-number.ts'
import { lastPairs, pairsFrom } from './by-time.ts'
import { givenEvents } from './given-events.ts'
import type { Pairs } from './held-out.ts'
import { held, type Marks, trained } from './marks.ts'
import { foldPairs, onePair, randomPairs, wholeUsers } from './random.ts'
import { pairsWithMark, trainingPart } from './training-part.ts'

export { parseSplit } from './parse.ts'

/**
 * Which pairs of a dataset are held out. All events of a pair are held out with it, the earlier ones too: no model, be
 * it trained on pairs or on events, may know a held-out pair.
 */
export type Split =
  /** Each pair with this probability, independently. */
  | { readonly kind: 'random'; readonly share: number; readonly seed: number }
  /** The pairs of fold `fold`, from 0, of `folds`: each pair is in one. {@link foldsOf} gives all. */
  | { readonly kind: 'kfold'; readonly folds: number; readonly fold: number; readonly seed: number }
  /** One random pair of each user who has another: leave-one-out. */
  | { readonly kind: 'one'; readonly seed: number }
  /**
   * A share of the users with all of their pairs: of those of each, `found` are to be found and the others given when lists are
   * made. Users with one pair stay in the training.
   */
  | { readonly kind: 'users'; readonly share: number; readonly found: number; readonly seed: number }
  /** The pairs with the latest events of each user who has more than these. */
  | { readonly kind: 'last'; readonly pairs: number }
  /** The pairs with an event at this moment or later, in ms since 1970 (UTC), and all events from then on. */
  | { readonly kind: 'time'; readonly from: number }

/** The splits to evaluate by one after the other: all folds of a cross-validation, else the one split. */
export function foldsOf(split: Split): Split[] {
  if (split.kind !== 'kfold') return [split]
  return Array.from({ length: split.folds }, (_, fold) => ({ ...split, fold }))
}

/**
 * Divides a dataset into a training and a test part. The training part has only the users and items that have pairs in
 * it, with indices of its own, and their events; the test part keeps the indices of the dataset.
 *
 * @throws RangeError if the split needs times and the dataset has none, or if a part would be empty.
 */
export function splitDataset(dataset: Dataset, split: Split): { readonly train: DatasetParts; readonly test: Pairs } {
  const { byUser, users, items, events } = dataset
  const marks = marksOf(dataset, split)
  const count = (mark: number) => marks.reduce((sum, each) => sum + Number(each === mark), 0)
  const tested = count(held)
  if (tested === 0 || count(trained) === 0) {
    throw new RangeError(
      `the split puts ${tested} of ${marks.length} pairs in the test and ${count(trained)} in the training: ` +
        'both parts must have some; choose another split',
    )
  }
  return {
    train: trainingPart(dataset, marks, heldEvents(dataset, marks, split)),
    test: {
      byUser: pairsWithMark(byUser, marks, held),
      users,
      items,
      given: split.kind === 'users' ? givenEvents(byUser, events, marks) : undefined,
    },
  }
}

function marksOf({ byUser, events }: Dataset, split: Split): Marks {
  switch (split.kind) {
    case 'random':
      assertShare('share', split.share)
      return randomPairs(byUser, split.share, split.seed)
    case 'kfold':
      assertWholeNumber('folds', split.folds, 2)
      assertWholeNumber('fold', split.fold, 0, split.folds - 1)
      return foldPairs(byUser, split.folds, split.fold, split.seed)
    case 'one':
      return onePair(byUser, split.seed)
    case 'users':
      assertShare('share', split.share)
      assertShare('found', split.found)
      return wholeUsers(byUser, split, split.seed)
  }
  if (!events) {
    throw new RangeError(
      `the split ${split.kind} needs times: import the source with times (time, --time), or split random, kfold, one or users`,
    )
  }
  return split.kind === 'last' ? lastPairs(byUser, events, split.pairs) : pairsFrom(byUser, events, split.from)
}

function assertShare(option: string, value: number): void {
  if (!(value > 0 && value < 1)) throw new RangeError(`${option} must be a number above 0 and below 1, got ${value}`)
}

/** (events) Not 0 where the event is of a pair that is not in the training, or too late for it. */
export function heldEvents({ byUser, events }: Dataset, marks: Marks, split: Split): Uint8Array | undefined {
  if (!events) return undefined
  const heldOut = new Uint8Array(events.items.length)
  const markOf = new Uint8Array(byUser.columns)
  for (let user = 0, event = 0; user < byUser.rows; user++) {
    const [begin, end] = [Number(byUser.indptr[user]), Number(byUser.indptr[user + 1])]
    for (let pair = begin; pair < end; pair++) markOf[byUser.indices[pair]] = marks[pair]
    for (const next = Number(events.indptr[user + 1]); event < next; event++) {
      heldOut[event] = markOf[events.items[event]]
    }
    for (let pair = begin; pair < end; pair++) markOf[byUser.indices[pair]] = 0
  }
  if (split.kind !== 'time') return heldOut
  // Events need no pair: those that weigh 0 have none.
  const from = BigInt(split.from)
  return heldOut.map((mark, event) => (mark !== 0 || events.times[event] >= from ? 1 : 0))
}
