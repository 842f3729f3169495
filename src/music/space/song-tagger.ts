import type { EnergyFeatures } from '../audio/energy-features.ts'

/** What predicts moods, instruments or whatever its labels are of sound files, for `buildSongSpace`; `pooledTagger` gives one of a trained tagger. */
export interface SongTagger {
  readonly labels: readonly string[]
  /** Numbers of an embedding. */
  readonly embedding: number
  /** Files that are analysed at once. Default: as many as the machine runs at once. */
  readonly threads?: number | undefined
  /**
   * Analyses the file at `path`.
   *
   * @throws Error that says why the file cannot be read; the reason of the signal when it is aborted.
   */
  analyse(
    path: string,
    signal?: AbortSignal,
  ): Promise<{
    /** (labels) Each from 0 to 1. */
    readonly probabilities: Float32Array
    readonly embedding: Float32Array
    /** Absent: the file is decoded once more to measure them. */
    readonly energy?: EnergyFeatures | undefined
  }>
}
