import type { Algorithm, TrainProgress } from '../../models/algorithm.ts'
import { assertTrainable } from '../../models/training/train.ts'
import type { Pool } from '../../parallel/pool.ts'
import type { Dataset } from '../../storage/dataset.ts'
import { checksumOf } from '../../storage/directory.ts'
import { type Metric, parseMetrics } from '../metrics/metrics.ts'
import { likelyToGoOn } from './halving.ts'
import { searchPlot } from './plot.ts'
import { AlgorithmSearch, type TunedOptions } from './search.ts'
import type { Options } from './search-space.ts'
import type { Trial, TrialContext, TrialScore } from './trial.ts'
import { TrialLog } from './trial-log.ts'
import { saveSearch } from './tuned-options.ts'
import { defaultShare, defaultUsers, type ValidationOptions, withValidation } from './validation.ts'

export interface TuneOptions {
  /** Those to search among, each with options that are not searched. */
  readonly algorithms: ReadonlyMap<Algorithm, Options>
  /** Seconds that the search may take in all; each algorithm's defaults are tried whatever they take. */
  readonly budget: number
  /** Options that are tried at most, of all algorithms together. Default: any number. */
  readonly mostTrials?: number | undefined
  /** What is compared. Default: ndcg@20. */
  readonly metric?: Metric | undefined
  readonly validation?: Omit<ValidationOptions, 'seed'> | undefined
  /** Of the users who are judged, and of the options that are tried. Default: 0. */
  readonly seed?: number | undefined
  /**
   * A directory where the scores are kept, the best so far, and a plot of all: a search that is there goes on. Default: none.
   */
  readonly log?: string | undefined
  /** A folder for what lasts as long as the search: a copy of most of the data, and models. */
  readonly folder: string
  readonly pool: Pool
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: TuneProgress) => void) | undefined
}

export interface TuneProgress {
  /** Seconds so far, those of the search that it goes on from included; and of the budget. */
  readonly seconds: number
  readonly budget: number
  readonly trials: number
  readonly best: TunedOptions | undefined
  readonly running: Pick<Trial, 'algorithm' | 'options'>
  /** Of the trial that runs. */
  readonly training?: TrainProgress | undefined
}

export interface Tuned {
  readonly best: TunedOptions
  /** What the defaults of the best one's algorithm reached; with fewer epochs, where they did not go on. None where they failed. */
  readonly defaultScore?: number
  /** What all trials took. */
  readonly seconds: number
  /** All that were tried. */
  readonly trials: readonly Pick<Trial, 'algorithm' | 'options' | 'scores'>[]
}

/**
 * Searches for the options of the best model of `dataset`, by how well it ranks a part that it does not learn from: points of
 * the options' ranges (search-space.ts), of which the best get more epochs (halving.ts). Algorithms take turns.
 *
 * @throws the signal's reason when it is aborted; RangeError when nothing can be held out, or `dataset` lacks what an algorithm needs;
 *   Error when every trial failed, or another process searches at `log`.
 */
export async function tune(dataset: Dataset, options: TuneOptions): Promise<Tuned> {
  for (const [algorithm, fixed] of options.algorithms) assertTrainable(dataset, algorithm, fixed, options.pool.threads)
  const { seed = 0, metric = parseMetrics('ndcg@20')[0]!, log: place, folder, pool, signal } = options
  const { users = defaultUsers, share = defaultShare, whole } = options.validation ?? {}
  const identity = {
    dataset: checksumOf(dataset.manifest),
    metric: metric.name,
    seed,
    users,
    share,
    ...(whole !== undefined && { whole }),
  }
  const log = place === undefined ? undefined : TrialLog.open(place, identity)
  try {
    const save = ({ best, trials, ...rest }: Tuned) => {
      if (place === undefined) return
      const { algorithm, ...found } = best
      const saved = { algorithm: algorithm.name, ...found, metric: metric.name, ...rest, trials: trials.length }
      saveSearch(place, saved, searchPlot(trials, metric.name))
    }
    return await withValidation(dataset, { users, share, seed, whole }, folder, parts =>
      new Search(options, { ...parts, metric, pool, folder, signal }, { log, save }).run(),
    )
  } finally {
    log?.close()
  }
}

/** Where a search writes its trials, and the best of them. */
interface SearchOutput {
  readonly log: TrialLog | undefined
  /** Takes what has been found so far. */
  readonly save: (tuned: Tuned) => void
}

