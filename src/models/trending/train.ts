import type { Dataset } from '../../storage/dataset.ts'
import { vector } from '../../storage/safetensors.ts'
import type { TrainContext, Trained } from '../algorithm.ts'
import { orderOf } from '../popularity.ts'
import { assertHasTimes, millisecondsInHour, visitSessions } from '../sessions/sessions.ts'
import { newestOf } from '../weighting/event-sums.ts'
import { chooseHalfLife } from './half-life.ts'
import { countedItems, type TrendingOptions } from './options.ts'

/**
 * Σ 2^(−age / half-life) of the events of each item, of those of one session the first, of 100 items at most, their ages from the newest event of all back;
 * `trendingTensors` in model.ts describes the tensors. O(events).
 *
 * @throws RangeError when the dataset has no times; the signal's reason when it is aborted.
 */
export async function trainTrending(
  dataset: Dataset,
  options: TrendingOptions,
  { signal }: TrainContext,
): Promise<Trained> {
  assertHasTimes(dataset, 'trending')
  signal?.throwIfAborted()
  const events = dataset.events!
  const newest = newestOf(events.times)
  const { sessionGap, halfLifeHours = chooseHalfLife(events, sessionGap, dataset.manifest.items) } = options
  const halfLife = halfLifeHours * millisecondsInHour
  const sums = new Float64Array(dataset.manifest.items)
  const session = new Set<number>()
  visitSessions(events, sessionGap, {
    event: (item, event) => {
      if (session.has(item) || session.size === countedItems) return
      session.add(item)
      sums[item] += 2 ** ((Number(events.times[event]) - newest) / halfLife)
    },
    end: () => session.clear(),
  })
  const rounded = Float32Array.from(sums)
  return {
    tensors: {
      sums: vector(rounded),
      order: vector(orderOf(rounded)),
      newest: vector(Float64Array.of(newest)),
      halfLife: vector(Float64Array.of(halfLife)),
    },
    epochs: 1,
    complete: true,
    loss: [],
    ...(options.halfLifeHours === undefined && {
      findings: [`Events count half after ${halfLifeHours} ${halfLifeHours === 1 ? 'hour' : 'hours'}.`],
    }),
  }
}
