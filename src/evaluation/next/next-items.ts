import type { UserEvents } from '../../models/algorithm.ts'
import { rowOf } from '../../models/open/history.ts'
import type { EventWeights } from '../../models/weighting/event-sums.ts'
import { contains } from '../../search/item-lists.ts'
import { type Sequences, sequenceOf } from '../../storage/sequences.ts'
import type { TestEvents } from '../splits/events-from.ts'
import type { Training } from '../splits/held-out.ts'

/** Events of a test, each to be predicted from what its user did before. Users are rows of the test; items, of the training. */
export interface NextItems {
  /** (judged) The user's row in the training, or -1. */
  readonly users: Int32Array
  /** (judged) The user's row in the test, never falling. */
  readonly rows: Uint32Array
  /** (judged) The row of the item, or -1 where no list can have it: such an event counts as a miss. */
  readonly targets: Int32Array
  /** (judged) ms since 1970. */
  readonly times: Float64Array
  /** (judged) What is known of the user by then: the events from `begins` to before `ends` of {@link known}. */
  readonly begins: Uint32Array
  readonly ends: Uint32Array
  /** The events of the test whose items lists can have, side by side, by user and in order of time. */
  readonly known: KnownEvents
  /** (judged) Number of items of the user in the training. */
  readonly histories: Uint32Array
  /** (judged) A bit for each of {@link nextItemViews}. */
  readonly views: Uint8Array
  readonly seen: 'allow' | 'exclude'
}

export interface KnownEvents extends UserEvents {
  /** Rows of the test. */
  readonly rows: Uint32Array
}

/** What a model was trained on, with the order of its events where that is known. */
export interface TrainingEvents extends Training {
  readonly events?: Sequences | undefined
}

/** Subsets of the judged events that are reported apart. */
export const nextItemViews = [
  { name: 'first of a session', note: 'nothing was done for as long as ends a session, or ever' },
  { name: 'later in a session', note: 'all others' },
  { name: 'new to the user', note: 'the user had no event of the item before' },
  { name: 'new since the cut', note: 'the training has no event of the item' },
] as const

export type NextItemView = (typeof nextItemViews)[number]['name']

/** Whether an event whose `views` these are is in one of them. */
export function isIn(views: number, view: NextItemView): boolean {
  return (views & bitOf(view)) !== 0
}

function bitOf(view: NextItemView): number {
  return 1 << nextItemViews.findIndex(({ name }) => name === view)
}

const [firstBit, laterBit, newBit, newItemBit] = nextItemViews.map(({ name }) => bitOf(name))

export interface NextItemOptions {
  /** Whether an item that the user had before may come again: if not, such events are not judged. Default: `allow`. */
  readonly seen?: 'allow' | 'exclude'
  /** In ms: how long nothing happens between two sessions. Default: half an hour. */
  readonly sessionGap?: number
  /** Whether an event that repeats the item of the one before is left out. Default: false. */
  readonly dropRepeats?: boolean
  /** What events count in the model, where it says so: see `Artifact.weighting`. */
  readonly weights?: EventWeights | undefined
  /** Whether items that the training does not know get the rows after those that it does: for a model that learns. Default: false. */
  readonly numbersNew?: boolean
}

/**
 * The events of `test` that are to be predicted, one after the other.
 *
 * @throws RangeError when there is none.
 */
