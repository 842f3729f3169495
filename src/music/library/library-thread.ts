/** The thread that has a song space open, and answers what is asked of it: no connection waits for a mix of a million songs. */
import { workerData } from 'node:worker_threads'
import { answerRequests } from '../../events/answering-thread.ts'
import { checksumOf } from '../../storage/directory.ts'
import { MixError } from '../mix/ingredients/ingredients.ts'
import { openSongSpace } from '../space/artifact.ts'
import type { SongSpace } from '../space/song-space.ts'
import { Library } from './library.ts'

/** Methods of {@link Library}, and their arguments. */
export type LibraryCall = {
  [Name in keyof Library]: { readonly name: Name; readonly args: Parameters<Library[Name]> }
}[keyof Library]

/** `space`: the name of the one that was asked. */
export type LibraryAnswer =
  | { readonly space: string; readonly result: unknown }
  | { readonly refusal: MixError['reason']; readonly message: string }
  | { readonly failure: string }

export interface LibraryData {
  readonly directory: string
  /** Whether sound files of the songs can be played. */
  readonly audio: boolean
}

const { directory, audio } = workerData as LibraryData

answerRequests<LibraryCall, LibraryAnswer, string>(() => {
  const space = openSongSpace(directory)
  const name = checksumOf(space.manifest)
  const library = new Library(audio ? space : withoutFiles(space))
  return { found: name, answer: call => answer(library, name, call), close: () => space.close() }
})

/** The same where no sound file is to be played. */
function withoutFiles(space: SongSpace): SongSpace {
  const { rank, songs, vectors, tags, tagVectors, songTags, energy, listeners, coordinates } = space
  return {
    rank,
    songs,
    vectors,
    tags,
    tagVectors,
    songTags,
    energy,
    listeners,
    coordinates,
    sourceOf: song => space.sourceOf(song),
    detailsOf(song) {
      const { title, artist, duration } = space.detailsOf(song)
      return { title, artist, duration }
    },
  }
}

function answer(library: Library, space: string, { name, args }: LibraryCall): LibraryAnswer {
  try {
    return { space, result: (library[name] as (...args: unknown[]) => unknown).apply(library, args) }
  } catch (error) {
    if (error instanceof MixError) return { refusal: error.reason, message: error.message }
    if (error instanceof RangeError) return { refusal: 'bad_message', message: error.message }
    return { failure: (error as Error).stack ?? String(error) }
  }
}
