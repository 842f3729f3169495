/** All algorithms there are. To add one: a folder beside this file that exports an `Algorithm`, and a line here. */
import type { Algorithm } from './algorithm.ts'
import { blendOf } from './composite/blend/index.ts'
import { contextTasteOf } from './composite/context-taste/index.ts'
import { als } from './factors/als/index.ts'
import { autoencoder } from './factors/autoencoder/index.ts'
import { bpr } from './factors/bpr/index.ts'
import { word2vec } from './factors/word2vec/index.ts'
import { ease } from './item-item/ease/index.ts'
import { graphFilter } from './item-item/graph-filter/index.ts'
import { neighbours } from './item-item/neighbours/index.ts'
import { popular } from './popular/index.ts'
import { sessionNeighbours } from './sequential/session-neighbours/index.ts'
import { slist } from './sequential/slist/index.ts'
import { transitions } from './sequential/transitions/index.ts'
import { trending } from './sequential/trending/index.ts'

const single: readonly Algorithm[] = [
  als,
  autoencoder,
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
