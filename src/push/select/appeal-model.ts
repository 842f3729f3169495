/**
 * The lift that a push of an article will have, before any is sent: ln lift = mean + linear part + boosted trees + residual.
 *
 * The linear part (ridge regression of all features and of the title's words) is learned of ln lift of earlier pushes, each weighed by
 * the noise of its clicks; the trees of what held-out linear parts leave. Either counts as much as it says of pushes that it was not
 * learned from, which is nothing where there are few. The deviation is that of ln lift around held-out predictions, beside the noise of
 * clicks (Paule & Mandel 1982), and the error of the mean.
 */
import type { Pool } from '../../parallel/pool.ts'
import type { Ensemble } from '../boosting/ensemble.ts'
import { zeroOf } from '../statistics/line-search.ts'
import { LinearModel, type LinearRow } from '../text/linear-model.ts'
import { openAppealModel, saveAppealModel } from './appeal-file.ts'
import type { ArticleRow, FeatureExtractor } from './feature-extractor.ts'
import { trainResidualTrees } from './residual-trees.ts'

/** What came of a push. */
export interface AppealOutcome {
  readonly features: LinearRow
  readonly clicks: number
  /** By the usual CTRs of the same users, with what of the delay of clicks has passed: its clicks at a lift of 1. Above 0. */
  readonly expectedClicks: number
}

export interface AppealContribution {
  readonly feature: string
  /** NaN where it is not known, or is more than a number. */
  readonly value: number
  /** What it adds to ln lift. */
  readonly by: number
}

export interface AppealPrediction {
  readonly logLift: number
  /** Standard deviation: 95 % of true ln lifts lie within 1.96 of it. */
  readonly deviation: number
  /** Without any feature. With the contributions it is `logLift`. */
  readonly base: number
  /** Most first. */
  readonly contributions: readonly AppealContribution[]
}

export interface TrainAppeal {
  readonly pool: Pool
  readonly seed?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface AppealParts {
  /** ln lift of articles of which nothing is known, and its standard error. */
  readonly mean: number
  readonly meanError: number
  /** Variance of ln lift that features do not explain. */
  readonly variance: number
  /** What the linear part, and the trees, are multiplied by. */
  readonly linearScale: number
  readonly treesScale: number
  readonly linear: LinearModel
  readonly trees: Ensemble | undefined
  /** Pushes that it was learned from. */
  readonly rows: number
}

/** ln lift before any push: that of usual pushes, ± a factor of two; and what articles differ by, as if so many pushes said so. */
const [priorMean, priorError, priorVariance, priorRows] = [0, 0.7, 0.25, 10]
/** Clicks that are added, of articles of mean lift, so that there is a logarithm. */
const addedClicks = 0.5

export class AppealModel {
  readonly features: FeatureExtractor
  readonly parts: AppealParts

  constructor(features: FeatureExtractor, parts: AppealParts) {
    this.features = features
    this.parts = parts
  }

  /** Knows of no push. */
  static prior(features: FeatureExtractor): AppealModel {
    return new AppealModel(features, {
      mean: priorMean,
      meanError: priorError,
      variance: priorVariance,
      linearScale: 0,
      treesScale: 0,
      linear: LinearModel.none(features.names.length),
      trees: undefined,
      rows: 0,
    })
  }

  /**
   * @param features that made those of the outcomes.
   * @throws RangeError for outcomes that cannot be; the signal's reason when it is aborted.
   */
  static async train(
    features: FeatureExtractor,
    outcomes: readonly AppealOutcome[],
    { pool, seed = 0, signal }: TrainAppeal,
  ): Promise<AppealModel> {
    for (const outcome of outcomes) assertOutcome(outcome, features)
    if (outcomes.length === 0) return AppealModel.prior(features)
    const rows = outcomes.map(outcome => outcome.features)
    const { mean, meanError } = meanOf(outcomes)
    const targets = Float64Array.from(outcomes, ({ clicks, expectedClicks }) => {
      return Math.log((clicks + addedClicks) / (expectedClicks + addedClicks / Math.exp(mean))) - mean
    })
    const noise = outcomes.map(({ expectedClicks }) => 1 / (expectedClicks * Math.exp(mean) + addedClicks))
    const weights = Float64Array.from(noise, variance => 1 / (variance + priorVariance))
    const fit = { pool, seed, signal, scales: features.scales }
    const { model: linear, heldOut, folds } = await LinearModel.fit(rows, { targets, weights }, fit)
    const linearScale = scaleOf(heldOut, targets, weights)
    const left = targets.map((target, row) => target - linearScale * heldOut[row]!)
    const residual = await trainResidualTrees(rows, { targets: left, weights, folds }, { pool, seed, signal })
    const treesScale = residual ? scaleOf(residual.heldOut, left, weights) : 0
    const errors = residual ? left.map((target, row) => target - treesScale * residual.heldOut[row]!) : left
    const trees = treesScale > 0 ? residual?.trees : undefined
    const variance = varianceOf(errors, noise)
    return new AppealModel(features, {
      mean,
      meanError,
      variance,
      linearScale,
      treesScale: trees ? treesScale : 0,
      linear,
      trees,
      rows: outcomes.length,
    })
  }

