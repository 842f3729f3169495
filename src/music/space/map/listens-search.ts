import type { Csr } from '../../../storage/csr.ts'
import { FeatureEncoder, type SongFeatures } from './features.ts'
import { HeldOutRecall } from './held-out-recall.ts'
import { fitListensMap } from './listens-map.ts'
import { multiply } from './products.ts'

/** Users of a model, and the songs that they listen to. */
export interface MapUsers {
  /** (users × rank) In double precision, since sums of both kinds take twice as long. Their products with songs' vectors say what they listen to. */
  readonly vectors: Float64Array
  /** (songs × users) */
  readonly listens: Csr
}

export interface ListensSearch {
  readonly users: MapUsers
  readonly features: SongFeatures
  /** (songs × rank) Of length 1, by those who listen to them. */
  readonly vectors: Float32Array
  readonly rank: number
  /** Songs with features and listeners that are learned from. */
  readonly fitting: readonly number[]
  /** The same, but held out. */
  readonly held: readonly number[]
  readonly signal?: AbortSignal | undefined
  /** Called after each λ; `total` is the most there may be. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

export interface FoundListensMap {
  readonly lambda: number
  /** (held × rank) */
  readonly predicted: Float64Array
  /** {@link HeldOutRecall} of these, and of what the search began with. */
  readonly recall: { readonly listens: number; readonly vectors: number }
}

/** Tried from the largest; when fewer held-out songs are found twice, smaller ones are not. */
export const listensLambdas: readonly number[] = [1000, 300, 100, 30, 10, 3]
/** What a pair counts beside what is no pair. */
const confidence = 10
/** Of the conjugate gradients of a λ, each begun with the map of the one before. */
const steps = 12

/**
 * The λ whose map of {@link fitListensMap} finds most of the held-out songs.
 *
 * @param byVectors (held × rank) What a map that is fitted to vectors predicts of them, to compare.
 */
export function searchListensMap(search: ListensSearch, byVectors: Float64Array): FoundListensMap {
  const { users, vectors, rank, held, fitting, features, signal, onProgress } = search
  const recall = new HeldOutRecall({ vectors, rank, listens: users.listens, held })
  const encoder = new FeatureEncoder(features, fitting)
  let best = { lambda: listensLambdas[0]!, recall: -1, predicted: new Float64Array(0) }
  let start: Float64Array | undefined
  for (const [at, lambda] of listensLambdas.entries()) {
    start = fittedMap(search, encoder, fitting, { lambda, steps, start, signal })
    const predicted = new Float64Array(held.length * rank)
    multiply(encoder.encode(features), held, start, rank, predicted)
    const found = recall.of(predicted)
    onProgress?.(at + 1, listensLambdas.length)
    if (found > best.recall) best = { lambda, recall: found, predicted }
    else if (at >= listensLambdas.indexOf(best.lambda) + 2) break
  }
  const { lambda, predicted } = best
  return { lambda, predicted, recall: { listens: best.recall, vectors: recall.of(byVectors) } }
}

/** (columns × rank) The map of all `songs`. */
export function listensMapOf(
  search: Pick<ListensSearch, 'users' | 'features' | 'rank' | 'signal'>,
  encoder: FeatureEncoder,
  songs: readonly number[],
  lambda: number,
): Float64Array {
  return fittedMap(search, encoder, songs, { lambda, signal: search.signal })
}

function fittedMap(
  { users, features, rank }: Pick<ListensSearch, 'users' | 'features' | 'rank'>,
  encoder: FeatureEncoder,
  songs: readonly number[],
  { lambda, ...options }: { readonly lambda: number } & Parameters<typeof fitListensMap>[1],
): Float64Array {
  const problem = { songs, listeners: users.listens, users: users.vectors, rank, confidence, lambda }
  return fitListensMap(Object.assign(problem, { features: encoder.encode(features) }), options)
}
