import type { Dataset } from '../../storage/dataset.ts'
import { vector } from '../../storage/safetensors.ts'
import type { TrainContext, Trained, TrainProgress } from '../algorithm.ts'
import type { Part } from '../parts/parts.ts'
import { trainParts } from '../parts/train.ts'
import { assertHasTimes } from '../sessions/sessions.ts'
import { newestOf } from '../weighting/event-sums.ts'
import { fitGate } from './gate.ts'
import { momentFeatures } from './moment.ts'
import type { ContextTasteOptions } from './options.ts'
import { foretell } from './samples.ts'
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
  const { samples, temperatures } = await foretell(
    dataset,
    parts,
    { share, most, depth, sessionGap: sessionGapOf(parts) },
    { pool, signal, onProgress: part => report(part / 2, 0) },
  )
  const gate = fitGate(samples, { parts: parts.length, features: momentFeatures.length })
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
    'gate.newest': vector(Float64Array.of(newestOf(dataset.events!.times))),
  }
  return { ...trained, tensors }
}