  predict(row: ArticleRow): AppealPrediction {
    const { mean, meanError, variance, linear, linearScale, trees, treesScale } = this.parts
    const by = new Map<string, { value: number; by: number }>()
    const add = (feature: string, value: number, amount: number) => {
      const known = by.get(feature)
      if (known) {
        known.by += amount
        known.value = Number.NaN
      } else by.set(feature, { value, by: amount })
    }
    let base = mean + linearScale * linear.intercept
    this.features.names.forEach((name, at) => {
      add(name, row.dense[at]!, linearScale * linear.denseShare(row.dense, at))
    })
    row.hashes.forEach((hash, at) => {
      const value = row.values?.[at] ?? 1
      add(row.names[at]!, value, linearScale * linear.weightOf(hash) * value)
    })
    if (trees) {
      const found = trees.contributions(row.dense)
      base += treesScale * found.base
      this.features.names.forEach((name, at) => {
        by.get(name)!.by += treesScale * found.features[at]!
      })
    }
    const contributions = Array.from(by, ([feature, { value, by }]) => ({ feature, value, by }))
      .filter(({ by }) => by !== 0)
      .sort((a, b) => Math.abs(b.by) - Math.abs(a.by))
    const logLift = contributions.reduce((sum, { by }) => sum + by, base)
    return { logLift, deviation: Math.sqrt(variance + meanError ** 2), base, contributions }
  }

  /** ln lifts of many, without their contributions. */
  logLifts(rows: readonly LinearRow[]): Float64Array {
    const { mean, linear, linearScale, trees, treesScale } = this.parts
    const size = this.features.names.length
    const dense = new Float32Array(trees ? rows.length * size : 0)
    if (trees) for (const [at, row] of rows.entries()) dense.set(row.dense, at * size)
    const boosted = trees?.scores(dense)
    return Float64Array.from(rows, (row, at) => {
      return mean + linearScale * linear.score(row) + treesScale * (boosted?.[at] ?? 0)
    })
  }

  /** Writes a file, in place of one that is there. The word vectors are no part of it. */
  save(path: string): Promise<void> {
    return saveAppealModel(path, this.features, this.parts)
  }

  /**
   * @param features those that it was trained with.
   * @throws Error naming the file and what is wrong with it, or which features differ.
   */
  static open(path: string, features: FeatureExtractor): AppealModel {
    return new AppealModel(features, openAppealModel(path, features))
  }
}

function assertOutcome({ features, clicks, expectedClicks }: AppealOutcome, { names }: FeatureExtractor): void {
  if (features.dense.length !== names.length) {
    throw new RangeError(`a push must have ${names.length} dense features, got ${features.dense.length}`)
  }
  if (!(clicks >= 0 && Number.isFinite(clicks)))
    throw new RangeError(`clicks must be a number from 0 on, got ${clicks}`)
  if (!(expectedClicks > 0 && Number.isFinite(expectedClicks))) {
    throw new RangeError(`expectedClicks must be a number above 0, got ${expectedClicks}`)
  }
}

/** The mean ln lift and its error, with the prior; each push weighs by its noise and by what articles differ by. */
function meanOf(outcomes: readonly AppealOutcome[]): { readonly mean: number; readonly meanError: number } {
  let mean = priorMean
  let total = 0
  for (let turn = 0; turn < 5; turn++) {
    let sum = priorMean / priorError ** 2
    total = 1 / priorError ** 2
    for (const { clicks, expectedClicks } of outcomes) {
      const lift = Math.exp(mean)
      const weight = 1 / (1 / (expectedClicks * lift + addedClicks) + priorVariance)
      sum += weight * Math.log((clicks + addedClicks) / (expectedClicks + addedClicks / lift))
      total += weight
    }
    mean = sum / total
  }
  return { mean, meanError: 1 / Math.sqrt(total) }
}

/** The slope of targets on what held-out models say, from 0 to 1.2, drawn towards 0 as by a variance of 1 with weight 1. */
function scaleOf(heldOut: Float64Array, targets: Float64Array, weights: Float64Array): number {
  let [product, squares] = [0, 1]
  targets.forEach((target, row) => {
    product += weights[row]! * heldOut[row]! * target
    squares += weights[row]! * heldOut[row]! ** 2
  })
  return Math.min(Math.max(product / squares, 0), 1.2)
}

/** The variance with which squared errors, over themselves and their noise, are as many as the pushes; the prior is some more. */
function varianceOf(errors: Float64Array, noise: readonly number[]): number {
  const excess = (log: number) => {
    const variance = Math.exp(log)
    const sum = noise.reduce(
      (sum, noise, row) => sum + errors[row]! ** 2 / (noise + variance),
      (priorRows * priorVariance) / variance,
    )
    return errors.length + priorRows - sum
  }
  return Math.exp(zeroOf(excess, Math.log(1e-4), Math.log(25)))
}