class Search {
  readonly #options: TuneOptions
  readonly #context: TrialContext
  readonly #log: TrialLog | undefined
  readonly #save: SearchOutput['save']
  readonly #searches: readonly AlgorithmSearch[]
  /** What trials took so far, in seconds: of earlier runs of the search; and when this one began. */
  #earlier = 0
  readonly #begun = performance.now()

  constructor(options: TuneOptions, context: TrialContext, { log, save }: SearchOutput) {
    this.#options = options
    this.#context = context
    this.#log = log
    this.#save = save
    const { algorithms, seed = 0 } = options
    this.#searches = [...algorithms].map(([algorithm, fixed]) => new AlgorithmSearch(algorithm, fixed, seed))
  }

  async run(): Promise<Tuned> {
    const { mostTrials = Number.POSITIVE_INFINITY } = this.#options
    const waiting = [...this.#searches]
    for (let search = waiting.shift(); search; search = waiting.shift()) {
      const trial = search.next(this.#trials < mostTrials)
      if (!trial || !this.#hasTimeFor(search, trial)) continue
      await this.#run(search, trial)
      waiting.push(search)
    }
    for (const { trials } of this.#searches) for (const trial of trials) trial.dropModel()
    const tuned = this.#result()
    this.#save(tuned)
    return tuned
  }

  /** Whether the next step of `trial` will end within the budget, as others of its kind did; the first one always may. */
  #hasTimeFor(search: AlgorithmSearch, trial: Trial): boolean {
    const rung = trial.scores.length
    const known = search.trials.flatMap(({ scores }) => scores[rung]?.seconds ?? [])
    if (search.trials.length === 1 && rung === 0) return true
    // Of a rung that none has reached: as many times the epochs, of which the trial has had some.
    const expected =
      known.length > 0 ? mean(known) : 2 * mean(search.trials.flatMap(({ scores }) => scores.at(-1)?.seconds ?? []))
    return this.#seconds + expected <= this.#options.budget
  }

  get #trials(): number {
    return this.#searches.reduce((sum, search) => sum + search.trials.length, 0)
  }

  get #seconds(): number {
    return this.#earlier + (performance.now() - this.#begun) / 1000
  }

  async #run(search: AlgorithmSearch, trial: Trial): Promise<void> {
    const epochs = search.rungs[trial.scores.length]!
    const { algorithm, options } = trial
    const known = this.#log?.find({ algorithm: algorithm.name, options }, trial.scores.length)
    if (known) {
      trial.scores.push({ ...known, score: known.score ?? Number.NEGATIVE_INFINITY })
      this.#earlier += known.seconds
      return
    }
    this.#report(trial)
    const outcome = await trial.run(epochs, this.#context, training => this.#report(trial, training))
    this.#log?.append(logged(trial, outcome))
    if (this.#best) this.#save(this.#result())
    const likely = likelyToGoOn(search.trials, search.rungs.length)
    for (const other of search.trials) if (!likely.has(other)) other.dropModel()
  }

  #report(running: Trial, training?: TrainProgress): void {
    const { budget, onProgress } = this.#options
    onProgress?.({
      seconds: this.#seconds,
      budget,
      trials: this.#trials,
      best: this.#best,
      running,
      training,
    })
  }

  get #best(): TunedOptions | undefined {
    const found = this.#searches.flatMap(({ best }) => best ?? [])
    return found.sort((a, b) => b.score - a.score)[0]
  }

  #result(): Tuned {
    const trials = this.#searches.flatMap(search => search.trials).filter(({ scores }) => scores.length > 0)
    const best = this.#best
    if (best) {
      const defaults = this.#searches.find(({ algorithm }) => algorithm === best.algorithm)!.trials[0]!
      const scores = defaults.scores.map(({ score }) => score).filter(Number.isFinite)
      const seconds = Math.round(10 * this.#seconds) / 10
      return { best, ...(scores.length > 0 && { defaultScore: Math.max(...scores) }), seconds, trials }
    }
    const error = trials[0]?.scores.find(({ error }) => error)?.error ?? 'no trial came to its end'
    throw new Error(`no options could be trained; the first trial failed: ${error}`)
  }
}

function logged({ algorithm, options }: Trial, { score, ...outcome }: TrialScore) {
  return { algorithm: algorithm.name, options, score: Number.isFinite(score) ? score : null, ...outcome }
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}
