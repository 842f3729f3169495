/** Random draws beyond uniform ones, from a source of uniform numbers in [0, 1). */

export type Uniform = () => number

/** Of the standard normal distribution (Box & Muller 1958). */
export function normal(random: Uniform): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** Of the gamma distribution of a shape and scale 1 (Marsaglia & Tsang 2000). */
export function gamma(shape: number, random: Uniform): number {
  if (shape < 1) return gamma(shape + 1, random) * (1 - random()) ** (1 / shape)
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = normal(random)
    const v = (1 + c * x) ** 3
    if (v > 0 && Math.log(1 - random()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
  }
}

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
