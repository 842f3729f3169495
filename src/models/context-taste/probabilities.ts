/** What scores of a part say of what comes next. */
import type { ItemList, ItemSource } from '../algorithm.ts'

/**
 * Softmax temperatures to choose from, in standard deviations of a list's scores: the higher, the more alike its items are.
 */
export const temperatures = [0.1, 0.2, 0.35, 0.6, 1, 2] as const

/** The same for probabilities, whose logarithms are divided by them: 0 for probabilities as they are. Negative, to be told apart. */
const ofProbabilities = [0, -1.25, -1.6, -2] as const

/** The same for counts, of which nothing but shares of their sum follows, and for lists by popularity that has been weighted. */
const ofCounts = [-1, -1.25, -1.6, -2, ...temperatures] as const

/** The temperatures that may suit a part. */
export function temperaturesOf(source: ItemSource): readonly number[] {
  if (source === 'context') return ofProbabilities
  return source === 'popular' ? ofCounts : temperatures
}

/**
 * (items) The probability of each item of the list; in sum 1, or at most 1 where the scores are probabilities as they are.
 *
 * @param whole the list that the items are of, where that has others: the probabilities of its items are 1 in sum. Default: the same.
 */
export function probabilitiesOf(
  { scores }: Pick<ItemList, 'scores'>,
  temperature: number,
  whole: Pick<ItemList, 'scores'> = { scores },
): Float64Array {
  if (temperature === 0) return Float64Array.from(scores)
  const value = temperature < 0 ? flattened(-temperature) : exponential(whole.scores, temperature)
  let sum = 0
  for (const score of whole.scores) sum += value(score)
  return Float64Array.from(scores, score => (sum > 0 ? value(score) / sum : 0))
}

/** Of scores by their distance from the first of `all`, in standard deviations of these. */
function exponential(all: Float32Array, temperature: number): (score: number) => number {
  const { length } = all
  let mean = 0
  for (const score of all) mean += score / length
  let square = 0
  for (const score of all) square += (score - mean) ** 2 / length
  const scale = square > 0 ? 1 / (temperature * Math.sqrt(square)) : 0
  return score => Math.exp((score - all[0]) * scale)
}

function flattened(temperature: number): (score: number) => number {
  return score => Math.max(0, score) ** (1 / temperature)
}
