import type { Algorithm, GivenAlgorithm, TrainProgress } from '../../models/algorithm.ts'
import type { Tuning } from '../../models/artifact/artifact.ts'
import { assertTrainable } from '../../models/training/train.ts'
import type { Dataset } from '../../storage/dataset.ts'
import { parseMetrics } from '../metrics/metrics.ts'
import type { Options } from './search-space.ts'
import { hasEpochs, Trial, type TrialContext, type TrialScore } from './trial.ts'
import { isJudgeable, withValidation } from './validation.ts'

/**
 * The part of the training's epochs that one of the first round has, in which all candidates are compared; one of the second; and the
 * best of these, when it has gone on to see whether more epochs make it better.
 */
const [firstShare, secondShare, longerShare] = [1 / 5, 1 / 3, 3 / 5]

/** Options that were chosen, and how. */
export interface ChosenOptions {
  readonly options: Options
  /** Absent where what was chosen are options of {@link parts}. */
  readonly tuning?: Tuning
  /** What was chosen for each part of the algorithm for which something could be. */
  readonly parts: readonly ChosenPart[]
}

export interface ChosenPart {
  readonly algorithm: Algorithm
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
  /** Of the best so far of those with as many epochs, or fewer. */
  readonly score: number | undefined
  /** Of the trial that runs. */
  readonly training?: TrainProgress | undefined
}

/** How many short trainings {@link chooseOptions} takes at most; 0 where there is nothing to choose, or nothing to compare it by. */
export function trialsToChoose(dataset: Dataset, algorithm: Algorithm, given: Options): number {
  const parts = givenParts(algorithm, given)
  if (parts) return parts.reduce((sum, part) => sum + trialsToChoose(dataset, part.algorithm, part.given), 0)
  const { byUser } = dataset
  if (!hasEpochs(algorithm) || epochsOf(algorithm, given) === 0 || !isJudgeable(byUser)) return 0
  const { variants = [] } = algorithm.choice ?? {}
  const first = candidatesOf(algorithm, given).length
  const varied = variants.filter(variant => !isGiven(variant, given)).length
  if (first < 2) return 0
  const second = besideOf(algorithm, algorithm.options.parse(given) as Options, given).length
  const longer = mayHaveFewerEpochs(algorithm, given) ? 1 : 0
  return first + varied + (second + longer > 1 ? second + longer : 0)
}

/**
 * Chooses options of `algorithm` that are not `given`: its candidates ({@link OptionChoice}) are compared by trainings of few epochs
 * on most of the data, the best of them with its variants, and the best of all once more, by longer ones, with those beside it. Where
 * the best of these is worse when it has gone on, as many epochs are chosen as it had before. What is compared is the NDCG@20 of what
 * the other part of the data holds; the scores that are given are those of the first, short trainings. The same data and options give
 * the same choice.
 *
 * Of an algorithm that is made of others, the options of each part are chosen as if it were trained alone.
 *
 * All together, those of each part apart, take at most twice as long as a training of the default epochs, or some seconds where that
 * takes less: 3.1 times the epochs, 1.8 of them with half the factors or fewer.
 *
 * Of a grid of 8 × 6 pairs of α₀ and λ, ALS of 64 factors reached on held-out parts, by which the candidates were chosen, in times
 * of the best pair: on hetrec-lastfm 1.0, the defaults .94; MovieLens 100K 1.0, .76; citeulike-a .98, .84; playlists 1.0, 1.0. One
 * option after the other, each from a range, from the defaults on: .95, 1.0, .97, .98.
 *
 * @throws the signal's reason when it is aborted; RangeError where `dataset` lacks what the options need; Error when no training succeeded.
 */
export async function chooseOptions(
  dataset: Dataset,
  algorithm: Algorithm,
  given: Options,
  choose: ChooseOptions,
): Promise<ChosenOptions> {
  const parts = givenParts(algorithm, given)
  if (parts) return chooseOfParts(dataset, algorithm, given, parts, choose)
  return { ...(await chooseAlone(dataset, algorithm, given, choose)), parts: [] }
}

/** The parts of an algorithm of these options, with what is given of theirs; undefined where it has none. */
function givenParts(algorithm: Algorithm, given: Options): readonly GivenAlgorithm[] | undefined {
  return algorithm.parts?.of(algorithm.options.parse(given) as Options)
}

async function chooseOfParts(
  dataset: Dataset,
  algorithm: Algorithm,
  given: Options,
  parts: readonly GivenAlgorithm[],
  choose: ChooseOptions,
): Promise<ChosenOptions> {
  assertTrainable(dataset, algorithm, given, choose.pool.threads)
  const chosen: ChosenPart[] = []
  const options: Options[] = []
  const total = trialsToChoose(dataset, algorithm, given)
  let before = 0
  for (const part of parts) {
    const trials = trialsToChoose(dataset, part.algorithm, part.given)
    if (trials === 0) {
      options.push(part.given)
      continue
    }
    const onProgress = (progress: ChooseProgress) =>
      choose.onProgress?.({ ...progress, done: before + progress.done, total })
    const found = await chooseAlone(dataset, part.algorithm, part.given, { ...choose, onProgress })
    chosen.push({ algorithm: part.algorithm, ...found })
    options.push(found.options)
    before += trials
  }
  const whole = algorithm.parts!.withChosen(algorithm.options.parse(given) as Options, options)
  return { options: whole, parts: chosen }
}

