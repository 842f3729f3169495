/** Songs and their tags, of files of CSV, NDJSON and Parquet. */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type ReadRowsOptions, readRows, type SoughtColumn } from '../../../ingest/rows.ts'
import { asGiven } from '../../../storage/expectation.ts'
import type { SongDetails } from '../song-space.ts'

/** A song as a file has it; `file` is a path that can be opened. */
export interface SongRow extends SongDetails {
  readonly id: string
  readonly tags: readonly GivenTag[]
  /** From 0 to 1. */
  readonly energy?: number | undefined
}

export interface GivenTag {
  readonly tag: string
  /** Above 0: of the tags of a song the heaviest counts 1, the others in proportion. */
  readonly weight: number
}

/** What a column may hold, and the names under which it is looked for. */
const songColumns = {
  id: ['id', 'song', 'song_id', 'songId', 'track', 'track_id', 'trackId', 'item'],
  title: ['title', 'name'],
  artist: ['artist', 'artists', 'artist_name'],
  duration: ['duration', 'seconds', 'length'],
  tags: ['tags', 'moods', 'genres'],
  file: ['file', 'path', 'filename'],
  energy: ['energy'],
} as const
type SongColumn = keyof typeof songColumns

const tagColumns = {
  song: ['song', 'id', 'song_id', 'songId', 'track', 'track_id', 'trackId', 'item'],
  tag: ['tag', 'mood', 'genre', 'label'],
  weight: ['weight', 'count', 'probability'],
} as const
type TagColumn = keyof typeof tagColumns

export interface ReadSongsOptions
  extends Omit<ReadRowsOptions<never, never>, 'columns' | 'parse' | 'folder' | 'sources' | 'badRows' | 'signal'> {
  /** Files and globs of songs. */
  readonly songs: readonly string[]
  /** Of tables of a song, a tag and a weight, beside the tags that rows of songs have. Default: none. */
  readonly tags?: readonly string[] | undefined
  /** Between two tags of a row. Default: `|`. */
  readonly separator?: string | undefined
  /** The folder that relative paths of sound files begin at. Default: the working directory. */
  readonly audioRoot?: string | undefined
  /** Whether a row that cannot be used is an error, or left out and counted. Default: `refuse`. */
  readonly badRows?: ReadRowsOptions<never, never>['badRows'] | undefined
  readonly signal?: AbortSignal | undefined
}

export interface SongRows {
  /** In the order of the files; of rows with the same id the last. */
  readonly songs: readonly SongRow[]
  /** Rows of tags whose song is none of these. */
  readonly strayTags: number
  readonly badRows: number
  readonly firstBadRow: string | undefined
}

/**
 * Reads songs and their tags from tables (CSV, NDJSON, Parquet): what `buildSongSpace` makes a space of. Columns are found by their usual names: `id` is needed;
 * `title`, `artist`, `duration` (seconds), `tags`, `file` and `energy` (0 to 1) may be there.
 *
 * @throws RangeError where a file or a column is not there; SourceError naming the row that cannot be used, unless such are skipped.
 */
export async function readSongs({
  songs,
  tags = [],
  separator = '|',
  audioRoot = '',
  badRows = 'refuse',
  signal = new AbortController().signal,
  ...rest
}: ReadSongsOptions): Promise<SongRows> {
  const reading = Object.assign(rest, { badRows, signal })
  const found = new Map<string, SongRow>()
  const bad: { rows: number; first: string | undefined } = { rows: 0, first: undefined }
  await eachRow(reading, songs, columnsOf(songColumns, ['id'], '--songs'), bad, (texts: Texts<SongColumn>) => {
    const song = songOf(texts, separator)
    found.set(
      song.id,
      song.file === undefined ? song : Object.assign({}, song, { file: resolve(audioRoot, song.file) }),
    )
  })
  const given = new Map<string, GivenTag[]>()
  let strayTags = 0
  if (tags.length > 0) {
    await eachRow(reading, tags, columnsOf(tagColumns, ['song', 'tag'], '--tags'), bad, (texts: Texts<TagColumn>) => {
      const [song, tag, weight] = [
        required('song', texts.song),
        required('tag', texts.tag),
        numberOf('weight', texts.weight),
      ]
      // Weights of several rows are summed.
      if (weight !== undefined && !isAmount(weight)) {
        throw new Error(`weight: expected a number from 0 on, in single precision, got ${weight}`)
      }
      if (!found.has(song)) strayTags++
      else if (weight !== 0) append(given, song, { tag, weight: weight ?? 1 })
    })
  }
  const all = [...found.values()].map(song =>
    Object.assign({}, song, { tags: merged(song.tags, given.get(song.id) ?? []) }),
  )
  return { songs: all, strayTags, badRows: bad.rows, firstBadRow: bad.first }
}

