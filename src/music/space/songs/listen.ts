import { type EnergyFeatures, energyFeaturesOf } from '../../audio/energy-features.ts'
import type { SongTagger } from '../song-tagger.ts'

/** What was heard in the files of songs. */
export interface Heard {
  /** (songs) Undefined where a song has no file, or its file cannot be read. */
  readonly liveliness: readonly (EnergyFeatures | undefined)[]
  /** (songs) Of the tagger; undefined where there is none, too. */
  readonly sounds: readonly (Awaited<ReturnType<SongTagger['analyse']>> | undefined)[]
  readonly failed: readonly { readonly file: string; readonly message: string }[]
}

export interface ListenOptions {
  readonly tagger?: SongTagger | undefined
  readonly signal?: AbortSignal | undefined
  /** Called after each file. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Files that are listened to at once. */
const atOnce = 4

/**
 * Listens to the files of songs. A file that cannot be read is listed, and its song is one of which nothing is heard.
 *
 * @param files (songs) Paths; undefined where a song has none.
 * @throws the reason of the signal when it is aborted.
 */
export async function listen(
  files: readonly (string | undefined)[],
  { tagger, signal, onProgress }: ListenOptions = {},
): Promise<Heard> {
  const liveliness: Heard['liveliness'][number][] = files.map(() => undefined)
  const sounds: Heard['sounds'][number][] = files.map(() => undefined)
  const failed: Heard['failed'][number][] = []
  const songs = [...files.keys()].filter(song => files[song] !== undefined)
  let [next, done] = [0, 0]
  const work = async () => {
    while (next < songs.length) {
      const song = songs[next++]!
      const file = files[song]!
      signal?.throwIfAborted()
      try {
        const lively = await energyFeaturesOf(file, signal)
        sounds[song] = await tagger?.analyse(file, signal)
        liveliness[song] = lively
      } catch (error) {
        signal?.throwIfAborted()
        failed.push({ file, message: error instanceof Error ? error.message : String(error) })
      }
      onProgress?.(++done, songs.length)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return { liveliness, sounds, failed }
}
