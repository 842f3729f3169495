import type { BetaPrior } from '../statistics/usual-ctr.ts'

/** Points of the grid that the densities are summed over. */
const points = 512

/**
 * (posteriors) The probability that each has the highest CTR: Σ fᵢ Π_{j ≠ i} Fⱼ over a grid, exact to some 1e-3, the same at every call and
 * some hundred times as fast as a thousand draws.
 */
export function probabilitiesBest(posteriors: readonly BetaPrior[]): Float64Array {
  if (posteriors.length === 1) return Float64Array.of(1)
  const spreads = posteriors.map(({ mean, strength }) => Math.sqrt((mean * (1 - mean)) / (strength + 1)))
  const from = Math.max(0, Math.min(...posteriors.map(({ mean }, at) => mean - 8 * spreads[at]!)))
  const to = Math.min(1, Math.max(...posteriors.map(({ mean }, at) => mean + 8 * spreads[at]!)))
  const densities = posteriors.map(posterior => densityOf(posterior, from, to))
  const below = new Float64Array(posteriors.length)
  const best = new Float64Array(posteriors.length)
  for (let point = 0; point < points; point++) {
    for (let at = 0; at < best.length; at++) {
      let product = densities[at]![point]!
      for (let other = 0; other < best.length; other++) {
        // Half of a point's own mass is below its middle.
        if (other !== at) product *= below[other]! + densities[other]![point]! / 2
      }
      best[at]! += product
    }
    for (let at = 0; at < below.length; at++) below[at]! += densities[at]![point]!
  }
  const sum = best.reduce((total, share) => total + share, 0)
  return best.map(share => share / sum)
}

/** (points) The masses of a beta distribution between two CTRs; they sum to 1. */
function densityOf({ mean, strength }: BetaPrior, from: number, to: number): Float64Array {
  const [alpha, beta] = [mean * strength, (1 - mean) * strength]
  const logs = Float64Array.from({ length: points }, (_, point) => {
    const x = from + ((point + 0.5) / points) * (to - from)
    return (alpha - 1) * Math.log(x) + (beta - 1) * Math.log1p(-x)
  })
  const most = logs.reduce((a, b) => Math.max(a, b))
  const masses = logs.map(log => Math.exp(log - most))
  const sum = masses.reduce((total, mass) => total + mass, 0)
  return masses.map(mass => mass / sum)
}
