import type { Dataset } from '../../../storage/dataset.ts'
import type { TrainContext, Trained, TrainProgress } from '../../algorithm.ts'
import type { TrainedTensor } from '../../artifact/trained-tensor.ts'
import { type Part, prefixOf, refusalOf } from './parts.ts'

/**
 * Trains each part on all of `dataset`, one after the other, each by all workers. What each has made stays in memory until the model
 * is saved. That each part alone fits in memory is checked before the first is trained where its algorithm can tell
 * ({@link Algorithm.assertFits}), and else when its turn comes.
 *
 * @throws RangeError naming a part that cannot fit in memory; the signal's reason when it is aborted; what a part throws.
 */
export async function trainParts(
  dataset: Dataset,
  parts: readonly Part[],
  { pool, signal, onProgress }: TrainContext,
): Promise<Trained> {
  for (const part of parts) {
    try {
      part.algorithm.assertFits?.(dataset, part.options, pool.threads)
    } catch (cause) {
      throw refusalOf(part, cause)
    }
  }
  const tensors: Record<string, TrainedTensor> = {}
  const findings: string[] = []
  const report = onProgress && reporter(parts.length, onProgress)
  for (const [place, part] of parts.entries()) {
    signal?.throwIfAborted()
    const context = { pool, signal, ...(report && { onProgress: (next: TrainProgress) => report(place, next) }) }
    const trained = await part.algorithm.train(dataset, part.options, context).catch(cause => {
      throw refusalOf(part, cause)
    })
    // What an interrupted training of a part gives is no part.
    signal?.throwIfAborted()
    for (const [name, tensor] of Object.entries(trained.tensors)) tensors[prefixOf(place) + name] = tensor
    for (const finding of trained.findings ?? []) findings.push(`Of ${part.algorithm.name}: ${finding}`)
    report?.(place + 1, { done: 0, rowsPerSecond: 0 })
  }
  return { tensors, epochs: 1, complete: true, loss: [], ...(findings.length > 0 && { findings }) }
}

/** Tells of the whole, of which each part is an equal share, how much is done once `before` parts are, and so much of the next. */
function reporter(parts: number, onProgress: (progress: TrainProgress) => void) {
  const begun = performance.now()
  return (before: number, { done: doneOfNext, rowsPerSecond }: Pick<TrainProgress, 'done' | 'rowsPerSecond'>) => {
    const done = (before + doneOfNext) / parts
    const seconds = (performance.now() - begun) / 1000
    const secondsLeft = done > 0 ? (seconds / done) * (1 - done) : Number.POSITIVE_INFINITY
    onProgress({ done, rowsPerSecond, secondsLeft })
  }
}
