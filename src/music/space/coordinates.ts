import type { UMAP } from 'umap-js'
import { randomNumbers } from '../../storage/random.ts'
import { placesByLandmarks } from './landmarks.ts'
import type { FeatureMatrix } from './map/features.ts'
import { principalCoordinates } from './map/principal-axes.ts'
import { isSet } from './vectors.ts'

export const projections = ['umap', 'pca'] as const
export type Projection = (typeof projections)[number]

export interface CoordinatesOptions {
  /**
   * `umap` (McInnes, Healy & Melville 2018) keeps neighbours together; `pca` keeps the two directions of most variance. Of fewer than
   * five songs it is `pca`. Default: `umap`.
   */
  readonly projection?: Projection | undefined
  readonly seed: number
  readonly signal?: AbortSignal | undefined
}

/** Songs that UMAP places, evenly chosen; they are the landmarks of the others. */
const mostProjected = 2000
const fewest = 5

/**
 * A map (songs × 2) of vectors (songs × rank) of length 1: from −1 to 1 in both directions; songs without a vector are at 0, 0. The same for
 * the same seed.
 *
 * @throws the reason of the signal when it is aborted.
 */
export async function coordinatesOf(
  vectors: Float32Array,
  rank: number,
  { projection = 'umap', seed, signal }: CoordinatesOptions,
): Promise<Float32Array> {
  const songs = vectors.length / rank
  const known = Array.from({ length: songs }, (_, song) => song).filter(song => isSet(vectors, song, rank))
  const rowOf = (song: number) => vectors.subarray(song * rank, (song + 1) * rank)
  const coordinates = new Float32Array(songs * 2)
  const place = (song: number, x: number, y: number) => coordinates.set([x, y], song * 2)
  if (projection === 'pca' || known.length < fewest) {
    const found = principalCoordinates(denseMatrix(known.map(rowOf), rank), { rank: 2, whitening: 0, seed, signal })
    known.forEach((song, at) => {
      place(song, found[at * 2]!, found[at * 2 + 1]!)
    })
  } else {
    const length = Math.min(known.length, mostProjected)
    const chosen = Array.from({ length }, (_, at) => known[Math.floor((at * known.length) / length)]!)
    const found = await projected(chosen.map(rowOf), seed, signal)
    found.forEach(([x, y], at) => {
      place(chosen[at]!, x!, y!)
    })
    const isPlaced = new Set(chosen)
    const others = known.filter(song => !isPlaced.has(song))
    const landmarks = { vectors: gathered(chosen.map(rowOf), rank), places: found }
    const places = await placesByLandmarks(gathered(others.map(rowOf), rank), rank, landmarks, signal)
    others.forEach((song, at) => {
      place(song, places[at * 2]!, places[at * 2 + 1]!)
    })
  }
  return scaled(coordinates, known)
}

async function projected(
  rows: readonly Float32Array[],
  seed: number,
  signal: AbortSignal | undefined,
): Promise<number[][]> {
  // Loaded by those who need it.
  const { UMAP: Projector } = (await import('umap-js')) as { readonly UMAP: typeof UMAP }
  const nNeighbors = Math.min(15, rows.length - 1)
  const projector = new Projector({ nComponents: 2, nNeighbors, minDist: 0.1, random: randomNumbers(seed) })
  return projector.fitAsync(
    rows.map(row => Array.from(row)),
    () => {
      signal?.throwIfAborted()
      return true
    },
  )
}

/** Each direction from −1 to 1, over the places of the songs that have one. */
function scaled(coordinates: Float32Array, known: readonly number[]): Float32Array {
  for (const axis of [0, 1]) {
    let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (const song of known) {
      const value = coordinates[song * 2 + axis]!
      least = Math.min(least, value)
      most = Math.max(most, value)
    }
    for (const song of known) {
      const value = coordinates[song * 2 + axis]!
      const share = most > least ? (2 * (value - least)) / (most - least) - 1 : 0
      coordinates[song * 2 + axis] = Math.min(1, Math.max(-1, share))
    }
  }
  return coordinates
}

/** (rows × rank) */
function gathered(rows: readonly Float32Array[], rank: number): Float32Array {
  const vectors = new Float32Array(rows.length * rank)
  rows.forEach((row, at) => {
    vectors.set(row, at * rank)
  })
  return vectors
}

/** `rows` as features without tags. */
function denseMatrix(rows: readonly Float32Array[], width: number): FeatureMatrix {
  const dense = new Float64Array(rows.length * width)
  rows.forEach((row, at) => {
    dense.set(row, at * width)
  })
  const indptr = new BigUint64Array(rows.length + 1)
  const sparse = { rows: rows.length, columns: 0, indptr, indices: new Uint32Array(0), weights: new Float32Array(0) }
  return { rows: rows.length, columns: width, sparse, dense, width }
}
