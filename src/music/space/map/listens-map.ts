import type { Csr } from '../../../storage/csr.ts'
import { type ConjugateGradientOptions, conjugateGradients } from './conjugate-gradients.ts'
import type { FeatureMatrix } from './features.ts'
import { addScaled, eachFeature, multiply, multiplyTransposed } from './products.ts'

export interface ListensProblem {
  readonly features: FeatureMatrix
  /** The songs that are learned from: rows of `features`. */
  readonly songs: readonly number[]
  /** (songs of `features` × users) Who listens to them. */
  readonly listeners: Csr
  /** (users × rank) */
  readonly users: Float64Array
  readonly rank: number
  /** What a pair that is there counts beside one that is not, which counts 1. */
  readonly confidence: number
  /** Above 0. */
  readonly lambda: number
}

export interface ListensOptions extends Pick<ConjugateGradientOptions, 'start' | 'signal'> {
  /** Of the conjugate gradients. Default: 30. */
  readonly steps?: number | undefined
}

/**
 * The map W (columns × rank) from features to vectors of songs that fits who listens to them, while the vectors of users stay: it minimises
 * Σᵢ Σᵤ cᵤᵢ (pᵤᵢ − xᵤ·fᵢW)² + λ ‖W‖² over all pairs (Hu, Koren & Volinsky 2008, eq. 3, with fᵢW in place of the song's vector), by conjugate
 * gradients. Unlike a regression onto vectors, what a vector lacks where no listener would notice costs nothing.
 *
 * A step costs O(songs · rank² + pairs · rank + features · rank).
 *
 * @throws the reason of the signal when it is aborted.
 */
export function fitListensMap(problem: ListensProblem, options: ListensOptions = {}): Float64Array {
  const { features, songs, rank, lambda } = problem
  const gram = gramOf(problem.users, rank)
  const images = new Float64Array(songs.length * rank)
  const weighted = new Float64Array(songs.length * rank)
  const right = new Float64Array(features.columns * rank)
  multiplyTransposed(features, songs, sumsOfListeners(problem), rank, right)
  const apply = (direction: Float64Array, out: Float64Array) => {
    multiply(features, songs, direction, rank, images)
    applyListeners(problem, gram, images, weighted)
    multiplyTransposed(features, songs, weighted, rank, out)
    for (let at = 0; at < out.length; at++) out[at]! += lambda * direction[at]!
  }
  const system = { right, diagonal: diagonalOf(problem, gram), k: rank, apply, byColumn: false }
  const { steps = 30, start, signal } = options
  return conjugateGradients(system, { tolerance: 1e-7, mostSteps: steps, start, signal })
}

/** (songs × rank) Σ over the listeners of a song of c·xᵤ. */
function sumsOfListeners({ songs, listeners, users, rank, confidence }: ListensProblem): Float64Array {
  const sums = new Float64Array(songs.length * rank)
  songs.forEach((song, row) => {
    for (let at = Number(listeners.indptr[song]); at < Number(listeners.indptr[song + 1]); at++) {
      addScaled(sums, row * rank, confidence, users, listeners.indices[at]! * rank, rank)
    }
  })
  return sums
}

/** `out` = for each song (G + (c − 1) Σ xᵤxᵤᵀ) · image, over its listeners. */
function applyListeners(
  { songs, listeners, users, rank, confidence }: ListensProblem,
  gram: Float64Array,
  images: Float64Array,
  out: Float64Array,
): void {
  out.fill(0)
  songs.forEach((song, row) => {
    const begin = row * rank
    for (let at = 0; at < rank; at++) addScaled(out, begin, images[begin + at]!, gram, at * rank, rank)
    for (let at = Number(listeners.indptr[song]); at < Number(listeners.indptr[song + 1]); at++) {
      const user = listeners.indices[at]! * rank
      let score = 0
      for (let column = 0; column < rank; column++) score += users[user + column]! * images[begin + column]!
      addScaled(out, begin, (confidence - 1) * score, users, user, rank)
    }
  })
}

/** About that of the normal equations: of the mean direction of users. */
function diagonalOf({ features, songs, rank, lambda }: ListensProblem, gram: Float64Array): Float64Array {
  const squares = new Float64Array(features.columns)
  for (const song of songs) {
    eachFeature(features, song, (column, value) => {
      squares[column]! += value ** 2
    })
  }
  let trace = 0
  for (let at = 0; at < rank; at++) trace += gram[at * rank + at]!
  return squares.map(sum => (sum * trace) / rank + lambda)
}

/** (rank × rank) Σ xᵤxᵤᵀ */
function gramOf(users: Float64Array, rank: number): Float64Array {
  const gram = new Float64Array(rank * rank)
  for (let begin = 0; begin < users.length; begin += rank) {
    for (let at = 0; at < rank; at++) addScaled(gram, at * rank, users[begin + at]!, users, begin, rank)
  }
  return gram
}
