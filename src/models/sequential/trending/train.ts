import type { Dataset } from '../../../storage/dataset.ts'
import { vector } from '../../../storage/safetensors.ts'
import type { TrainContext, Trained } from '../../algorithm.ts'
import { orderOf } from '../../open/popularity.ts'
import { newestOf } from '../../weighting/event-sums.ts'
import { assertHasTimes, millisecondsInHour } from '../sessions/sessions.ts'
import { visitCounted } from './counted-events.ts'
import { chooseHalfLife } from './half-life.ts'
import type { TrendingOptions } from './options.ts'

/**
 * Σ 2^(−age / half-life) over the events of each item that count (counted-events.ts), their ages as of the newest
 * event of all; `trendingTensors` in model.ts describes the tensors. O(events).
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
  visitCounted(events, sessionGap, (item, event) => {
    sums[item] += 2 ** ((Number(events.times[event]) - newest) / halfLife)
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
