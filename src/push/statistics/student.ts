/** Student's t distribution: intervals of means of few values. */
import { logBeta, normalQuantile } from './distributions.ts'
import { zeroOf } from './line-search.ts'

/** The share of Student's distribution of `degrees` of freedom that is below `x`. */
function studentShareBelow(x: number, degrees: number): number {
  const beyond = incompleteBeta(degrees / (degrees + x ** 2), degrees / 2, 0.5) / 2
  return x < 0 ? beyond : 1 - beyond
}

/** The value that a share of the distribution is below. */
export function studentQuantile(share: number, degrees: number): number {
  if (share < 0.5) return -studentQuantile(1 - share, degrees)
  let high = normalQuantile(share) + 1
  while (studentShareBelow(high, degrees) < share) high *= 2
  return zeroOf(x => studentShareBelow(x, degrees) - share, 0, high)
}

/** The regularised incomplete beta function, by its continued fraction, as Lentz evaluates it (Press et al. 2007, 6.4). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a)
  let [c, d] = [1, 1 / (1 - ((a + b) * x) / (a + 1))]
  let fraction = d
  for (let at = 1; at < 1000; at++) {
    const even = (at * (b - at) * x) / ((a + 2 * at - 1) * (a + 2 * at))
    const odd = (-(a + at) * (a + b + at) * x) / ((a + 2 * at) * (a + 2 * at + 1))
    const before = fraction
    for (const term of [even, odd]) {
      d = 1 / (1 + term * d)
      c = 1 + term / c
      fraction *= d * c
    }
    if (Math.abs(fraction - before) <= 1e-15 * Math.abs(fraction)) break
  }
  return (Math.exp(a * Math.log(x) + b * Math.log1p(-x) - logBeta(a, b)) / a) * fraction
}
