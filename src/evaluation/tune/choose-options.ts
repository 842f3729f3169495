import type { Algorithm, TrainProgress } from '../../models/algorithm.ts'
import type { Tuning } from '../../models/artifact.ts'
import type { Dataset } from '../../storage/dataset.ts'
import { parseMetrics } from '../metrics.ts'
import { gridOf, type Options } from './search-space.ts'
import { hasEpochs, Trial, type TrialContext, type TrialScore } from './trial.ts'
import { isJudgeable, withValidation } from './validation.ts'

/** Values that are tried of the first option that is searched, which matters most, and of each other. */
const [firstValues, otherValues] = [6, 3]
/** What all trials may have in epochs, in times of those of the training; and one trial, which says enough of its options. */
const [timesEpochs, mostEpochs] = [2, 10]

/** Options that were chosen, and how. */
export interface ChosenOptions {
  readonly options: Options
  readonly tuning: Tuning
}

export interface ChooseOptions extends Pick<TrialContext, 'pool' | 'folder' | 'signal'> {
  readonly onProgress?: ((progress: ChooseProgress) => void) | undefined
}

export interface ChooseProgress {
  /** Trials that have ended, and in all. */
  readonly done: number
  readonly total: number
  /** Of the best so far. */
  readonly score: number | undefined
  /** Of the trial that runs. */
  readonly training?: TrainProgress | undefined
}

/** How many short trainings {@link chooseOptions} takes; 0 where there is nothing to choose, or nothing to compare it by. */
export function trialsToChoose({ byUser }: Dataset, algorithm: Algorithm, given: Options): number {
  const open = openRanges(algorithm, given).length
  if (open === 0 || !hasEpochs(algorithm) || epochsOf(algorithm, given) === 0 || !isJudgeable(byUser)) return 0
  return 1 + firstValues + otherValues * (open - 1)
}

/**
 * Chooses the options of `algorithm` that few epochs are enough to compare and that are not `given`, one after the other, each with the best of those before it: by
 * trainings on most of the data, each of so few epochs that all together have twice those of the training, and by the NDCG@20 of what
 * the other part of the data holds. The same data and options give the same choice.
 *
 * @throws the signal's reason when it is aborted; Error when no training succeeded.
 */
export function chooseOptions(
  dataset: Dataset,
  algorithm: Algorithm,
  given: Options,
  { pool, folder, signal, onProgress }: ChooseOptions,
): Promise<ChosenOptions> {
  const begun = performance.now()
  const metric = parseMetrics('ndcg@20')[0]!
  const total = trialsToChoose(dataset, algorithm, given)
  const all = epochsOf(algorithm, given)
  const epochs = Math.max(1, Math.min(mostEpochs, Math.floor((timesEpochs * all) / total)))
  return withValidation(dataset, {}, folder, async parts => {
    const context: TrialContext = { ...parts, metric, pool, folder, signal }
    let best: { readonly options: Options; readonly score: number } | undefined
    let done = 0
    const attempt = async (options: Options): Promise<TrialScore> => {
      const trial = new Trial(algorithm, options)
      const report = (training?: TrainProgress) => onProgress?.({ done, total, score: best?.score, training })
      report()
      const outcome = await trial.run(epochs, context, report)
      trial.dropModel()
      done++
      if (outcome.error === undefined && !(outcome.score <= (best?.score ?? Number.NEGATIVE_INFINITY))) {
        best = { options, score: outcome.score }
      }
      return outcome
    }
    const defaults = algorithm.options.parse(given) as Options
    const first = await attempt(defaults)
    for (const [at, [name, range]] of openRanges(algorithm, given).entries()) {
      const base = best?.options ?? defaults
      for (const value of gridOf(range, at === 0 ? firstValues : otherValues)) await attempt({ ...base, [name]: value })
    }
    if (!best) throw new Error(`no options could be trained; the first training failed: ${first.error}`)
    const seconds = Math.round((performance.now() - begun) / 100) / 10
    const tuning = { metric: metric.name, score: best.score, defaultScore: first.score, trials: done, seconds }
    return { options: { ...best.options, epochs: all }, tuning }
  })
}

function openRanges({ search = {}, chosen = [] }: Algorithm, given: Options) {
  return chosen.filter(name => given[name] === undefined).map(name => [name, search[name]!] as const)
}

function epochsOf(algorithm: Algorithm, given: Options): number {
  return (algorithm.options.parse(given) as { readonly epochs: number }).epochs
}
