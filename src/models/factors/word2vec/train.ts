import { sequenceEnd } from '../../../skip-gram/corpus.ts'
import { checkMemory } from '../../../skip-gram/memory.ts'
import { SkipGramTrainer } from '../../../skip-gram/trainer.ts'
import type { Dataset } from '../../../storage/dataset.ts'
import type { FactorMatrix } from '../../../storage/factors.ts'
import { rowsIn } from '../../../storage/ids.ts'
import type { TrainContext, Trained } from '../../algorithm.ts'
import { assertHasTimes } from '../../sequential/sessions/sessions.ts'
import { trainEpochs } from '../../training/epochs.ts'
import { word2vecTensors, word2vecTrainedTensors } from './model.ts'
import type { Word2vecOptions } from './options.ts'
import { type ItemCorpus, itemCorpus } from './sessions.ts'

/**
 * Learns vectors of the items from the order of the users' events (kernel in crates/kernels/src/word2vec); `word2vecTensors`
 * in model.ts describes the tensors.
 *
 * The same bits come out for any number of workers, and whether or not the training was interrupted and resumed. Aborting the
 * signal ends the training after the running epoch. Where a model is resumed for more epochs than it was to have, the learning
 * rate goes on from where the longer training has it.
 *
 * @throws RangeError when the dataset has no times, or the vectors cannot fit in memory; Error when the training diverges.
 */
export async function trainWord2vec(
  dataset: Dataset,
  options: Word2vecOptions,
  context: TrainContext,
): Promise<Trained> {
  const { pool, from, warmStart } = context
  assertWord2vecFits(dataset, options)
  const items = itemCorpus(dataset.events!, options)
  const { minCount } = options
  if (items.vocabulary.counts.length === 0 && minCount > 1) {
    throw new RangeError(`no item has ${minCount} events: take a smaller minimum count (minCount, --min-count)`)
  }
  const trainer = new SkipGramTrainer(items.corpus, options, { pool })
  if (!from) await trainer.initialise()
  const former = from ?? warmStart
  if (former) {
    const { factors, items: inputs, outputs } = word2vecTensors(former)
    const rows = former === from ? Int32Array.from(items.rowOf.keys()) : rowsIn(former.items, dataset.items)
    setRows(trainer.inputs, inputs.data, { items, rows, width: factors })
    setRows(trainer.outputs, outputs.data, { items, rows, width: factors + 1 })
  }

  const training = {
    epochs: options.epochs,
    rows: items.corpus.positions,
    run: (epoch: number) => trainer.epoch(epoch),
    fraction: () => trainer.fraction,
    tensors: () => word2vecTrainedTensors(trainer, items, options),
  }
  return trainEpochs(training, context)
}

/** @throws RangeError when the dataset has no times, or the vectors cannot fit in memory. */
export function assertWord2vecFits(dataset: Dataset, { factors }: Word2vecOptions): void {
  assertHasTimes(dataset, 'word2vec')
  const { manifest } = dataset
  checkMemory({ kind: 'items', rows: manifest.items, factors, corpusBytes: 4 * (manifest.events ?? 0) })
}

interface FormerRows {
  readonly items: ItemCorpus
  /** (items) Their rows in `data`, or -1. */
  readonly rows: Int32Array
  /** Values of a row of `data`, of which the first are the vector. */
  readonly width: number
}

/** Copies the vectors that there are to the rows of their items. */
function setRows(to: FactorMatrix, data: Float32Array, { items: { rowOf }, rows, width }: FormerRows): void {
  rows.forEach((source, item) => {
    const row = rowOf[item]!
    if (source < 0 || row === sequenceEnd) return
    to.data.set(data.subarray(source * width, source * width + to.rank), row * to.stride)
  })
}
