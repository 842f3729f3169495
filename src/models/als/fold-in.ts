import { native } from '../../native.ts'
import type { Model } from '../model.ts'
import { alsObjective, alsOptions } from './options.ts'

/** What folding in needs of a model: plain values and views, made once. */
export interface FoldInParts {
  /** (items × rank), in the eigenbasis of its Gramian. */
  readonly itemFactors: Float32Array
  readonly rank: number
  /** (rank) */
  readonly spectrum: Float64Array
  readonly objective: ReturnType<typeof alsObjective>
}

/** Histories of users, known or new: user u's items are `indices[indptr[u]]` to `indices[indptr[u + 1] - 1]`. */
export interface Histories {
  /** (users + 1) */
  readonly indptr: Uint32Array
  /** Items, in any order but none twice in a history. */
  readonly indices: Uint32Array
  /** The weight of each, as a dataset has it. */
  readonly weights: Float32Array
}

/** @throws Error when the model was not made by ALS, or its manifest lacks the options of the training. */
export function foldInParts(model: Model): FoldInParts {
  const { kind, options } = model.manifest
  if (kind !== 'als') throw new Error(`only als models can take in new histories, this one is of kind ${kind}`)
  const { itemFactors, rank, spectrum } = model
  return { itemFactors, rank, spectrum, objective: alsObjective(alsOptions.parse(options)) }
}

/**
 * Factors of users with these histories, (users × rank): one exact ALS half-step each, as if the training's last
 * half-step had seen the history. A user without items gets zeros.
 */
export function foldIn(parts: FoldInParts, { indptr, indices, weights }: Histories): Float32Array {
  const { itemFactors, rank, spectrum, objective } = parts
  return native.alsFoldIn({
    ...{ indptr: BigUint64Array.from(indptr, BigInt), indices, weights },
    ...{ fixed: itemFactors, fixedStride: rank, spectrum, objective },
  })
}
