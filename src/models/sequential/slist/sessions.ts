import { native } from '../../../native.ts'
import type { Sequences } from '../../../storage/sequences.ts'
import { sharedArray } from '../../../storage/shared-array.ts'
import { newestOf } from '../../weighting/event-sums.ts'
import { visitSessions } from '../sessions/sessions.ts'
import type { SlistOptions } from './options.ts'

const day = 86_400_000
/** The least that a session counts: old ones next to nothing. */
const least = 1e-30
/** Stands after each session. */
const sessionEnd = 0xffff_ffff

/** Gives `each` the items of each session of two items or more, and its last event; one that is too long in pieces. */
function visitPieces(
  events: Sequences,
  { sessionGap, sessionItems }: SlistOptions,
  each: (items: Uint32Array, last: number) => void,
): void {
  const items = new Uint32Array(sessionItems)
  let [size, last] = [0, 0]
  const end = () => {
    if (size > 1) each(items.subarray(0, size), last)
    size = 0
  }
  visitSessions(events, sessionGap, {
    event: (item, event) => {
      if (size === sessionItems) end()
      items[size++] = item
      last = event
    },
    end,
  })
}

/** What sessions take, to be known before they are trained on. */
export interface SessionSizes {
  /** Items of all sessions, and one for the end of each. */
  readonly places: number
  /** (items + 1) Where the products of each item with others begin when it has room for as many as it can have. */
  readonly starts: BigUint64Array
}

export function sizesOf(events: Sequences, options: SlistOptions): SessionSizes {
  const { columns } = events
  const room = new Float64Array(columns)
  let places = 0
  visitPieces(events, options, items => {
    places += items.length + 1
    for (const item of items) room[item] += items.length
  })
  const starts = sharedArray(BigUint64Array, columns + 1)
  room.forEach((most, item) => {
    starts[item + 1] = starts[item] + BigInt(Math.min(columns, most))
  })
  return { places, starts }
}

/** The sessions, as the kernels take them. */
export function sessionsOf(
  events: Sequences,
  { places: length }: SessionSizes,
  options: SlistOptions,
): Parameters<typeof native.slistGramian>[0]['sessions'] {
  const { sessionHalfLife } = options
  const tokens = sharedArray(Uint32Array, length)
  const weights = sessionHalfLife === undefined ? undefined : sharedArray(Float32Array, length)
  const newest = weights ? newestOf(events.times) : 0
  let [next, count] = [0, 0]
  visitPieces(events, options, (items, last) => {
    tokens.set(items, next)
    weights?.fill(weightOf(Number(events.times[last]) - newest, sessionHalfLife!), next, next + items.length)
    next += items.length
    count += items.length
    tokens[next++] = sessionEnd
  })
  const indptr = sharedArray(BigUint64Array, events.columns + 1)
  const places = sharedArray(Uint32Array, count)
  const steps = { window: 1, decay: 1, backward: 0 }
  native.planTransitions(tokens, indptr, places, new BigUint64Array(events.columns + 1), steps, 1)
  return { tokens, indptr, places, ...(weights && { weights }) }
}

function weightOf(age: number, halfLife: number): number {
  return Math.max(least, 2 ** (age / day / halfLife))
}
