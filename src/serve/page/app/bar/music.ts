/** What the tab asks the server for: see protocol/music-methods.ts. */
import type { ParamsInput, Results } from '../../../../client/index.ts'
import { storedKey } from '../connection/keys.ts'
import type { Session } from '../connection/session.ts'
import type { Ingredients } from './ingredients/ingredients.ts'
import type { MixedSong, PlayedSong } from './list/mixed-song.ts'
import type { MapPoints } from './map/map-points.ts'

export interface SongSummary {
  readonly item: string
  readonly title: string
  readonly artist: string | undefined
}

/** The songs to come. */
export interface UpcomingSongs {
  readonly songs: readonly MixedSong[]
  /** Why they are fewer than asked for. */
  readonly short: string | undefined
}

type MixParams = ParamsInput<'music_continue'>
type Mixed = Results['music_continue']['items'][number]

const [mostTags, mostFound, mostPoints] = [200, 8, 5000]

export class Music {
  readonly #session: Session
  /** Address of the sound that was fetched last. */
  #fetched: string | undefined

  constructor(session: Session) {
    this.#session = session
  }

  /** Tags, those of most songs first. */
  async tags(): Promise<string[]> {
    const { tags } = await this.#session.client.call('music_tags', { limit: mostTags })
    return tags.map(({ tag }) => tag)
  }

  /** The map, whose colours are those of `tags`. */
  async points(tags: readonly string[]): Promise<MapPoints> {
    const map = await this.#session.client.call('music_map', { limit: mostPoints })
    // Where nobody listens at all, none is newer than the others.
    const areHeard = map.listeners.some(listeners => listeners > 0)
    const places = map.tags.map(tag => tags.indexOf(tag))
    return {
      items: map.items.map(String),
      x: map.x,
      y: map.y,
      tag: map.tag.map(tag => places[tag] ?? -1),
      tags,
      titles: map.items.map((item, at) =>
        [map.titles[at] || String(item), map.artists[at]].filter(Boolean).join(' – '),
      ),
      isNew: map.listeners.map(listeners => listeners === 0 && areHeard),
    }
  }

  async find(text: string): Promise<SongSummary[]> {
    const { songs } = await this.#session.client.call('music_songs', { text, limit: mostFound })
    return songs.map(summaryOf)
  }

  async song(item: string): Promise<SongSummary> {
    return summaryOf(await this.#session.client.call('music_song', { song: item, nearest: 0 }))
  }

  /** Has the server mix the songs that come next, now and after each that is accepted or skipped. */
  mix(ingredients: Ingredients, played: readonly PlayedSong[], signal: AbortSignal) {
    const mix = this.#session.client.mix(paramsOf(ingredients, played), { signal })
    return {
      lists: upcoming(mix),
      accept: (item: string) => mix.accept(item),
      skip: (item: string) => mix.skip(item),
    }
  }

  /** Where the sound of a song is: its own address, or, since an audio element shows no key, that of what was fetched with it. */
  async soundOf(item: string): Promise<string> {
    const address = new URL(`music/audio/${encodeURIComponent(item)}`, location.href).href
    const key = storedKey('key')
    if (key === undefined) return address
    const response = await fetch(address, { headers: { authorization: `Bearer ${key}` } })
    if (!response.ok) throw new Error(`the sound of ${item} cannot be had: the server answered ${response.status}`)
    if (this.#fetched !== undefined) URL.revokeObjectURL(this.#fetched)
    this.#fetched = URL.createObjectURL(await response.blob())
    return this.#fetched
  }
}

async function* upcoming(
  lists: AsyncIterable<{ readonly items: readonly Mixed[]; readonly short?: string | undefined }>,
): AsyncGenerator<UpcomingSongs> {
  for await (const { items, short } of lists) yield { songs: items.map(songOf), short }
}

function summaryOf({
  item,
  title,
  artist,
}: {
  readonly item: string | number
  readonly title?: string | undefined
  readonly artist?: string | undefined
}): SongSummary {
  return { item: String(item), title: title ?? String(item), artist }
}

function songOf(song: Mixed): MixedSong {
  const { duration, audio, energy, tags, why, because } = song
  const { item, title, artist } = summaryOf(song)
  const fits = because
    .filter(({ weight }) => weight > 0)
    .map(({ name, title: own, match }) => ({ name: own ?? name, match }))
  return { item, title, artist, duration, hasSound: audio, energy, tags, why, fits }
}

function paramsOf(ingredients: Ingredients, played: readonly PlayedSong[]): MixParams {
  const { tags, songs, taste, energy, length, diversity, smoothness } = ingredients
  const params: MixParams = {
    tags: [...tags].map(([tag, weight]) => ({ tag, weight })),
    songs: [...songs].map(([song, { weight }]) => ({ song, weight })),
    avoid: {
      tags: [...ingredients.avoidedTags],
      artists: [...ingredients.avoidedArtists],
      songs: [...ingredients.avoidedSongs.keys()],
    },
    length,
    playlist: played.map(({ song, outcome }) => ({ song: song.item, outcome })),
  }
  // What is left out the server chooses.
  if (taste) params.taste = taste
  if (energy) params.energy = [...energy]
  if (diversity !== undefined) params.diversity = diversity
  if (smoothness !== undefined) params.smoothness = smoothness
  return params
}
