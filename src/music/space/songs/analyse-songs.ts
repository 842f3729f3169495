import { availableParallelism } from 'node:os'
import { type EnergyFeatures, energyFeaturesOf } from '../../audio/energy-features.ts'
import type { SongTagger } from '../song-tagger.ts'

/** What the files of songs sound like. */
export interface AnalysedSounds {
  /** (songs) Undefined where a song has no file, or its file cannot be read. */
  readonly energies: readonly (EnergyFeatures | undefined)[]
  /** (songs) Of the tagger; undefined where there is none, too. */
  readonly sounds: readonly (Awaited<ReturnType<SongTagger['analyse']>> | undefined)[]
  readonly failed: readonly { readonly file: string; readonly message: string }[]
}

export interface AnalyseSongsOptions {
  readonly tagger?: SongTagger | undefined
  readonly signal?: AbortSignal | undefined
  /** Called after each file. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/**
 * Analyses the files of songs. A file that cannot be read is listed, and its song is as one without a file.
 *
 * @param files (songs) Paths; undefined where a song has none.
 * @throws the reason of the signal when it is aborted.
 */
export async function analyseSongs(
  files: readonly (string | undefined)[],
  { tagger, signal, onProgress }: AnalyseSongsOptions = {},
): Promise<AnalysedSounds> {
  const energies: AnalysedSounds['energies'][number][] = files.map(() => undefined)
  const sounds: AnalysedSounds['sounds'][number][] = files.map(() => undefined)
  const failed: AnalysedSounds['failed'][number][] = []
  const songs = [...files.keys()].filter(song => files[song] !== undefined)
  let [next, done] = [0, 0]
  const work = async () => {
    while (next < songs.length) {
      const song = songs[next++]!
      const file = files[song]!
      signal?.throwIfAborted()
      try {
        const sound = await tagger?.analyse(file, signal)
        energies[song] = sound?.energy ?? (await energyFeaturesOf(file, signal))
        sounds[song] = sound
      } catch (error) {
        signal?.throwIfAborted()
        failed.push({ file, message: error instanceof Error ? error.message : String(error) })
      }
      onProgress?.(++done, songs.length)
    }
  }
  await Promise.all(Array.from({ length: tagger?.threads ?? availableParallelism() }, work))
  return { energies, sounds, failed }
}
