/** What a list is ordered by. */
export interface Weights {
  /** From 0 to 1: how much it counts that songs are unlike each other, beside their relevance. */
  readonly diversity: number
  /** How much it counts that a song is like the one before. */
  readonly smoothness: number
}

/** Energies that are wrong by all of it, from 0 to 1, cost as much as a song of relevance 1 brings. */
export const energyWeight = 1
/** A step of energy other than the curve's, with smoothness 1. */
const stepWeight = 0.5
/** What an energy that is not known counts as wrong by: the mean distance of two numbers from 0 to 1. */
const unknownError = 1 / 3

/** Songs that a list can be made of, side by side. */
export interface CandidatePool {
  readonly rank: number
  /** (songs × rank), rows of length 1. */
  readonly vectors: Float32Array
  /** (songs) */
  readonly relevance: Float64Array
  /** (songs), NaN where it is not known. */
  readonly energy: Float64Array
  /** The energy asked for at each place; undefined where any will do. */
  readonly targets: Float64Array | undefined
  /** The song before the first, which may lie outside the pool. */
  readonly before: { readonly vector: Float32Array; readonly energy: number; readonly target: number } | undefined
}

/**
 * The value of a list o of n songs:
 *
 *     1/n Σ ( (1 − d) (1 + 1/k) relevance(o_k) − |energy(o_k) − target_k| )        what each song brings at place k, from 1
 *     − d · mean over pairs of cos(o_i, o_j)                                       diversity
 *     + s/n Σ ( cos(o_{k−1}, o_k) − ½ |Δ energy(o_k) − Δ target_k| )               transitions, that from `before` too
 *
 * The first songs count more: a list is judged by them, and songs that fit less go to its end. It is maximal marginal relevance (Carbonell & Goldstein 1998) with the mean of the similarities in place of the maximum, so that the value
 * does not depend on the order in which songs were chosen.
 */
export class Objective {
  readonly pool: CandidatePool
  readonly #weights: Weights
  /** Cosines of a song with all of the pool, once they are needed. */
  readonly #rows = new Map<number, Float32Array>()
  readonly #beforeRow: Float32Array | undefined

  constructor(pool: CandidatePool, weights: Weights) {
    this.pool = pool
    this.#weights = weights
    this.#beforeRow = pool.before && this.#cosinesWith(pool.before.vector)
  }

  /** The whole sum, the slow way. */
  valueOf(order: readonly number[]): number {
    const n = order.length
    if (n === 0) return 0
    let pairs = 0
    for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) pairs += this.row(order[i]!)[order[j]!]!
    const mean = n > 1 ? (2 * pairs) / (n * (n - 1)) : 0
    return this.valueOfPlaces(order, 0, n) / n - this.#weights.diversity * mean
  }

  /** n times what the songs at places `begin` to before `end` bring by themselves and by the transitions to them. */
  valueOfPlaces(order: ArrayLike<number>, begin: number, end: number): number {
    let sum = 0
    for (let place = begin; place < end; place++) {
      const song = order[place]!
      sum += this.placeValue(song, place) + this.transition(place === 0 ? undefined : order[place - 1]!, song, place)
    }
    return sum
  }

  /** What a song brings by itself at a place. */
  placeValue(song: number, place: number): number {
    const { relevance, energy, targets } = this.pool
    const own = (1 - this.#weights.diversity) * placeWeight(place) * relevance[song]!
    return targets ? own - energyWeight * errorOf(energy[song]!, targets[place]!) : own
  }

  /** What the transition from `former`, at the place before, to `song` brings; undefined: from what was before the list. */
  transition(former: number | undefined, song: number, place: number): number {
    const { energy, targets, before } = this.pool
    const { smoothness } = this.#weights
    if (smoothness === 0 || (former === undefined && !before)) return 0
    const cosine = former === undefined ? this.#beforeRow![song]! : this.#cosine(former, song)
    const step = energy[song]! - (former === undefined ? before!.energy : energy[former]!)
    let asked = 0
    if (targets) asked = targets[place]! - (place === 0 ? before!.target : targets[place - 1]!)
    const wrong = Number.isNaN(step - asked) ? 0 : Math.abs(step - asked)
    return smoothness * (cosine - stepWeight * wrong)
  }

  /** A song's part of what diversity costs, n times over: `cosines` is the sum with the `others`. The parts of all songs sum to the whole. */
  similarityCost(cosines: number, others: number): number {
    return others > 0 ? (this.#weights.diversity * cosines) / others : 0
  }

  /** By the row of either that is known: that of a song that is only tried is not worth its time. */
  #cosine(one: number, other: number): number {
    return this.#rows.get(other)?.[one] ?? this.row(one)[other]!
  }

  /** Cosines of a song with each of the pool. */
  row(song: number): Float32Array {
    const known = this.#rows.get(song)
    if (known) return known
    const { vectors, rank } = this.pool
    const row = this.#cosinesWith(vectors.subarray(song * rank, (song + 1) * rank))
    this.#rows.set(song, row)
    return row
  }

  #cosinesWith(vector: Float32Array): Float32Array {
    const { vectors, rank, relevance } = this.pool
    const row = new Float32Array(relevance.length)
    for (let song = 0, at = 0; song < row.length; song++) {
      let sum = 0
      for (let k = 0; k < rank; k++, at++) sum += vectors[at]! * vector[k]!
      row[song] = sum
    }
    return row
  }
}

/** What relevance counts at a place, from 0. */
function placeWeight(place: number): number {
  return 1 + 1 / (place + 1)
}

/** How far an energy is from what was asked for. */
export function errorOf(energy: number, target: number): number {
  return Number.isNaN(energy) ? unknownError : Math.abs(energy - target)
}
