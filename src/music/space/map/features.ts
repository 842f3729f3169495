import type { Csr } from '../../../storage/csr.ts'

/** What is known of songs without listeners. */
export interface SongFeatures {
  readonly songs: number
  /** (songs × tags) Weights above 0 up to 1. */
  readonly tags: Csr
  /** (songs × width) What they sound like; rows of NaN where that is not known. Absent: of none. */
  readonly sound?: { readonly values: Float32Array; readonly width: number } | undefined
}

/** A matrix of features, a sparse part beside a dense one. */
export interface FeatureMatrix {
  readonly rows: number
  /** Sparse ones first, then dense ones. */
  readonly columns: number
  readonly sparse: Csr
  /** (rows × width) */
  readonly dense: Float64Array
  readonly width: number
}

/** Features that every encoding has at the end: 1, whether there are tags, whether there is a sound. */
const indicators = 3

/**
 * How features become numbers: learned of some songs, used for all.
 *
 * Tags weigh ln(1 + songs / songs with the tag) and rows of them are of length 1; tags that none of the songs has that it was learned of count
 * nothing. Each number of a sound is standardised and divided by √width, so that rows are of length 1 about, and 0 where there is none.
 */
export class FeatureEncoder {
  readonly #tagWeights: Float64Array
  readonly #means: Float64Array
  readonly #scales: Float64Array

  /** @param rows the songs that it is learned of. */
  constructor(features: SongFeatures, rows: ArrayLike<number>) {
    this.#tagWeights = tagWeights(features.tags, rows)
    const width = features.sound?.width ?? 0
    this.#means = new Float64Array(width)
    this.#scales = new Float64Array(width)
    if (features.sound) this.#standardise(features.sound.values, rows)
  }

  /** @param options.indicators whether the features that every encoding has at the end are there. Default: true. */
  encode({ songs, tags, sound }: SongFeatures, options: { readonly indicators?: boolean } = {}): FeatureMatrix {
    const hasIndicators = options.indicators ?? true
    const width = this.#means.length + (hasIndicators ? indicators : 0)
    const dense = new Float64Array(songs * width)
    const weights = new Float32Array(tags.weights.length)
    const scaled = Math.sqrt(this.#means.length)
    for (let song = 0; song < songs; song++) {
      const [begin, end] = [Number(tags.indptr[song]), Number(tags.indptr[song + 1])]
      let squares = 0
      for (let at = begin; at < end; at++) squares += (tags.weights[at]! * this.#tagWeights[tags.indices[at]!]!) ** 2
      const norm = Math.sqrt(squares)
      for (let at = begin; norm > 0 && at < end; at++) {
        weights[at] = (tags.weights[at]! * this.#tagWeights[tags.indices[at]!]!) / norm
      }
      const first = song * width
      const last = first + this.#means.length
      const known = sound && hasSound(sound, song) ? sound : undefined
      if (hasIndicators) dense.set([1, Number(norm > 0), Number(known !== undefined)], last)
      if (!known) continue
      for (let at = 0; at < this.#means.length; at++) {
        const value = known.values[song * known.width + at]! - this.#means[at]!
        dense[first + at] = (value * this.#scales[at]!) / scaled
      }
    }
    const sparse = { rows: songs, columns: tags.columns, indptr: tags.indptr, indices: tags.indices, weights }
    return { rows: songs, columns: tags.columns + width, sparse, dense, width }
  }

  /** Two passes: a mean that is far from 0 would cost digits of the variance. */
  #standardise(values: Float32Array, rows: ArrayLike<number>): void {
    const width = this.#means.length
    const sound = { values, width }
    const known = Array.from(rows).filter(row => hasSound(sound, row))
    for (const row of known) for (let at = 0; at < width; at++) this.#means[at]! += values[row * width + at]!
    for (let at = 0; at < width; at++) this.#means[at]! /= Math.max(1, known.length)
    for (const row of known) {
      for (let at = 0; at < width; at++) this.#scales[at]! += (values[row * width + at]! - this.#means[at]!) ** 2
    }
    for (let at = 0; at < width; at++) {
      const deviation = Math.sqrt(this.#scales[at]! / Math.max(1, known.length))
      this.#scales[at] = deviation > 1e-9 * Math.abs(this.#means[at]!) ? 1 / deviation : 0
    }
  }
}

/** Whether it is known what `song` sounds like. */
export function hasSound({ values, width }: NonNullable<SongFeatures['sound']>, song: number): boolean {
  return width > 0 && !Number.isNaN(values[song * width]!)
}

/** Whether anything is known of `song`. */
export function hasFeatures({ tags, sound }: SongFeatures, song: number): boolean {
  return tags.indptr[song] !== tags.indptr[song + 1] || (sound !== undefined && hasSound(sound, song))
}

function tagWeights(tags: Csr, rows: ArrayLike<number>): Float64Array {
  const counts = new Float64Array(tags.columns)
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at]!
    for (let pair = Number(tags.indptr[row]); pair < Number(tags.indptr[row + 1]); pair++)
      counts[tags.indices[pair]!]! += 1
  }
  return counts.map(count => (count > 0 ? Math.log(1 + rows.length / count) : 0))
}
