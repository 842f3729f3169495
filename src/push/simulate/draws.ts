/** Draws of places and counts, from a source of uniform numbers in [0, 1). */

export type Uniform = () => number

/** From 0: how many fail before one succeeds, of this mean. */
export function geometric(mean: number, random: Uniform): number {
  return mean > 0 ? Math.floor(Math.log(1 - random()) / Math.log(mean / (1 + mean))) : 0
}

/** The place that a uniform number falls on, of places whose running sums these are. */
export function placeIn(sums: ArrayLike<number>, random: Uniform): number {
  const wanted = random() * sums[sums.length - 1]
  let [low, high] = [0, sums.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sums[middle] > wanted) high = middle
    else low = middle + 1
  }
  return low
}

export function runningSums(values: ArrayLike<number>): Float64Array {
  let sum = 0
  return Float64Array.from(values, value => {
    sum += value
    return sum
  })
}
