import { existsSync, statSync } from 'node:fs'
import type { Command } from 'commander'
import { z } from 'zod'
import { sourceOptions } from '../../ingest/options.ts'
import { OpenModel } from '../../models/open/open-model.ts'
import { type SongSpaceManifest, writeSongSpace } from '../../music/space/artifact.ts'
import {
  type BuildSongSpace,
  type BuiltSongSpace,
  buildSongSpace,
  type SpaceProgress,
} from '../../music/space/build.ts'
import { projections } from '../../music/space/coordinates.ts'
import { readSongs, type SongRows } from '../../music/space/songs/read-songs.ts'
import { pooledTagger } from '../../music/tagger/analysis/analyse.ts'
import { Pool } from '../../parallel/pool.ts'
import { assertReplaceable } from '../../storage/directory.ts'
import { oneOf } from '../../storage/expectation.ts'
import { asUsage, parseOptions, several, text, UsageError, wholeNumber } from '../command.ts'
import { addReadingOptions } from '../data/source-options.ts'
import { interruptible } from '../terminal/interrupt.ts'
import { ProgressBar } from '../terminal/progress.ts'

const { format, delimiter, header, badRows } = sourceOptions

const Options = z.object({
  songs: z.array(text('a file')).min(1),
  tags: z.array(text('a file')).default([]),
  separator: text('what separates two tags').default('|'),
  audioRoot: text('a directory').optional(),
  tagger: text('a directory').optional(),
  threads: wholeNumber(1, 1024).optional(),
  rank: wholeNumber(1, 1024).optional(),
  leastListeners: wholeNumber(1, 1_000_000).optional(),
  projection: oneOf(projections).default('umap'),
  seed: wholeNumber(0, 2 ** 32 - 1).default(0),
  out: text('a directory'),
  replace: z.boolean().default(false),
  json: z.boolean().default(false),
  format,
  delimiter,
  header,
  badRows,
})
type SpaceOptions = z.output<typeof Options>

const notes = `
MODEL is one that has vectors of items, which are songs: of a factorisation, say. A song with few listeners, or none, comes in by its tags and its
sound: a map from these to vectors is learned of the songs with enough listeners. Without MODEL, all songs come in by tags and sound.

Songs are a table (CSV, NDJSON, Parquet) with a column id, and title, artist, duration, tags, file and energy where there are such; --tags
names tables with the columns song, tag and, where there is one, weight.

  aurochs music build-space model --songs songs.csv --tags tags.csv --out space
`

/** `aurochs music build-space`: the song space of a collection. */
export function registerBuildSpace(music: Command): void {
  const command = music
    .command('build-space')
    .description('place songs and tags in one space, by listeners, tags and sound')
    .argument('[MODEL]', 'a model with vectors of items')
    .requiredOption('--songs <file>', 'what is known of songs; may be given several times', several)
    .requiredOption('--out <directory>', 'where the song space is written')
    .option('--tags <file>', 'tags of songs, one a row; may be given several times', several)
    .option('--separator <text>', "between two tags of a column of tags (default: '|')")
    .option('--audio-root <directory>', 'where paths of sound files begin (default: the working directory)')
    .option(
      '--tagger <directory>',
      'what `aurochs music train-tagger` made: songs with a file come in by what it hears',
    )
    .option('--threads <n>', 'workers that listen (default: as many as the machine runs at once)')
    .option('--rank <n>', 'numbers of a vector, without MODEL (default: 64)')
    .option('--least-listeners <n>', 'songs with fewer do not teach the map from features to vectors (default: 5)')
    .option('--projection <name>', `how songs are drawn on the map: ${projections.join(' or ')} (default: umap)`)
    .option('--seed <n>', 'of what is random (default: 0)')
    .option('--replace', 'take the place of the song space at --out')
  command.optionsGroup('Reading:')
  addReadingOptions(command).option('--json', 'print what was built as one line of JSON')
  command.addHelpText('after', notes).action(run)
}

