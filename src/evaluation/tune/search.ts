import type { Algorithm } from '../../models/algorithm.ts'
import { bestSoFar, nextToGoOn, rungsOf } from './halving.ts'
import { type Options, OptionsToTry } from './search-space.ts'
import { hasEpochs, Trial, type TrialScore } from './trial.ts'

/** Options with what they reached. */
export interface TunedOptions {
  readonly algorithm: Algorithm
  /** With `epochs`, where the algorithm has them. */
  readonly options: Options
  readonly score: number
}

/** So many trials are spread over the ranges; of later ones every second is near one of the best. */
const trialsSpread = 8
/** How many of the best. */
const bestKnown = 3

/** The trials of one algorithm. */
export class AlgorithmSearch {
  readonly algorithm: Algorithm
  /** Epochs of each rung. */
  readonly rungs: readonly number[]
  readonly trials: Trial[] = []
  readonly #options: OptionsToTry

  /** `fixed`: options that are the same in all trials. */
  constructor(algorithm: Algorithm, fixed: Options, seed: number) {
    this.algorithm = algorithm
    const { epochs } = algorithm.options.parse(fixed) as { readonly epochs?: number }
    this.rungs = hasEpochs(algorithm) ? rungsOf(epochs!) : [1]
    this.#options = new OptionsToTry(algorithm, fixed, seed)
  }

  /** The trial whose turn it is: one that goes on or, while there are options to try and one may begin, a new one. */
  next(mayBegin: boolean): Trial | undefined {
    const further = nextToGoOn(this.trials, this.rungs.length)
    if (further || !mayBegin) return further
    const best = this.trials.length < trialsSpread ? [] : bestSoFar(this.trials, bestKnown)
    const options = this.#options.next(best.map(({ options }) => options))
    if (!options) return undefined
    const trial = new Trial(this.algorithm, options)
    this.trials.push(trial)
    return trial
  }

  /** The best trial of those that came farthest; one that failed on the way is none of them. */
  get best(): TunedOptions | undefined {
    const trials = this.trials.filter(({ scores }) => scores.every(({ score }) => Number.isFinite(score)))
    const farthest = Math.max(1, ...trials.map(({ scores }) => scores.length))
    let best: TunedOptions | undefined
    for (const { options, scores } of trials) {
      if (scores.length < farthest) continue
      const reached = this.#reached(scores)
      if (best && reached.score <= best.score) continue
      const epochs = hasEpochs(this.algorithm) ? { epochs: reached.epochs } : {}
      best = { algorithm: this.algorithm, options: { ...options, ...epochs }, score: reached.score }
    }
    return best
  }

  /** What a trial has come to, with the epochs to train: those it was best with where it had all, else all. */
  #reached(scores: readonly TrialScore[]): Pick<TrialScore, 'score' | 'epochs'> {
    const isWhole = scores.length === this.rungs.length
    if (!isWhole) return { score: scores.at(-1)!.score, epochs: this.rungs.at(-1)! }
    return scores.reduce((best, score) => (score.score > best.score ? score : best))
  }
}
