import type { Csr } from '../../../storage/csr.ts'
import type { GivenTag } from './read-songs.ts'

/** Labels that are predicted from sound count from this probability on. */
const leastProbability = 0.1

/** Tags of songs, given ones and predicted ones. */
export interface SongTags {
  /** Distinct; those of the most songs first, then the further ones. */
  readonly tags: readonly string[]
  /** (songs × tags) Above 0 up to 1. */
  readonly songTags: Csr
}

/**
 * A given tag counts its weight divided by that of the song's heaviest one; a predicted one, its probability from 0.1 on; of both the higher
 * counts.
 *
 * @param given (songs)
 * @param predicted (songs) Probabilities of `labels`.
 * @param further Tags that are there also where no song has them.
 */
export function songTagsOf(
  given: readonly (readonly GivenTag[])[],
  labels: readonly string[],
  predicted: readonly (Float32Array | undefined)[],
  further: readonly string[] = [],
): SongTags {
  const weights = given.map((tags, song) => {
    const heaviest = tags.reduce((most, { weight }) => Math.max(most, weight), 0)
    const own = new Map(tags.map(({ tag, weight }) => [tag, weight / heaviest]))
    predicted[song]?.forEach((probability, label) => {
      if (probability >= leastProbability) {
        own.set(labels[label]!, Math.min(1, Math.max(own.get(labels[label]!) ?? 0, probability)))
      }
    })
    return own
  })
  const counts = new Map<string, number>(further.map(tag => [tag, 0]))
  for (const own of weights) for (const tag of own.keys()) counts.set(tag, (counts.get(tag) ?? 0) + 1)
  const tags = [...counts.keys()].sort((a, b) => counts.get(b)! - counts.get(a)! || (a < b ? -1 : 1))
  const columnOf = new Map(tags.map((tag, column) => [tag, column]))
  const indptr = new BigUint64Array(given.length + 1)
  const pairs = weights.map(own =>
    // A weight so far below the heaviest that it is 0 in float32 is none.
    Array.from(own, ([tag, weight]) => ({ column: columnOf.get(tag)!, weight: Math.fround(weight) }))
      .filter(({ weight }) => weight > 0)
      .sort((a, b) => a.column - b.column),
  )
  pairs.forEach((row, song) => {
    indptr[song + 1] = indptr[song]! + BigInt(row.length)
  })
  const all = pairs.flat()
  const indices = Uint32Array.from(all, ({ column }) => column)
  const songTags = {
    rows: given.length,
    columns: tags.length,
    indptr,
    indices,
    weights: Float32Array.from(all, ({ weight }) => weight),
  }
  return { tags, songTags }
}
