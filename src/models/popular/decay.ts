import { setImmediate } from 'node:timers/promises'
import type { Dataset } from '../../storage/dataset.ts'
import type { TrainContext } from '../algorithm.ts'

const day = 86_400_000

/** Users whose events are read before others get a turn on this thread. */
const usersAtOnce = 4096

/**
 * What each item counts, (items): Σ 2^(-t / `halfLife`) over its users, t being the days from the last event of the user on it to the newest
 * event of the dataset. The newest event, not the clock, is where decay begins, so that the same data give the same. O(events).
 *
 * @throws RangeError when the dataset has no times; the signal's reason when it is aborted.
 */
export async function decayedCounts(
  { byUser, events }: Dataset,
  halfLife: number,
  { signal, onProgress }: Pick<TrainContext, 'signal' | 'onProgress'> = {},
): Promise<Float32Array> {
  if (!events) {
    throw new RangeError(
      'a half-life (halfLife, --half-life) needs times: import the source with times (time, --time), or leave it out',
    )
  }
  const { indptr, items, times } = events
  const begun = performance.now()
  const newest = newestOf(times)
  const rate = -Math.LN2 / (halfLife * day)
  const counts = new Float64Array(byUser.columns)
  /** Of the user at hand: when each item last came. */
  const last = new Float64Array(byUser.columns).fill(Number.NEGATIVE_INFINITY)
  for (let user = 0; user < byUser.rows; user++) {
    const [begin, end] = [Number(indptr[user]), Number(indptr[user + 1])]
    for (let event = begin; event < end; event++) {
      last[items[event]] = Math.max(last[items[event]], Number(times[event]))
    }
    // Items whose events the user took back are no pairs, and count nothing.
    for (let pair = Number(byUser.indptr[user]); pair < Number(byUser.indptr[user + 1]); pair++) {
      counts[byUser.indices[pair]] += Math.exp(rate * (newest - last[byUser.indices[pair]]))
    }
    for (let event = begin; event < end; event++) last[items[event]] = Number.NEGATIVE_INFINITY
    if ((user + 1) % usersAtOnce !== 0) continue
    await setImmediate()
    signal?.throwIfAborted()
    const seconds = Math.max((performance.now() - begun) / 1000, 1e-9)
    const done = (user + 1) / byUser.rows
    onProgress?.({ done, rowsPerSecond: (user + 1) / seconds, secondsLeft: (seconds / done) * (1 - done) })
  }
  return Float32Array.from(counts)
}

function newestOf(times: BigInt64Array): number {
  let newest = Number.NEGATIVE_INFINITY
  for (const time of times) newest = Math.max(newest, Number(time))
  return newest
}