async function chooseAlone(
  dataset: Dataset,
  algorithm: Algorithm,
  given: Options,
  { pool, folder, signal, onProgress }: ChooseOptions,
): Promise<Pick<ChosenPart, 'options' | 'tuning'>> {
  const begun = performance.now()
  const metric = parseMetrics('ndcg@20')[0]!
  const total = trialsToChoose(dataset, algorithm, given)
  const all = epochsOf(algorithm, given)
  assertTrainable(dataset, algorithm, given, pool.threads)
  return withValidation(dataset, {}, folder, async parts => {
    const context: TrialContext = { ...parts, metric, pool, folder, signal }
    let done = 0
    const run = async (trial: Trial, share: number, best: number | undefined): Promise<void> => {
      const report = (training?: TrainProgress) => onProgress?.({ done, total, score: best, training })
      report()
      await trial.run(epochsIn(share, all), context, report)
      done++
    }
    const first = await firstRound(algorithm, given, run)
    const options = await secondRound(algorithm, given, first.best, run)
    const seconds = Math.round((performance.now() - begun) / 100) / 10
    const { score, defaultScore } = first
    const scores = { score, ...(Number.isFinite(defaultScore) && { defaultScore }) }
    return { options, tuning: { metric: metric.name, ...scores, trials: done, seconds } }
  })
}

/** Runs a trial up to a share of the epochs; `best` is the best score so far of those with as many. */
type RunTrial = (trial: Trial, share: number, best: number | undefined) => Promise<void>

/** @throws Error when no training succeeded. */
async function firstRound(algorithm: Algorithm, given: Options, run: RunTrial) {
  const { variants = [], cheaper } = algorithm.choice ?? {}
  const compared: { readonly options: Options; readonly outcome: TrialScore }[] = []
  const best = () => compared.reduce((a, b) => (b.outcome.score > a.outcome.score ? b : a))
  const compare = async (options: Options) => {
    const trial = new Trial(algorithm, { ...options, ...cheaper?.(options) })
    await run(trial, firstShare, compared.length > 0 ? best().outcome.score : undefined)
    trial.dropModel()
    compared.push({ options, outcome: trial.scores[0]! })
  }
  for (const options of candidatesOf(algorithm, given)) await compare(options)
  const { options: varied } = best()
  for (const variant of variants) if (!isGiven(variant, given)) await compare({ ...varied, ...variant })
  const { options, outcome } = best()
  const defaults = compared[0]!.outcome
  if (outcome.error === undefined) return { best: options, score: outcome.score, defaultScore: defaults.score }
  throw new Error(`no options could be trained; the first training failed: ${defaults.error}`)
}

/** The best of `best` and those beside it, with fewer epochs where more make it worse. */
async function secondRound(algorithm: Algorithm, given: Options, best: Options, run: RunTrial): Promise<Options> {
  const trials = besideOf(algorithm, best, given).map(options => new Trial(algorithm, options))
  const isLengthOpen = mayHaveFewerEpochs(algorithm, given)
  if (trials.length === 1 && !isLengthOpen) return best
  let leading = trials[0]!
  for (const trial of trials) {
    await run(trial, secondShare, leading.scores[0]?.score)
    if (trial.scores[0]!.score > leading.scores[0]!.score) leading = trial
  }
  const { options, scores } = leading
  if (isLengthOpen) await run(leading, longerShare, scores[0]!.score)
  for (const trial of trials) trial.dropModel()
  const [shorter, longer] = scores
  return longer && longer.score < shorter!.score ? { ...options, epochs: shorter!.epochs } : options
}

function epochsIn(share: number, all: number): number {
  return Math.max(1, Math.floor(share * all))
}

/** Whether it can be seen if fewer epochs than the default do better. */
function mayHaveFewerEpochs(algorithm: Algorithm, given: Options): boolean {
  const all = epochsOf(algorithm, given)
  return !('epochs' in given) && epochsIn(longerShare, all) > epochsIn(secondShare, all)
}

/** Whether any option of `variant` is given. */
function isGiven(variant: Options, given: Options): boolean {
  return Object.keys(variant).some(name => name in given)
}

/** The defaults and the candidates with what is given, each once. */
function candidatesOf(algorithm: Algorithm, given: Options): Options[] {
  const all = [{}, ...(algorithm.choice?.candidates ?? [])]
  return distinct(all.map(options => algorithm.options.parse(withGiven(options, given)) as Options))
}

/** `best` and what is compared with it once more, with what is given, each once. */
function besideOf({ choice }: Algorithm, best: Options, given: Options): Options[] {
  const others = choice?.beside?.(best) ?? []
  return distinct([best, ...others.map(other => withGiven({ ...best, ...other }, given))])
}

/** Each once. */
function distinct(all: readonly Options[]): Options[] {
  const texts = all.map(options => JSON.stringify(options))
  return all.filter((_, at) => texts.indexOf(texts[at]!) === at)
}

function withGiven(options: Options, given: Options): Options {
  return { ...options, ...given }
}

function epochsOf(algorithm: Algorithm, given: Options): number {
  return (algorithm.options.parse(given) as { readonly epochs: number }).epochs
}
