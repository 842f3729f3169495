/** Values that ratings have at most, whole and half ones from ½ to 10. */
const mostValues = 20
const highest = 10

/**
 * Whether weights of pairs seem to be ratings: few values, whole or half ones, and most of them not the lowest. A low rating says that
 * a user did not like an item, but as a weight that the user has it, a little.
 */
export function seemRatings(weights: Float32Array): boolean {
  const counts = new Map<number, number>()
  for (const weight of weights) {
    if (!(weight <= highest && Number.isInteger(2 * weight))) return false
    counts.set(weight, (counts.get(weight) ?? 0) + 1)
    if (counts.size > mostValues) return false
  }
  const lowest = Math.min(...counts.keys())
  return counts.size >= 3 && counts.get(lowest)! < weights.length / 4
}
