import type { UMAP } from 'umap-js'
import { randomNumbers } from '../../storage/random.ts'
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

/** Songs that UMAP places, evenly chosen; others are placed by the nearest of these. */
const mostProjected = 2000
/** Neighbours by which other songs are placed. */
const placedBy = 5
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
    for (const song of known) {
      if (isPlaced.has(song)) continue
      signal?.throwIfAborted()
      const [x, y] = placeBetween(rowOf(song), chosen.map(rowOf), found)
      place(song, x, y)
    }
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

/** The mean of the places of the nearest of `others`, weighted by how near they are. */
function placeBetween(
  row: Float32Array,
  others: readonly Float32Array[],
  places: readonly number[][],
): [number, number] {
  const nearest: { at: number; cosine: number }[] = []
  others.forEach((other, at) => {
    let cosine = 0
    for (let column = 0; column < row.length; column++) cosine += row[column]! * other[column]!
    if (nearest.length === placedBy && cosine <= nearest.at(-1)!.cosine) return
    nearest.push({ at, cosine })
    nearest.sort((a, b) => b.cosine - a.cosine)
    nearest.length = Math.min(nearest.length, placedBy)
  })
  let [x, y, total] = [0, 0, 0]
  for (const { at, cosine } of nearest) {
    const weight = 1 / Math.max(1e-6, 1 - cosine)
    x += weight * places[at]![0]!
    y += weight * places[at]![1]!
    total += weight
  }
  return [x / total, y / total]
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
