import { join } from 'node:path'
import { OpenModel } from '../../models/open/open-model.ts'
import { MappedSongSpace, writeSongSpace } from '../space/artifact.ts'
import { buildSongSpace } from '../space/build.ts'
import type { SongTagger } from '../space/song-tagger.ts'
import { type Collection, fileOf } from './collection.ts'
import type { AnalysedSongs } from './learn-moods.ts'
import type { StepContext } from './step.ts'
import { type Agreement, neighboursShareMood, rankCorrelation } from './truth.ts'

export interface SpaceMeasure {
  readonly directory: string
  /** Nearest songs with listeners of the fresh ones, which lie where they sound, and of the others. */
  readonly fresh: Agreement
  readonly others: Agreement
  /** Rank correlation of the energy of the space and the true one. */
  readonly energy: number
}

/** Places all songs in one space: those with listeners by these, fresh ones by what the tagger predicts. */
export async function placeSongs(
  collection: Collection,
  analysed: AnalysedSongs,
  context: StepContext,
): Promise<SpaceMeasure> {
  const { folder, songs, labelled, unlabelled, fresh } = collection
  const { signal, onProgress } = context
  const isLabelled = new Set(labelled)
  const tagger: SongTagger = {
    labels: analysed.labels,
    embedding: analysed.embedding,
    // Each was analysed before, and the space needs no more than that.
    analyse: async path => analysed.byFile.get(path)!,
  }
  const rows = songs.map(song => ({
    id: song.id,
    title: song.title,
    artist: song.artist,
    duration: song.seconds,
    file: fileOf(collection, song),
    tags: isLabelled.has(song) ? [...song.moods].map(([tag, weight]) => ({ tag, weight })) : [],
  }))
  const model = OpenModel.open(join(folder, 'model'))
  const directory = join(folder, 'space')
  try {
    const built = await buildSongSpace({
      songs: rows,
      model,
      tagger,
      signal,
      onProgress: ({ stage, done }) => onProgress(stage, done),
    })
    await writeSongSpace(directory, built.parts)
  } finally {
    model.close()
  }
  const space = MappedSongSpace.open(directory)
  try {
    const others = [...labelled, ...unlabelled]
    const place = space.songs.indicesOf(songs.map(({ id }) => id))
    return {
      directory,
      fresh: neighboursShareMood(space, fresh, others),
      others: neighboursShareMood(space, others, others),
      energy: rankCorrelation(
        songs.map(({ energy }) => energy),
        Array.from(place, row => space.energy[row]!),
      ),
    }
  } finally {
    space.close()
  }
}
