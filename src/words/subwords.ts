import { allocateFactors } from '../storage/factors.ts'
import { sharedArray } from '../storage/shared-array.ts'
import type { Incidence } from '../skip-gram/jobs.ts'
import type { SubwordParts } from '../skip-gram/trainer.ts'
import { bucketsOf } from './grams.ts'
import type { WordsOptions } from './options.ts'

/** The n-grams of a vocabulary. */
export interface Grams {
  /** Those that any word has, ascending. */
  readonly buckets: Uint32Array
  /** (words) Their places in `buckets`. */
  readonly ofWord: readonly Uint32Array[]
}

/** The n-grams of `words`. */
export function gramsOf(words: readonly string[], options: WordsOptions): Grams {
  const own = words.map(word => bucketsOf(word, options))
  const buckets = Uint32Array.from(new Set(own.flatMap(list => [...list]))).sort()
  const placeOf = new Map<number, number>()
  buckets.forEach((bucket, place) => placeOf.set(bucket, place))
  return { buckets, ofWord: own.map(list => list.map(bucket => placeOf.get(bucket)!)) }
}

/**
 * The parts of each row of a vocabulary, whose vectors are 0: part r is row r's own, and those of the n-grams follow.
 *
 * @param words (rows) the word of each row.
 */
export function subwordParts({ buckets, ofWord }: Grams, words: Uint32Array, factors: number): SubwordParts {
  const rows = words.length
  const partsOf = Array.from(words, (word, row) => [row, ...ofWord[word]!.map(place => rows + place)])
  const wordsOf: number[][] = Array.from({ length: rows + buckets.length }, () => [])
  partsOf.forEach((parts, row) => {
    for (const part of parts) wordsOf[part]!.push(row)
  })
  return {
    parts: allocateFactors(rows + buckets.length, factors),
    partsOf: incidence(partsOf),
    wordsOf: incidence(wordsOf),
  }
}

function incidence(rows: readonly (readonly number[])[]): Incidence {
  const indptr = sharedArray(BigUint64Array, rows.length + 1)
  const indices = sharedArray(
    Uint32Array,
    rows.reduce((sum, { length }) => sum + length, 0),
  )
  let at = 0
  rows.forEach((row, index) => {
    indices.set(row, at)
    at += row.length
    indptr[index + 1] = BigInt(at)
  })
  return { indptr, indices }
}