export function nextItems(
  { events, users, items, kinds }: TestEvents,
  training: TrainingEvents,
  { seen = 'allow', sessionGap = 1_800_000, dropRepeats = false, weights, numbersNew = false }: NextItemOptions = {},
): NextItems {
  const trained = training.byUser.columns
  const rowOfItem = rowsOf(items, events.columns, training, numbersNew)
  const most = events.items.length
  const judged = {
    users: new Int32Array(most),
    rows: new Uint32Array(most),
    targets: new Int32Array(most),
    times: new Float64Array(most),
    begins: new Uint32Array(most),
    ends: new Uint32Array(most),
    histories: new Uint32Array(most),
    views: new Uint8Array(most),
  }
  const known = {
    rows: new Uint32Array(most),
    items: new Uint32Array(most),
    weights: new Float32Array(most),
    times: new Float64Array(most),
  }
  let [count, size] = [0, 0]
  for (let row = 0, event = 0; row < events.rows; row++) {
    const end = Number(events.indptr[row + 1])
    if (event === end) continue
    const user = training.users.indexOf(users.at(row)!)
    const history = user < 0 ? noItems : rowOf(training.byUser, user).indices
    const had = new Set<number>()
    const begin = size
    let last = lastTime(training.events, user)
    const lastItem = lastItemOf(training.events, user)
    for (let before = -1; event < end; event++) {
      const column = events.items[event]
      if (dropRepeats && (before < 0 ? rowOfItem[column] === lastItem : column === before)) {
        before = column
        continue
      }
      before = column
      const item = rowOfItem[column]
      const time = Number(events.times[event])
      const isNewItem = item < 0 || item >= trained
      const isNew = !had.has(column) && (isNewItem || !contains(history, item))
      const weight = events.weights?.[event] ?? 1
      if (weight > 0 && (isNew || seen === 'allow')) {
        const isFirst = time - last >= sessionGap
        judged.users[count] = user
        judged.rows[count] = row
        judged.targets[count] = item
        judged.times[count] = time
        judged.begins[count] = begin
        judged.ends[count] = size
        judged.histories[count] = history.length
        judged.views[count] = (isFirst ? firstBit : laterBit) | (isNew ? newBit : 0) | (isNewItem ? newItemBit : 0)
        count++
      }
      last = time
      had.add(column)
      if (item < 0) continue
      known.rows[size] = row
      known.items[size] = item
      known.weights[size] = weights?.of(weight, kinds?.[events.kinds?.[event] ?? -1], time) ?? weight
      known.times[size++] = time
    }
  }
  if (count === 0) throw new RangeError('there is nothing to judge: the test has no event whose item may come')
  const judgedParts = Object.entries(judged).map(([name, values]) => [name, values.slice(0, count)])
  return {
    ...(Object.fromEntries(judgedParts) as typeof judged),
    known: {
      rows: known.rows.slice(0, size),
      items: known.items.slice(0, size),
      weights: known.weights.slice(0, size),
      times: known.times.slice(0, size),
    },
    seen,
  }
}

/** The same with those of the judged events alone whose users, rows of the test, `isJudged` names; what is known of users stays. */
export function judgedWhere(next: NextItems, isJudged: (row: number) => boolean): NextItems {
  const isChosen = (_: number, at: number) => isJudged(next.rows[at])
  const { users, rows, targets, times, begins, ends, histories, views } = next
  return {
    ...next,
    users: users.filter(isChosen),
    rows: rows.filter(isChosen),
    targets: targets.filter(isChosen),
    times: times.filter(isChosen),
    begins: begins.filter(isChosen),
    ends: ends.filter(isChosen),
    histories: histories.filter(isChosen),
    views: views.filter(isChosen),
  }
}

/** (columns) Rows of the test's items, or -1. */
function rowsOf(
  items: TestEvents['items'],
  columns: number,
  training: TrainingEvents,
  numbersNew: boolean,
): Int32Array {
  let next = training.byUser.columns
  return Int32Array.from({ length: columns }, (_, column) => {
    const row = training.items.indexOf(items.at(column)!)
    return row < 0 && numbersNew ? next++ : row
  })
}

const noItems = new Uint32Array(0)

/** The row of the item of the user's last event of the training; none is -2. */
function lastItemOf(events: Sequences | undefined, user: number): number {
  return (events && user >= 0 ? sequenceOf(events, user).items.at(-1) : undefined) ?? -2
}

/** When the user's last event of the training was, in ms since 1970, or -∞. */
function lastTime(events: Sequences | undefined, user: number): number {
  const last = events && user >= 0 ? sequenceOf(events, user).times.at(-1) : undefined
  return last === undefined ? Number.NEGATIVE_INFINITY : Number(last)
}
