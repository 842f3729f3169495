import type { Incidence } from '../skip-gram/jobs.ts'
import type { SubwordParts } from '../skip-gram/trainer.ts'
import { allocateFactors } from '../storage/factors.ts'
import { sharedArray } from '../storage/shared-array.ts'
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
  const placeOf = new Map<number, number>()
  for (const list of own) for (const bucket of list) placeOf.set(bucket, 0)
  const buckets = Uint32Array.from(placeOf.keys()).sort()
  for (const [place, bucket] of buckets.entries()) placeOf.set(bucket, place)
  return { buckets, ofWord: own.map(list => list.map(bucket => placeOf.get(bucket)!)) }
}

/**
 * The parts of each row of a vocabulary, whose vectors are 0: part r is row r's own, and those of the n-grams follow.
 *
 * @param words (rows) the word of each row.
 */
export function subwordParts({ buckets, ofWord }: Grams, words: Uint32Array, factors: number): SubwordParts {
  const rows = words.length
  const parts = rows + buckets.length
  const partsOf = emptyIncidence(Uint32Array.from(words, word => 1 + ofWord[word]!.length))
  const counts = new Uint32Array(parts)
  let at = 0
  words.forEach((word, row) => {
    partsOf.indices[at++] = row
    for (const place of ofWord[word]!) partsOf.indices[at++] = rows + place
  })
  for (const part of partsOf.indices) counts[part]! += 1
  const wordsOf = emptyIncidence(counts)
  const next = Float64Array.from(wordsOf.indptr, Number)
  for (let row = 0, entry = 0; row < rows; row++) {
    for (const end = Number(partsOf.indptr[row + 1]); entry < end; entry++) {
      const part = partsOf.indices[entry]!
      wordsOf.indices[next[part]!] = row
      next[part]! += 1
    }
  }
  return { parts: allocateFactors(parts, factors), partsOf, wordsOf }
}

/** Room for rows of these lengths, in shared memory. */
function emptyIncidence(lengths: Uint32Array): Incidence {
  const indptr = sharedArray(BigUint64Array, lengths.length + 1)
  let sum = 0
  lengths.forEach((length, row) => {
    sum += length
    indptr[row + 1] = BigInt(sum)
  })
  return { indptr, indices: sharedArray(Uint32Array, sum) }
}
