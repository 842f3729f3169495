/** Jobs of skip-gram on worker threads: each call takes chunks from the shared counter until there is none. */
import { native } from '../native.ts'
import type { FactorMatrix } from '../storage/factors.ts'

/** The samples of a round. */
export type RoundSamples = Parameters<typeof native.skipGramDraw>[4]

export interface DrawArgs {
  /** Its tokens may be the path of a file. */
  readonly corpus: Omit<Parameters<typeof native.skipGramDraw>[0], 'tokens'> & { readonly tokens: Uint32Array | string }
  /** Positions. */
  readonly first: number
  readonly end: number
  readonly chunkPositions: number
  readonly round: RoundSamples
}

export function draw({
  corpus,
  first,
  end,
  chunkPositions,
  round,
  next,
}: DrawArgs & { readonly next: Int32Array }): void {
  const { tokens } = corpus
  if (typeof tokens !== 'string') {
    native.skipGramDraw({ ...corpus, tokens }, first, end, chunkPositions, round, next)
    return
  }
  const file = native.mapFile(tokens)
  try {
    native.skipGramDraw({ ...corpus, tokens: file }, first, end, chunkPositions, round, next)
  } finally {
    file.close()
  }
}

export interface FollowArgs {
  readonly round: RoundSamples
  /** (chunks) */
  readonly rates: Float32Array
  readonly shift: number
  readonly vectors: Parameters<typeof native.skipGramFollow>[3]
}

export function follow({ round, rates, shift, vectors, next }: FollowArgs & { readonly next: Int32Array }): void {
  native.skipGramFollow(round, rates, shift, vectors, next)
}

interface RowsArgs {
  readonly chunkRows: number
  readonly next: Int32Array
}

export function initialise({
  factors: { data, rank },
  chunkRows,
  deviation,
  seed,
  next,
}: RowsArgs & { readonly factors: FactorMatrix; readonly deviation: number; readonly seed: number }): void {
  native.initialiseFactors({ factors: data, rank, chunkRows, next }, deviation, seed)
}

/** Rows of a sparse matrix of ones. */
export interface Incidence {
  readonly indptr: BigUint64Array
  readonly indices: Uint32Array
}

interface SubwordArgs extends RowsArgs {
  readonly incidence: Incidence
  readonly parts: FactorMatrix
  readonly words: FactorMatrix
  readonly before: FactorMatrix
}

export function compose({ incidence, parts, words, before, chunkRows, next }: SubwordArgs): void {
  native.composeWords(incidence, parts.data, parts.rank, words.data, before.data, chunkRows, next)
}

export function spread({ incidence, parts, words, before, chunkRows, next }: SubwordArgs): void {
  native.spreadToParts(incidence, before.data, words.data, parts.rank, parts.data, chunkRows, next)
}
