/** All algorithms there are. To add one: a folder beside this file that exports an `Algorithm`, and a line here. */
import type { Algorithm } from './algorithm.ts'
import { als } from './als/index.ts'
import { blendOf } from './blend/index.ts'
import { bpr } from './bpr/index.ts'
import { contextTasteOf } from './context-taste/index.ts'
import { ease } from './ease/index.ts'
import { graphFilter } from './graph-filter/index.ts'
import { neighbours } from './neighbours/index.ts'
import { popular } from './popular/index.ts'
import { sessionNeighbours } from './session-neighbours/index.ts'
import { slist } from './slist/index.ts'
import { transitions } from './transitions/index.ts'
import { trending } from './trending/index.ts'
import { word2vec } from './word2vec/index.ts'

const single: readonly Algorithm[] = [
  als,
  bpr,
  ease,
  neighbours,
  graphFilter,
  word2vec,
  transitions,
  sessionNeighbours,
  slist,
  popular,
  trending,
]

export const blend = blendOf(single)
export const contextTaste = contextTasteOf(single)

export const algorithms: readonly Algorithm[] = [...single, blend, contextTaste]

/** What is trained by default. */
export const defaultAlgorithm: Algorithm = als

/** What every other must beat. */
export const baselineAlgorithm: Algorithm = popular

/** @throws RangeError naming those that there are. */
export function algorithmNamed(name: string): Algorithm {
  const found = algorithms.find(algorithm => algorithm.name === name)
  if (found) return found
  throw new RangeError(
    `algorithm must be one of ${algorithms.map(({ name }) => name).join(', ')}, got ${name || 'nothing'}`,
  )
}
