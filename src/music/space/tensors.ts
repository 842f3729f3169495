/** The tensors of a song space on disk: their types and shapes, and which values they may have. */

/** How many there are of each. */
export interface SpaceSize {
  readonly songs: number
  readonly tags: number
  readonly rank: number
}

export interface SpaceTensors {
  /** (songs × rank) */
  readonly vectors: Float32Array
  /** (tags × rank) */
  readonly tagVectors: Float32Array
  /** (songs) */
  readonly energy: Float32Array
  /** (songs) In seconds, NaN where it is not known. */
  readonly durations: Float32Array
  /** (songs) */
  readonly listeners: Uint32Array
  /** (songs) Codes of what vectors rest on: {@link sourceCodes}. */
  readonly sources: Uint8Array
  /** (songs × 2) */
  readonly coordinates: Float32Array
}

export type SpaceTensor = keyof SpaceTensors

/** What a code of {@link SpaceTensors.sources} stands for, by its place. */
export const sourceCodes = [undefined, 'listeners', 'features', 'both'] as const

export const tensorKinds = {
  vectors: Float32Array,
  tagVectors: Float32Array,
  energy: Float32Array,
  durations: Float32Array,
  listeners: Uint32Array,
  sources: Uint8Array,
  coordinates: Float32Array,
} as const

export const tensorNames = Object.keys(tensorKinds) as readonly SpaceTensor[]

export function shapeOf(name: SpaceTensor, { songs, tags, rank }: SpaceSize): readonly number[] {
  if (name === 'vectors') return [songs, rank]
  if (name === 'tagVectors') return [tags, rank]
  return name === 'coordinates' ? [songs, 2] : [songs]
}

/** How far the length of a vector of float32 may be from 1. */
const lengthTolerance = 1e-3

/** The first tensor that holds what no song space has, and what that is, in words. */
export function valuesFault(tensors: SpaceTensors, rank: number): { name: SpaceTensor; fault: string } | undefined {
  for (const name of ['vectors', 'tagVectors'] as const) {
    const row = firstWrongRow(tensors[name], rank)
    if (row >= 0) return { name, fault: `row ${row} must be of length 1 or zeros` }
  }
  const checks = {
    energy: (value: number) => Number.isNaN(value) || (value >= 0 && value <= 1),
    durations: (value: number) => Number.isNaN(value) || (value >= 0 && value < Number.POSITIVE_INFINITY),
    sources: (value: number) => value < sourceCodes.length,
    coordinates: (value: number) => value >= -1 && value <= 1,
  }
  const expected = {
    energy: 'from 0 to 1, or NaN',
    durations: 'seconds from 0 on, or NaN',
    sources: `below ${sourceCodes.length}`,
    coordinates: 'from -1 to 1',
  }
  for (const name of ['energy', 'durations', 'sources', 'coordinates'] as const) {
    const at = tensors[name].findIndex((value: number) => !checks[name](value))
    if (at >= 0) return { name, fault: `value ${at} must be ${expected[name]}, got ${tensors[name][at]}` }
  }
  return undefined
}

/** The first row that is neither of length 1 nor zeros, or -1. */
function firstWrongRow(vectors: Float32Array, rank: number): number {
  for (let row = 0; row * rank < vectors.length; row++) {
    let squares = 0
    for (let at = row * rank; at < (row + 1) * rank; at++) squares += vectors[at]! ** 2
    if (squares !== 0 && !(Math.abs(Math.sqrt(squares) - 1) <= lengthTolerance)) return row
  }
  return -1
}
