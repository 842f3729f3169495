/** What the demonstration is about: made-up songs and listeners, and what of them each part is allowed to know. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { drawPlaylists, type Playlist } from '../synthesis/listeners.ts'
import { drawSongs, type SongPlan } from '../synthesis/songs.ts'
import { soundFile, writeSounds } from '../synthesis/sounds.ts'
import type { StepContext } from './step.ts'

export interface Collection {
  /** In the folder `sounds` of it are the sounds. */
  readonly folder: string
  readonly songs: readonly SongPlan[]
  /** The moods of these are given: the tagger learns from them. */
  readonly labelled: readonly SongPlan[]
  /** These have listeners, but nobody says which moods they have. */
  readonly unlabelled: readonly SongPlan[]
  /** These have neither listeners nor tags. */
  readonly fresh: readonly SongPlan[]
  /** Of songs that are not fresh. */
  readonly playlists: readonly Playlist[]
}

export interface CollectionOptions {
  readonly songs: number
  readonly listeners: number
  readonly seed: number
}

/** Shares of the songs that are fresh and that are unlabelled. */
const [isFresh, isUnlabelled] = [0.15, 0.15]

/** Draws songs and playlists of them. */
export function drawCollection(folder: string, { songs: count, listeners, seed }: CollectionOptions): Collection {
  const songs = drawSongs({ songs: count, seed })
  // Each is drawn by itself: a part of them is as good as any other.
  const fresh = songs.slice(0, Math.round(isFresh * count))
  const others = songs.slice(fresh.length)
  const unlabelled = others.slice(0, Math.round(isUnlabelled * count))
  const labelled = others.slice(unlabelled.length)
  return { folder, songs, labelled, unlabelled, fresh, playlists: drawPlaylists(others, { listeners, seed }) }
}

/** Makes the sounds of all songs. */
export async function makeSounds(collection: Collection, { pool, signal, onProgress }: StepContext): Promise<void> {
  const { songs } = collection
  const show = (written: number) => onProgress('making sounds', written / songs.length)
  await writeSounds(songs, soundsOf(collection), { pool, signal, onProgress: show })
}

/** The folder of the sounds. */
function soundsOf({ folder }: Collection): string {
  return join(folder, 'sounds')
}

export function fileOf(collection: Collection, song: SongPlan): string {
  return soundFile(soundsOf(collection), song)
}

/** Tables that the commands of the package read, one file each. */
export interface Tables {
  /** Columns playlist and song. */
  readonly playlists: string
  /** Columns playlist and tag. */
  readonly tags: string
  /** Columns file and labels, of those that are labelled. */
  readonly labels: string
  /** Columns id, title, artist, file, and tags of those that are labelled. */
  readonly songs: string
  /** What is true of all songs, which no part reads: columns id, moods and energy. */
  readonly truth: string
}

/** Writes what is known as tables into the folder. */
export async function writeTables(collection: Collection): Promise<Tables> {
  const { folder, songs, labelled, playlists } = collection
  const at = (name: string) => join(folder, name)
  const tables: Tables = {
    playlists: at('playlists.csv'),
    tags: at('playlist-tags.csv'),
    labels: at('labels.csv'),
    songs: at('songs.csv'),
    truth: at('truth.csv'),
  }
  const isLabelled = new Set(labelled)
  const relative = (song: SongPlan) => `sounds/${song.id}.wav`
  const moodsOf = (song: SongPlan) => [...song.moods.keys()].join('|')
  await Promise.all([
    writeTable(
      tables.playlists,
      ['playlist', 'song'],
      playlists.flatMap(({ id, songs }) => songs.map(song => [id, song])),
    ),
    writeTable(
      tables.tags,
      ['playlist', 'tag'],
      playlists.flatMap(({ id, tags }) => tags.map(tag => [id, tag])),
    ),
    writeTable(
      tables.labels,
      ['file', 'labels'],
      labelled.map(song => [relative(song), moodsOf(song)]),
    ),
    writeTable(
      tables.songs,
      ['id', 'title', 'artist', 'file', 'tags'],
      songs.map(song => [song.id, song.title, song.artist, relative(song), isLabelled.has(song) ? moodsOf(song) : '']),
    ),
    writeTable(
      tables.truth,
      ['id', 'moods', 'energy'],
      songs.map(song => [song.id, moodsOf(song), song.energy.toFixed(3)]),
    ),
  ])
  return tables
}

function writeTable(path: string, header: readonly string[], rows: readonly (readonly string[])[]): Promise<void> {
  const lines = [header, ...rows].map(row => row.map(quoted).join(','))
  return writeFile(path, `${lines.join('\n')}\n`)
}

function quoted(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
