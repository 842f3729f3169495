/** What scores of a part say of what comes next. */
import type { ItemList, ItemSource } from '../algorithm.ts'

/**
 * Softmax temperatures to choose from, in standard deviations of a list's scores: the higher, the more alike its items are. Scores of context
 * models are probabilities as they are: 0 stands for that.
 */
export const temperatures = [0.1, 0.2, 0.35, 0.6, 1, 2] as const

/** The temperatures that may suit a part. */
export function temperaturesOf(source: ItemSource): readonly number[] {
  return source === 'context' ? [0] : temperatures
}

/** (items) The probability of each item of the list; in sum 1, or at most 1 where the scores are probabilities. */
export function probabilitiesOf({ scores }: Pick<ItemList, 'scores'>, temperature: number): Float64Array {
  if (temperature === 0) return Float64Array.from(scores)
  const { length } = scores
  let mean = 0
  for (const score of scores) mean += score / length
  let square = 0
  for (const score of scores) square += (score - mean) ** 2 / length
  const scale = square > 0 ? 1 / (temperature * Math.sqrt(square)) : 0
  const values = Float64Array.from(scores, score => Math.exp((score - scores[0]) * scale))
  let sum = 0
  for (const value of values) sum += value
  return values.map(value => value / sum)
}
