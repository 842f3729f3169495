import { native } from '../../../native.ts'
import type { Dataset } from '../../../storage/dataset.ts'
import { vector } from '../../../storage/safetensors.ts'
import type { Sequences } from '../../../storage/sequences.ts'
import type { TrainContext, Trained } from '../../algorithm.ts'
import { newestOf } from '../../weighting/event-sums.ts'
import { repeatShares } from '../sessions/repeats.ts'
import { assertHasTimes, visitSessions } from '../sessions/sessions.ts'
import type { SessionNeighboursOptions } from './options.ts'

const day = 86_400_000
/** The least that a session counts: old ones next to nothing. */
const least = 1e-30

/**
 * Keeps the sessions of the dataset, each item of one where it comes last, and which of them have each item; `sessionNeighboursTensors` in model.ts describes the tensors.
 * One thread does it, in about the time that the events take to read.
 *
 * @throws RangeError when the dataset has no times; the signal's reason when it is aborted.
 */
export async function trainSessionNeighbours(
  dataset: Dataset,
  options: SessionNeighboursOptions,
  { signal }: TrainContext,
): Promise<Trained> {
  assertHasTimes(dataset, 'session neighbours')
  signal?.throwIfAborted()
  const { items } = dataset.manifest
  const sessions = sessionsOf(dataset.events!, options)
  const indptr = new BigUint64Array(items + 1)
  native.planSessionIndex(sessions, options.sessionsOfItem, indptr)
  const index = new Uint32Array(Number(indptr[items]))
  native.fillSessionIndex(sessions, indptr, index)
  const tensors = {
    sessionIndptr: vector(sessions.indptr),
    sessionItems: vector(sessions.items),
    sessionFactors: vector(sessions.factors),
    counts: vector(countsOf(sessions.items, items)),
    repeats: vector(repeatShares(dataset.events!, options.sessionGap, options.recentItems)),
    indptr: vector(indptr),
    index: vector(index),
  }
  return { tensors, epochs: 1, complete: true, loss: [] }
}

/** Sessions in order of time, with what each counts. */
interface PastSessions {
  /** (sessions + 1) */
  readonly indptr: BigUint64Array
  readonly items: Uint32Array
  /** (sessions) */
  readonly factors: Float32Array
}

/** Sessions of one item are left out: they tell of no other. */
function sessionsOf(
  events: Sequences,
  { sessionGap, lengthNorm, sessionHalfLife }: SessionNeighboursOptions,
): PastSessions {
  const { times } = events
  const found: { readonly first: number; readonly length: number; readonly end: number }[] = []
  const items = new Uint32Array(events.items.length)
  let [size, first, last] = [0, 0, 0]
  visitSessions(events, sessionGap, {
    event: (item, event) => {
      items[size++] = item
      last = event
    },
    end: () => {
      size = first + keepLast(items.subarray(first, size))
      if (size - first > 1) found.push({ first, length: size - first, end: Number(times[last]) })
      else size = first
      first = size
    },
  })
  // Of equal times that of the lower user comes first: the sort is stable.
  found.sort((a, b) => a.end - b.end)
  const newest = sessionHalfLife === undefined ? 0 : Number(newestOf(times))
  const age = (end: number) => (sessionHalfLife === undefined ? 0 : (newest - end) / day / sessionHalfLife)
  const indptr = new BigUint64Array(found.length + 1)
  const inOrder = new Uint32Array(size)
  let next = 0
  found.forEach(({ first, length }, session) => {
    inOrder.set(items.subarray(first, first + length), next)
    next += length
    indptr[session + 1] = BigInt(next)
  })
  return {
    indptr,
    items: inOrder,
    factors: Float32Array.from(found, ({ length, end }) => Math.max(least, length ** -lengthNorm * 2 ** -age(end))),
  }
}

/** Moves what comes last of each item to the front, in order, and gives how many there are. */
function keepLast(items: Uint32Array): number {
  const found = new Set<number>()
  for (let at = items.length - 1; at >= 0; at--) found.add(items[at])
  items.set([...found].reverse())
  return found.size
}

/** (size) How often each comes. */
function countsOf(items: Uint32Array, size: number): Uint32Array {
  const counts = new Uint32Array(size)
  for (const item of items) counts[item] += 1
  return counts
}
