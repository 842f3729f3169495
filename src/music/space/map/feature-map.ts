import { randomNumbers } from '../../../storage/random.ts'
import { isSet } from '../vectors.ts'
import { FeatureEncoder, hasFeatures, type SongFeatures } from './features.ts'
import { type FoundListensMap, listensMapOf, type MapUsers, searchListensMap } from './listens-search.ts'
import { multiply } from './products.ts'
import { ridge } from './ridge.ts'

/** What a map is learned of. */
export interface MapTraining {
  readonly features: SongFeatures
  /** (songs × rank) Of length 1, by those who listen to them; rows of zeros where there is none. */
  readonly vectors: Float32Array
  readonly rank: number
  /** (songs) */
  readonly listeners: Uint32Array
  /** Where a model has vectors of users, the map may be fitted to what they listen to. */
  readonly users?: MapUsers | undefined
}

export interface MapOptions {
  /** Songs with fewer listeners are not learned from where the map is fitted to vectors. Default: 5. */
  readonly leastListeners?: number | undefined
  /** Of the songs that are held out to choose λ by. Default: 0. */
  readonly seed?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Called after each λ that was tried; `total` is the most there may be. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Tried from the largest; when the error on held-out songs rises twice, smaller ones are not. */
const lambdas: readonly number[] = [100, 30, 10, 3, 1, 0.3, 0.1, 0.03]
const heldOutShare = 0.15
/** Of the solutions that λ is chosen by; the map of the λ that was chosen is solved more finely. */
const searchTolerance = 1e-3
/** What weights begin with, until κ is known. */
const firstKappa = 10
const bounds = { least: 0.5, most: 1e4 }
/** Songs that a map needs to be learned of. */
export const leastSongs = 20
const defaultLeastListeners = 5

/** A linear map from features to vectors of songs. */
export interface FeatureMap {
  readonly lambda: number
  /** Whether it is fitted to the vectors of songs, or to what users listen to. */
  readonly fittedTo: 'vectors' | 'listens'
  /** Recall@20 of held-out songs by both, where the training has users: the better one was taken. */
  readonly recall?: FoundListensMap['recall'] | undefined
  /** How many listeners say as much of a song as its features do: see {@link fitFeatureMap}. */
  readonly kappa: number
  /** Songs that it was learned of. */
  readonly songs: number
  /** 1 − Σ w ‖v − predicted‖² / Σ w ‖v − mean‖² of held-out songs, w by listeners: 0 where features say nothing. */
  readonly explained: number
  /** (songs × rank) Not of length 1: the less features say, the shorter. Zeros where there are none. */
  predict(features: SongFeatures): Float32Array
}

/**
 * Learns the map from what is known of songs to the vectors that their listeners gave them: a ridge regression in which a song of n
 * listeners weighs n / (n + κ), λ by the error on songs that were held out.
 *
 * κ by empirical Bayes: with vᵢ = f(xᵢ) + what features do not say (variance τ²) + the chance of who listened (variance σ²/nᵢ), squared
 * residuals of held-out songs are τ² + σ²/nᵢ in the mean, and κ = σ²/τ². Of a song of n listeners the best estimate is
 * (n·v + κ·f(x)) / (n + κ), and its weight in the regression is 1/(τ² + σ²/n).
 *
 * Where there are users, a map that is fitted to what they listen to ({@link searchListensMap}) is taken in place of that if it finds more of the
 * held-out songs; of it songs with any listeners are learned. It is scaled so that its residuals of their vectors are least, and κ follows as above.
 *
 * Undefined where fewer than 20 songs have features and listeners enough.
 *
 * @throws the reason of the signal when it is aborted.
 */
export function fitFeatureMap(training: MapTraining, options: MapOptions = {}): FeatureMap | undefined {
  const { features, listeners, rank, vectors } = training
  const { leastListeners = defaultLeastListeners, seed = 0, signal, onProgress } = options
  const all = [...listeners.keys()].filter(song => isSet(vectors, song, rank) && hasFeatures(features, song))
  const learned = songsToLearnFrom(training, leastListeners)
  if (learned.length < leastSongs) return undefined
  const random = randomNumbers(seed)
  const isHeld = new Uint8Array(listeners.length)
  for (const song of all) isHeld[song] = Number(random() < heldOutShare)
  const fitting = learned.filter(song => isHeld[song] === 0)
  const held = all.filter(song => isHeld[song] === 1)
  const heldWell = held.filter(song => listeners[song]! >= leastListeners)
  const one = { training, signal }
  let kappa = firstKappa
  let best = { error: Number.POSITIVE_INFINITY, lambda: lambdas[0]!, weights: new Float64Array(0) }
  const encoder = new FeatureEncoder(features, fitting)
  let start: Float64Array | undefined
  for (const [at, lambda] of lambdas.entries()) {
    start = solve(one, encoder, fitting, { kappa, lambda, start, tolerance: searchTolerance })
    const error = errorOf(training, encoder, start, heldWell.length > 0 ? heldWell : fitting, kappa)
    onProgress?.(at + 1, lambdas.length + 1)
    if (error < best.error) best = { error, lambda, weights: start.slice() }
    else if (at >= lambdas.indexOf(best.lambda) + 2) break
  }
  const counts = held.map(song => listeners[song]!)
  const byVectors = predictRows(features, encoder, best.weights, rank, held)
  const { users } = training
  const search = users && { users, features, vectors, rank, held, signal }
  const found =
    search && held.length > 0
      ? searchListensMap(Object.assign({ fitting: all.filter(song => isHeld[song] === 0) }, search), byVectors)
      : undefined
  if (search && found && found.recall.listens > found.recall.vectors) {
    const scale = scaleOf(training, found.predicted, held)
    const residuals = residualsOf(
      training,
      found.predicted.map(value => scale * value),
      held,
    )
    const encoder = new FeatureEncoder(features, all)
    const weights = listensMapOf(search, encoder, all, found.lambda).map(value => scale * value)
    onProgress?.(lambdas.length + 1, lambdas.length + 1)
    const shares = Float64Array.from(counts, count => weightOf(count, firstKappa))
    return {
      lambda: found.lambda,
      fittedTo: 'listens',
      recall: found.recall,
      kappa: kappaOf(residuals, counts),
      songs: all.length,
      explained: 1 - weightedMean(residuals, shares) / varianceOf(training, held, firstKappa),
      predict: wanted => predict(wanted, encoder, weights, rank),
    }
  }
  kappa = kappaOf(residualsOf(training, byVectors, held), counts)
  const whole = new FeatureEncoder(features, learned)
  const weights = solve(one, whole, learned, { kappa, lambda: best.lambda })
  onProgress?.(lambdas.length + 1, lambdas.length + 1)
  return {
    lambda: best.lambda,
    fittedTo: 'vectors',
    recall: found?.recall,
    kappa,
    songs: learned.length,
    explained: 1 - best.error / varianceOf(training, heldWell.length > 0 ? heldWell : fitting, firstKappa),
    predict: wanted => predict(wanted, whole, weights, rank),
  }
}

/** Songs with features and with listeners enough. */
export function songsToLearnFrom(
  { features, vectors, rank, listeners }: MapTraining,
  leastListeners = defaultLeastListeners,
): number[] {
  return [...listeners.keys()].filter(
    song => listeners[song]! >= leastListeners && isSet(vectors, song, rank) && hasFeatures(features, song),
  )
}

interface SolveOptions {
  readonly kappa: number
  readonly lambda: number
  readonly start?: Float64Array | undefined
  readonly tolerance?: number | undefined
}

function solve(
  { training, signal }: { readonly training: MapTraining; readonly signal: AbortSignal | undefined },
  encoder: FeatureEncoder,
  rows: readonly number[],
  { kappa, lambda, start, tolerance }: SolveOptions,
): Float64Array {
  const { features, vectors, rank, listeners } = training
  const targets = new Float64Array(rows.length * rank)
  rows.forEach((song, at) => {
    targets.set(vectors.subarray(song * rank, (song + 1) * rank), at * rank)
  })
  const weights = Float64Array.from(rows, song => weightOf(listeners[song]!, kappa))
  const problem = { features: encoder.encode(features), rows, weights, targets, k: rank, lambda }
  return ridge(problem, { start, tolerance, signal })
}

function weightOf(listeners: number, kappa: number): number {
  return listeners / (listeners + kappa)
}

function predict(features: SongFeatures, encoder: FeatureEncoder, weights: Float64Array, rank: number): Float32Array {
  const rows = Array.from({ length: features.songs }, (_, song) => song)
  const predicted = new Float64Array(features.songs * rank)
  multiply(encoder.encode(features), rows, weights, rank, predicted)
  // The constant alone says nothing of a song.
  for (const song of rows) if (!hasFeatures(features, song)) predicted.fill(0, song * rank, (song + 1) * rank)
  return Float32Array.from(predicted)
}

/** (rows) ‖v − predicted‖² */
function squaredResiduals(
  { features, vectors, rank }: MapTraining,
  encoder: FeatureEncoder,
  weights: Float64Array,
  rows: readonly number[],
): Float64Array {
  return residualsOf({ vectors, rank }, predictRows(features, encoder, weights, rank, rows), rows)
}

/** (rows × rank) */
function predictRows(
  features: SongFeatures,
  encoder: FeatureEncoder,
  weights: Float64Array,
  rank: number,
  rows: readonly number[],
): Float64Array {
  const predicted = new Float64Array(rows.length * rank)
  multiply(encoder.encode(features), rows, weights, rank, predicted)
  return predicted
}

/** The factor of `predicted` (rows × rank) that brings it nearest to the vectors, weighted by listeners; not below 0. */
function scaleOf({ vectors, rank, listeners }: MapTraining, predicted: Float64Array, rows: readonly number[]): number {
  let [products, squares] = [0, 0]
  rows.forEach((song, row) => {
    const weight = weightOf(listeners[song]!, firstKappa)
    for (let at = 0; at < rank; at++) {
      const value = predicted[row * rank + at]!
      products += weight * value * vectors[song * rank + at]!
      squares += weight * value ** 2
    }
  })
  return squares > 0 && products > 0 ? products / squares : 1
}

/** (rows) ‖v − predicted‖² */
function residualsOf(
  { vectors, rank }: Pick<MapTraining, 'vectors' | 'rank'>,
  predicted: Float64Array,
  rows: readonly number[],
): Float64Array {
  return Float64Array.from(rows, (song, row) => {
    let sum = 0
    for (let at = 0; at < rank; at++) sum += (vectors[song * rank + at]! - predicted[row * rank + at]!) ** 2
    return sum
  })
}

/** The mean squared residual of `rows`, weighted by listeners. */
function errorOf(
  training: MapTraining,
  encoder: FeatureEncoder,
  weights: Float64Array,
  rows: readonly number[],
  kappa: number,
): number {
  const residuals = squaredResiduals(training, encoder, weights, rows)
  return weightedMean(
    residuals,
    Float64Array.from(rows, song => weightOf(training.listeners[song]!, kappa)),
  )
}

/** The mean squared distance of the vectors of `rows` from their mean, weighted by listeners. */
function varianceOf({ vectors, rank, listeners }: MapTraining, rows: readonly number[], kappa: number): number {
  const weights = Float64Array.from(rows, song => weightOf(listeners[song]!, kappa))
  let variance = 0
  for (let at = 0; at < rank; at++) {
    const values = Float64Array.from(rows, song => vectors[song * rank + at]!)
    const mean = weightedMean(values, weights)
    variance += weightedMean(
      values.map(value => (value - mean) ** 2),
      weights,
    )
  }
  return variance
}

function weightedMean(values: Float64Array, weights: Float64Array): number {
  let [sum, total] = [0, 0]
  for (let at = 0; at < values.length; at++) {
    sum += weights[at]! * values[at]!
    total += weights[at]!
  }
  return sum / total
}

/**
 * σ²/τ² of the least-squares fit of squared residuals to τ² + σ²/n, neither below 0.
 *
 * @param listeners (residuals) From 1.
 */
export function kappaOf(residuals: Float64Array, listeners: readonly number[]): number {
  if (residuals.length < 2) return firstKappa
  const inverses = listeners.map(count => 1 / count)
  const ones = new Float64Array(residuals.length).fill(1)
  const [meanX, meanY] = [weightedMean(Float64Array.from(inverses), ones), weightedMean(residuals, ones)]
  let [covariance, variance] = [0, 0]
  residuals.forEach((residual, at) => {
    covariance += (inverses[at]! - meanX) * (residual - meanY)
    variance += (inverses[at]! - meanX) ** 2
  })
  // Where all have the same number of listeners, nothing can be told apart.
  if (variance < 1e-12) return firstKappa
  const noise = Math.max(0, covariance / variance)
  const unexplained = meanY - noise * meanX
  const kappa = unexplained > 0 ? noise / unexplained : Number.POSITIVE_INFINITY
  return Math.min(bounds.most, Math.max(bounds.least, kappa))
}