type Texts<Name extends string> = { readonly [Key in Name]?: string | null }
type Reading = Omit<ReadRowsOptions<never, never>, 'columns' | 'parse' | 'folder' | 'sources'>

async function eachRow<Name extends string>(
  reading: Reading,
  sources: readonly string[],
  columns: Record<Name, SoughtColumn>,
  bad: { rows: number; first: string | undefined },
  take: (texts: Texts<Name>) => void,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'aurochs-songs-'))
  let last: { readonly badRows: number; readonly firstBadRow: string | undefined } | undefined
  for await (const rows of readRows<Name, void>({ ...reading, sources, columns, folder, parse: take })) last = rows
  bad.rows += last?.badRows ?? 0
  bad.first ??= last?.firstBadRow
}

function columnsOf<Name extends string>(
  names: Record<Name, readonly string[]>,
  needed: readonly Name[],
  title: string,
): Record<Name, SoughtColumn> {
  const sought = Object.entries<readonly string[]>(names).map(([name, known]) => [
    name,
    { names: known, isNeeded: needed.includes(name as Name), title: `${title}: the column of each ${name}` },
  ])
  return Object.fromEntries(sought)
}

function songOf({ id, title, artist, duration, tags, file, energy }: Texts<SongColumn>, separator: string): SongRow {
  const seconds = numberOf('duration', duration)
  if (seconds !== undefined && !isAmount(seconds)) {
    throw new Error(`duration: expected seconds from 0 on, in single precision, got ${seconds}`)
  }
  const level = numberOf('energy', energy)
  if (level !== undefined && !(level >= 0 && level <= 1)) {
    throw new Error(`energy: expected a number from 0 to 1, got ${level}`)
  }
  return {
    id: required('id', id),
    title: title || undefined,
    artist: artist || undefined,
    duration: seconds,
    file: file || undefined,
    energy: level,
    tags: tagsOf(tags, separator).map(tag => ({ tag, weight: 1 })),
  }
}

function required(name: string, text: string | null | undefined): string {
  const trimmed = text?.trim()
  if (!trimmed) throw new Error(`${name}: expected text, got nothing`)
  return trimmed
}

function numberOf(name: string, text: string | null | undefined): number | undefined {
  if (text === undefined || text === null || text.trim() === '') return undefined
  const number = Number(text)
  if (Number.isFinite(number)) return number
  throw new Error(`${name}: expected a number, got ${asGiven(text)}`)
}

/** Whether it is from 0 on, and finite as a float32. */
function isAmount(value: number): boolean {
  return value >= 0 && Number.isFinite(Math.fround(value))
}

/** A list in JSON, or text with `separator` between two tags. */
function tagsOf(text: string | null | undefined, separator: string): string[] {
  if (!text) return []
  const list: unknown = text.startsWith('[') ? parsedList(text) : text.split(separator)
  return [...new Set((list as unknown[]).map(tag => String(tag).trim()).filter(Boolean))]
}

function parsedList(text: string): unknown[] {
  try {
    const list: unknown = JSON.parse(text)
    if (Array.isArray(list)) return list
  } catch {}
  throw new Error(`tags: expected a list in JSON, got ${asGiven(text.slice(0, 60))}`)
}

/** Each tag once, with the sum of its weights. */
function merged(own: readonly GivenTag[], others: readonly GivenTag[]): GivenTag[] {
  const weights = new Map<string, number>()
  for (const { tag, weight } of [...own, ...others]) weights.set(tag, (weights.get(tag) ?? 0) + weight)
  return [...weights].map(([tag, weight]) => ({ tag, weight }))
}

function append(map: Map<string, GivenTag[]>, song: string, tag: GivenTag): void {
  const tags = map.get(song)
  if (tags) tags.push(tag)
  else map.set(song, [tag])
}
