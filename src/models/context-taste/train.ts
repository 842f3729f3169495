import type { Dataset } from '../../storage/dataset.ts'
import { vector } from '../../storage/safetensors.ts'
import type { TrainContext, Trained, TrainProgress } from '../algorithm.ts'
import type { Part } from '../parts/parts.ts'
import { trainParts } from '../parts/train.ts'
import { assertHasTimes } from '../sessions/sessions.ts'
import { newestOf } from '../weighting/event-sums.ts'
import { fitGate, weigh } from './gate.ts'
import { momentFeatures } from './moment.ts'
import type { ContextTasteOptions } from './options.ts'
import { probabilitiesOf } from './probabilities.ts'
import { chooseReliance, type JudgedEvents } from './reliance.ts'
import { type Predicted, predict } from './samples.ts'
import { sessionGapOf } from './session-gap.ts'

/**
 * Trains the parts twice: on all but the latest events, which the gate learns from, and on all. `contextTasteTensors` in model.ts describes the tensors.
 *
 * @throws RangeError when the dataset has no times, or for what a part refuses; the signal's reason when it is aborted.
 */
export async function trainContextTaste(
  dataset: Dataset,
  options: ContextTasteOptions,
  parts: readonly Part[],
  { pool, signal, onProgress }: TrainContext,
): Promise<Trained> {
  assertHasTimes(dataset, 'context-taste')
  const begun = performance.now()
  const report = (done: number, rowsPerSecond: number) => {
    const seconds = (performance.now() - begun) / 1000
    onProgress?.({
      done,
      rowsPerSecond,
      secondsLeft: done > 0 ? (seconds / done) * (1 - done) : Number.POSITIVE_INFINITY,
    })
  }
  const { gateShare: share, gateEvents: most, depth } = options
  const predicted = await predict(
    dataset,
    parts,
    { share, most, depth, sessionGap: sessionGapOf(parts), weighting: options },
    { pool, signal, onProgress: part => report(part / 2, 0) },
  )
  const { temperatures } = predicted
  const { gate, reliance } = learn(predicted, parts.length, options.gate)
  const trained = await trainParts(dataset, parts, {
    pool,
    signal,
    onProgress: ({ done, rowsPerSecond }: TrainProgress) => report(0.5 + done / 2, rowsPerSecond),
  })
  const tensors = {
    ...trained.tensors,
    'gate.means': vector(gate.means),
    'gate.scales': vector(gate.scales),
    'gate.coefficients': vector(gate.coefficients),
    'gate.temperatures': vector(temperatures),
    'gate.reliance': vector(Float64Array.of(reliance.best, reliance.share)),
    'gate.newest': vector(Float64Array.of(newestOf(dataset.events!.times))),
  }
  return { ...trained, tensors }
}

/** Of the samples, the first in time, by which a gate is made that the others judge. */
const fittedShare = 0.7

/** The gate of all samples, and how far to follow one that was made of the earlier ones. */
function learn(
  { samples, temperatures, lists, targets, isNew, isFresh }: Predicted,
  parts: number,
  by: ContextTasteOptions['gate'],
) {
  const sizes = { parts, features: momentFeatures.length }
  const features = (event: number) => samples.features.subarray(event * sizes.features, (event + 1) * sizes.features)
  // Of features that never differ a gate learns nothing.
  const known = by === 'moment' ? samples : { ...samples, features: new Float64Array(samples.features.length) }
  const fitted = Math.floor(fittedShare * samples.count)
  const earlier = fitGate({ ...known, count: fitted }, sizes)
  const weights = new Float64Array(parts)
  const later: JudgedEvents = {
    count: samples.count - fitted,
    experts: event =>
      lists[fitted + event].map((list, part) => ({
        items: list.items,
        probabilities: probabilitiesOf(list, temperatures[part]),
      })),
    targets: targets.subarray(fitted),
    views: [
      event => features(fitted + event)[0] === 0,
      event => isNew[fitted + event] === 1,
      event => isFresh[fitted + event] === 1,
    ],
  }
  const reliance = chooseReliance(later, parts, event => {
    weigh(earlier, features(fitted + event), weights)
    return weights
  })
  return { gate: fitGate(known, sizes), reliance }
}
