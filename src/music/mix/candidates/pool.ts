import type { IndexedSpace } from '../indexed-space.ts'
import { type CandidatePool, energyWeight, errorOf } from '../order/objective.ts'
import type { Candidate } from './candidates.ts'

/** Energies that the pool is looked through for at most. */
const mostBands = 16

/** Candidates, best first, that a list is made from: half of them the best, the others the best near to each energy that is asked for. */
export function pooled(candidates: readonly Candidate[], size: number, targets: Float64Array | undefined): Candidate[] {
  if (!targets || candidates.length <= size) return candidates.slice(0, size)
  const chosen = new Set(candidates.slice(0, size >> 1))
  const bands = bandsOf(targets)
  const each = Math.ceil((size - chosen.size) / bands.length)
  for (const target of bands) {
    const valueNear = ({ relevance, energy }: Candidate) => relevance - energyWeight * errorOf(energy, target)
    const left = candidates.filter(candidate => !chosen.has(candidate))
    for (const candidate of left.sort((a, b) => valueNear(b) - valueNear(a)).slice(0, each)) chosen.add(candidate)
  }
  return [...chosen].slice(0, size)
}

/** Some of the energies, evenly over the range in which they lie. */
function bandsOf(targets: Float64Array): number[] {
  const [lowest, highest] = [Math.min(...targets), Math.max(...targets)]
  const count = highest - lowest < 0.05 ? 1 : Math.min(mostBands, targets.length)
  return Array.from({ length: count }, (_, band) => lowest + ((band + 0.5) / count) * (highest - lowest))
}

/** The candidates side by side, as lists are ordered. */
export function poolOf(
  { space }: IndexedSpace,
  candidates: readonly Candidate[],
  { targets, before }: Pick<CandidatePool, 'targets' | 'before'>,
): CandidatePool {
  const { rank } = space
  const vectors = new Float32Array(candidates.length * rank)
  candidates.forEach(({ song }, at) => {
    vectors.set(space.vectors.subarray(song * rank, (song + 1) * rank), at * rank)
  })
  return {
    rank,
    vectors,
    relevance: Float64Array.from(candidates, ({ relevance }) => relevance),
    energy: Float64Array.from(candidates, ({ energy }) => energy),
    targets,
    before,
  }
}
