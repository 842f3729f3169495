import { setImmediate } from 'node:timers/promises'
import { TopKIndex } from '../../search/topk.ts'

/** Landmarks that a vector is placed by. */
const neighbours = 5
/** Vectors that are placed between two turns of the event loop. */
const placedAtOnce = 1024

/** Vectors whose places are known. */
export interface Landmarks {
  /** (landmarks × rank) Of length 1. */
  readonly vectors: Float32Array
  /** (landmarks) */
  readonly places: readonly (readonly number[])[]
}

/**
 * Places (vectors × 2) of vectors of length 1: the mean of the places of the five landmarks of the highest cosine, weighted by 1 / (1 − cosine).
 *
 * @throws the reason of the signal when it is aborted.
 */
export async function placesByLandmarks(
  vectors: Float32Array,
  rank: number,
  landmarks: Landmarks,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const index = TopKIndex.build(landmarks.vectors, rank)
  const limit = Math.min(neighbours, index.items)
  const count = vectors.length / rank
  const places = new Float32Array(2 * count)
  for (let first = 0; first < count; first += placedAtOnce) {
    signal?.throwIfAborted()
    const { items, scores } = index.search(vectors.subarray(first * rank, (first + placedAtOnce) * rank), { limit })
    for (let begin = 0; begin < items.length; begin += limit) {
      let [x, y, total] = [0, 0, 0]
      for (let at = begin; at < begin + limit; at++) {
        const weight = 1 / Math.max(1e-6, 1 - scores[at]!)
        const [ownX, ownY] = landmarks.places[items[at]!]!
        x += weight * ownX!
        y += weight * ownY!
        total += weight
      }
      places.set([x / total, y / total], 2 * (first + begin / limit))
    }
    await setImmediate()
  }
  return places
}
