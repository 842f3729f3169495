import { indexSpace } from '../mix/indexed-space.ts'
import { mixSongs } from '../mix/mix.ts'
import { MappedSongSpace } from '../space/artifact.ts'
import type { Mood } from '../synthesis/moods.ts'
import type { SongPlan } from '../synthesis/songs.ts'
import type { Collection } from './collection.ts'
import { type MixAgreement, mixAgreement, wantedMoods } from './truth.ts'

export interface MixMeasure {
  readonly mixes: readonly MixAgreement[]
  /** A mix to look at. */
  readonly example: {
    readonly wanted: readonly Mood[]
    readonly songs: readonly { readonly song: SongPlan; readonly why: string }[]
  }
}

/** Songs of a mix that is judged. */
const mixLength = 10

/** Mixes each mood, and each pair of moods that enough songs have, and says how many of the songs have them in truth. */
export function mixMoods({ songs }: Collection, directory: string): MixMeasure {
  const byId = new Map(songs.map(song => [song.id, song]))
  const space = MappedSongSpace.open(directory)
  try {
    const indexed = indexSpace(space)
    const mix = (wanted: readonly Mood[]) => {
      const { items } = mixSongs(indexed, { tags: wanted.map(tag => ({ tag })), length: mixLength })
      return items.map(({ item, why }) => ({ song: byId.get(String(item))!, why }))
    }
    const mixes = wantedMoods(songs, mixLength).map(wanted => {
      const mixed = mix(wanted).map(({ song }) => song)
      return mixAgreement(wanted, mixed, songs)
    })
    const wanted: Mood[] = ['calm', 'rain']
    return { mixes, example: { wanted, songs: mix(wanted) } }
  } finally {
    space.close()
  }
}
