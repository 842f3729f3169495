import type { Algorithm } from '../../models/algorithm.ts'
import { nextToGoOn, rungsOf } from './halving.ts'
import { type Options, optionsToTry } from './search-space.ts'
import { hasEpochs, Trial, type TrialScore } from './trial.ts'

/** Options with what they reached. */
export interface TunedOptions {
  readonly algorithm: Algorithm
  /** With `epochs`, where the algorithm has them. */
  readonly options: Options
  readonly score: number
}

/** The trials of one algorithm. */
export class AlgorithmSearch {
  readonly algorithm: Algorithm
  /** Epochs of each rung. */
  readonly rungs: readonly number[]
  readonly trials: Trial[] = []
  readonly #options: Generator<Options>

  /** `fixed`: options that are the same in all trials. */
  constructor(algorithm: Algorithm, fixed: Options, seed: number) {
    this.algorithm = algorithm
    const { epochs } = algorithm.options.parse(fixed) as { readonly epochs?: number }
    this.rungs = hasEpochs(algorithm) ? rungsOf(epochs!) : [1]
    this.#options = optionsToTry(algorithm, fixed, seed)
  }

  /** The trial whose turn it is: one that goes on or, while there are options to try, a new one. */
  next(): Trial | undefined {
    const further = nextToGoOn(this.trials, this.rungs.length)
    if (further) return further
    const { value: options } = this.#options.next()
    if (!options) return undefined
    const trial = new Trial(this.algorithm, options)
    this.trials.push(trial)
    return trial
  }

  /** The best trial of those that came farthest. */
  get best(): TunedOptions | undefined {
    const farthest = Math.max(0, ...this.trials.map(({ scores }) => scores.length))
    let best: TunedOptions | undefined
    for (const { options, scores } of this.trials) {
      const last = scores.at(-1)
      if (!last || scores.length < farthest || last.score <= (best?.score ?? Number.NEGATIVE_INFINITY)) continue
      best = { algorithm: this.algorithm, options: this.#withEpochs(options, scores), score: last.score }
    }
    return best
  }

  /** All epochs, unless with fewer the trial was better. */
  #withEpochs(options: Options, scores: readonly TrialScore[]): Options {
    if (!hasEpochs(this.algorithm)) return options
    const isWhole = scores.length === this.rungs.length
    const best = scores.reduce((best, score) => (score.score > best.score ? score : best))
    return { ...options, epochs: isWhole ? best.epochs : this.rungs.at(-1)! }
  }
}
