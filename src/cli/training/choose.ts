import {
  type ChooseOptions,
  type ChooseProgress,
  type ChosenOptions,
  chooseOptions,
  trialsToChoose,
} from '../../evaluation/tune/choose-options.ts'
import type { Algorithm } from '../../models/algorithm.ts'
import type { Dataset } from '../../storage/dataset.ts'
import type { ProgressBar } from '../terminal/progress.ts'
import { inWorkspace } from '../terminal/workspace.ts'

/** Chooses the options that are not given; undefined where there are none, or nothing to compare them by. */
export async function choose(
  dataset: Dataset,
  algorithm: Algorithm,
  given: Readonly<Record<string, unknown>>,
  { pool, signal, bar }: Pick<ChooseOptions, 'pool' | 'signal'> & { readonly bar: ProgressBar },
): Promise<ChosenOptions | undefined> {
  const trials = trialsToChoose(dataset, algorithm, given)
  if (trials === 0) return undefined
  const onProgress = ({ done, total, score, training }: ChooseProgress) => {
    const reached = score === undefined ? '' : `, best of as many epochs so far ${score.toFixed(4)}`
    const share = (done + (training?.done ?? 0)) / total
    bar.show('choosing options', share, undefined, `: trial ${Math.min(total, done + 1)} of ${total}${reached}`)
  }
  try {
    return await inWorkspace(folder => chooseOptions(dataset, algorithm, given, { pool, signal, folder, onProgress }))
  } finally {
    bar.stop()
  }
}
