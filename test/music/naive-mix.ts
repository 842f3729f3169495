import type { ScaledIngredient } from '../../src/music/mix/ingredients/relevance.ts'
import type { CandidatePool } from '../../src/music/mix/order/objective.ts'
import type { SongSpace } from '../../src/music/space/song-space.ts'

/** How well each song fits all ingredients, from the formula: half the mean, half the soft minimum, less what is kept away from. */
export function naiveRelevance(
  { songs, vectors, rank }: SongSpace,
  ingredients: readonly ScaledIngredient[],
): number[] {
  const wanted = ingredients.filter(({ share }) => share > 0)
  return Array.from({ length: songs.size }, (_, song) => {
    const matchWith = ({ vector, usual, spread }: ScaledIngredient) => {
      const cosine = vector.reduce((sum, value, k) => sum + value * vectors[song * rank + k]!, 0)
      return (cosine - usual) / spread
    }
    const mean = wanted.reduce((sum, of) => sum + of.share * matchWith(of), 0)
    const minimum = -0.2 * Math.log(wanted.reduce((sum, of) => sum + of.share * Math.exp(-matchWith(of) / 0.2), 0))
    const away = ingredients
      .filter(({ share }) => share < 0)
      .reduce((sum, of) => sum - of.share * Math.max(0, matchWith(of)), 0)
    return (mean + minimum) / 2 - away
  })
}

/** The objective of a list, written out. */
export function naiveValue(
  pool: CandidatePool,
  order: readonly number[],
  diversity: number,
  smoothness: number,
): number {
  const { vectors, rank, relevance, energy, targets } = pool
  const cosine = (a: number, b: number) => {
    let sum = 0
    for (let k = 0; k < rank; k++) sum += vectors[a * rank + k]! * vectors[b * rank + k]!
    return sum
  }
  const n = order.length
  let [brings, pairs, transitions] = [0, 0, 0]
  order.forEach((song, place) => {
    brings += (1 - diversity) * (1 + 1 / (place + 1)) * relevance[song]!
    if (targets) brings -= Number.isNaN(energy[song]!) ? 1 / 3 : Math.abs(energy[song]! - targets[place]!)
    for (const other of order) if (other !== song) pairs += cosine(song, other)
    if (place === 0) return
    const former = order[place - 1]!
    const step = energy[song]! - energy[former]! - (targets ? targets[place]! - targets[place - 1]! : 0)
    transitions += smoothness * (cosine(former, song) - (Number.isNaN(step) ? 0 : Math.abs(step) / 2))
  })
  return (brings + transitions) / n - (n > 1 ? (diversity * pairs) / (n * (n - 1)) : 0)
}

/** All lists of `length` different numbers below `count`. */
export function* listsOf(count: number, length: number, first: readonly number[] = []): Generator<readonly number[]> {
  if (first.length === length) {
    yield first
    return
  }
  for (let next = 0; next < count; next++) if (!first.includes(next)) yield* listsOf(count, length, [...first, next])
}