async function run(directory: string | undefined, given: unknown): Promise<void> {
  const options = parseOptions(Options, given)
  assertPlaces(options)
  const bar = new ProgressBar()
  const begun = performance.now()
  const summary = await interruptible(async signal => {
    const { songs, tags, separator, audioRoot, format, delimiter, header, badRows } = options
    const reading = { format, delimiter, header, badRows, signal }
    const read = await readSongs(Object.assign(reading, { songs, tags, separator, audioRoot })).catch(toUsage)
    const model = directory === undefined ? undefined : OpenModel.open(directory)
    const pool = new Pool({ ...(options.threads !== undefined && { threads: options.threads }), isLazy: true })
    try {
      const tagger = options.tagger === undefined ? undefined : pooledTagger(options.tagger, pool)
      const built = await build(read, { model, tagger }, options, { signal, bar, begun }).catch(toUsage)
      bar.show('writing', 0)
      const manifest = await writeSongSpace(options.out, built.parts, { replace: options.replace })
      return summaryOf(manifest, read, built)
    } finally {
      bar.stop()
      model?.close()
      await pool.close()
    }
  })
  process.stdout.write(options.json ? `${JSON.stringify(summary)}\n` : inWords(options.out, summary))
}

interface Running {
  readonly signal: AbortSignal
  readonly bar: ProgressBar
  readonly begun: number
}

function build(
  { songs }: SongRows,
  { model, tagger }: Pick<BuildSongSpace, 'model' | 'tagger'>,
  { rank, leastListeners, projection, seed }: SpaceOptions,
  { signal, bar, begun }: Running,
): Promise<BuiltSongSpace> {
  if (rank !== undefined && model) {
    throw new UsageError('--rank goes without MODEL: vectors have as many numbers as those of the model')
  }
  const onProgress = ({ stage, done, files }: SpaceProgress) => {
    const rate = files && files.done / ((performance.now() - begun) / 1000)
    const note = files ? `: ${files.done} of ${files.total} songs, ${rate!.toFixed(1)} songs/s` : ''
    bar.show(stage, done, undefined, note)
  }
  return buildSongSpace({ songs, model, tagger, rank, leastListeners, projection, seed, signal, onProgress })
}

/** Before hours of listening rather than after. */
function assertPlaces({ out, replace, audioRoot }: SpaceOptions): void {
  if (existsSync(out)) {
    if (!replace) throw new UsageError(`${out} exists: choose another --out, or add --replace`)
    asUsage(() => assertReplaceable(out, 'aurochs-song-space'))
  }
  if (audioRoot === undefined || statSync(audioRoot, { throwIfNoEntry: false })?.isDirectory()) return
  throw new UsageError(`--audio-root must be a directory, got ${audioRoot}`)
}

/** Mistakes of the caller's, for the terminal. */
function toUsage(error: unknown): never {
  if (error instanceof RangeError || error instanceof TypeError) throw new UsageError(error.message)
  throw error
}

interface Summary {
  readonly songs: number
  readonly tags: number
  readonly rank: number
  /** Songs by what their vectors rest on. */
  readonly sources: Readonly<Record<'listeners' | 'both' | 'features' | 'none', number>>
  readonly made: SongSpaceManifest['made']
  readonly failedFiles: BuiltSongSpace['failed']
  readonly strayTags: number
  readonly badRows: number
  readonly firstBadRow: string | undefined
}

function summaryOf(
  { songs, tags, rank, made }: SongSpaceManifest,
  { strayTags, badRows, firstBadRow }: SongRows,
  { parts, failed }: BuiltSongSpace,
): Summary {
  const sources = { listeners: 0, both: 0, features: 0, none: 0 }
  for (const source of parts.sources) sources[source ?? 'none']++
  return { songs, tags, rank, sources, made, failedFiles: failed, strayTags, badRows, firstBadRow }
}

function inWords(out: string, summary: Summary): string {
  const { songs, tags, rank, sources, made, failedFiles, strayTags, badRows, firstBadRow } = summary
  const count = (n: number, what: string) => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`
  const lines = [
    `${out}: ${count(songs, 'song')} and ${count(tags, 'tag')}, ${rank} numbers a vector`,
    `by listeners ${sources.listeners}, by listeners and features ${sources.both}, by features ${sources.features}, unknown ${sources.none}`,
  ]
  const map = made.map as BuiltSongSpace['map']
  if (map) {
    const share = `${(100 * map.explained).toFixed(1)} %`
    lines.push(
      `features explain ${share} of the vectors of songs that were held out (lambda ${map.lambda}), as much as ${map.kappa.toFixed(1)} listeners`,
    )
  } else if (made.model) lines.push('too few songs have both listeners and features: others have no vectors')
  const [first] = failedFiles
  if (first)
    lines.push(`${count(failedFiles.length, 'file')} could not be read; the first: ${first.file}: ${first.message}`)
  if (strayTags > 0) lines.push(`${count(strayTags, 'row')} of tags are of songs that are not there`)
  if (badRows > 0) lines.push(`${count(badRows, 'bad row')} left out; the first: ${firstBadRow}`)
  return `${lines.join('\n')}\n`
}
