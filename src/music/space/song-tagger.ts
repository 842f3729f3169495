/** What hears moods, instruments or whatever its labels are in sound files. */
export interface SongTagger {
  readonly labels: readonly string[]
  /** Numbers of an embedding. */
  readonly embedding: number
  /**
   * Listens to the file at `path`.
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
  }>
}
