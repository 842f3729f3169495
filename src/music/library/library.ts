import type { Id } from '../../storage/ids.ts'
import { type ContinueOptions, continueMix, type PlayedSong } from '../mix/continue.ts'
import { type IndexedSpace, indexSpace } from '../mix/indexed-space.ts'
import { songNamed, tagNamed } from '../mix/ingredients/ingredients.ts'
import { type Mix, mixSongs } from '../mix/mix.ts'
import type { MixRequest } from '../mix/request.ts'
import type { SongSpace, VectorSource } from '../space/song-space.ts'
import { type FoundSong, foundSong } from './found-song.ts'
import { type SongMap, songMap } from './song-map.ts'
import { SongSearch } from './song-search.ts'
import { type ListedTag, songCounts, type TagQuery, tagsOf } from './tags.ts'

/** A song with all that is known of it. */
export interface SongFound extends FoundSong {
  /** What its vector rests on; undefined where it has none. */
  readonly source?: VectorSource | undefined
  /** On the map, from −1 to 1. */
  readonly at: readonly [number, number]
  /** Nearest first. */
  readonly nearest: readonly (FoundSong & { readonly cosine: number })[]
}

export interface SongsQuery {
  readonly text: string
  readonly tag?: string | undefined
  readonly limit: number
}

/** What can be asked of a song space. Its methods are those of the service. */
export class Library {
  readonly #indexed: IndexedSpace
  readonly #counts: Uint32Array
  readonly #search: SongSearch

  /** Indexes the space, which is the library's from now on. */
  constructor(space: SongSpace) {
    this.#indexed = indexSpace(space)
    this.#counts = songCounts(space)
    this.#search = new SongSearch(space)
  }

  get #space(): SongSpace {
    return this.#indexed.space
  }

  /** @throws as {@link mixSongs}. */
  mix(request: MixRequest): Mix {
    return mixSongs(this.#indexed, request)
  }

  /** @throws as {@link continueMix}. */
  continue(request: MixRequest, playlist: readonly PlayedSong[], options: ContinueOptions): Mix {
    return continueMix(this.#indexed, request, playlist, options)
  }

  /** @throws as {@link tagsOf}. */
  tags(query: TagQuery): readonly ListedTag[] {
    return tagsOf(this.#space, this.#counts, query)
  }

  /** @throws {MixError} `unknown_tag` */
  songs({ text, tag, limit }: SongsQuery): readonly FoundSong[] {
    const of = tag === undefined ? undefined : tagNamed(this.#space, tag)
    return this.#search.find(text, limit, of).map(song => foundSong(this.#space, song))
  }

  /** @throws {MixError} `unknown_item` */
  song(id: Id, nearest: number): SongFound {
    const space = this.#space
    const song = songNamed(space, id)
    const { coordinates } = space
    const at = [coordinates[2 * song]!, coordinates[2 * song + 1]!] as const
    const found = foundSong(space, song)
    return Object.assign({}, found, { source: space.sourceOf(song), at, nearest: this.#nearest(song, nearest) })
  }

  map(limit: number): SongMap {
    return songMap(this.#space, limit)
  }

  /** The sound file of a song, where it has one. @throws {MixError} `unknown_item` */
  file(id: Id): string | undefined {
    return this.#space.detailsOf(songNamed(this.#space, id)).file
  }

  #nearest(song: number, limit: number): SongFound['nearest'] {
    if (limit === 0) return []
    const { items, scores } = this.#indexed.index.similar(Uint32Array.of(song), { limit })
    const found: (FoundSong & { cosine: number })[] = []
    items.forEach((other, at) => {
      if (scores[at]! > 0) found.push(Object.assign(foundSong(this.#space, other), { cosine: scores[at]! }))
    })
    return found
  }
}
