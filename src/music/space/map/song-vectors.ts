import type { VectorSource } from '../song-space.ts'
import { isSet, normalise } from '../vectors.ts'

/** What is known of songs in one space. */
export interface VectorEstimates {
  readonly rank: number
  /** (songs × rank) By those who listen to them: of length 1, or zeros where there is none. */
  readonly byListeners: Float32Array
  /** (songs) */
  readonly listeners: Uint32Array
  /** (songs × rank) By what is known of them beside that: the less that says, the shorter; zeros where there is none. */
  readonly byFeatures: Float32Array
  /** How many listeners say as much as features do. */
  readonly kappa: number
}

/** Below this share, features are left out. */
const leastShare = 0.05

/**
 * The vectors of songs (songs × rank), of length 1 or zeros: (n·v + κ·f) / (n + κ) of a song with n listeners, normalised; and what each rests
 * on. Once features would have less than a twentieth of a vector, it is that of the listeners alone.
 */
export function songVectors({ rank, byListeners, listeners, byFeatures, kappa }: VectorEstimates): {
  readonly vectors: Float32Array
  readonly sources: (VectorSource | undefined)[]
} {
  const vectors = new Float32Array(byListeners.length)
  const sources = Array.from(listeners, (count, song): VectorSource | undefined => {
    const hasOwn = count > 0 && isSet(byListeners, song, rank)
    const hasFeatures = isSet(byFeatures, song, rank)
    if (!hasOwn && !hasFeatures) return undefined
    const share = !hasFeatures ? 0 : hasOwn ? kappa / (count + kappa) : 1
    const used = hasOwn && share < leastShare ? 0 : share
    for (let at = song * rank; at < (song + 1) * rank; at++) {
      vectors[at] = (1 - used) * byListeners[at]! + used * byFeatures[at]!
    }
    if (used === 0) return 'listeners'
    return used === 1 ? 'features' : 'both'
  })
  return { vectors: normalise(vectors, rank), sources }
}
