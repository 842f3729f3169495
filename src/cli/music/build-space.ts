import { existsSync, statSync } from 'node:fs'
import type { Command } from 'commander'
import { z } from 'zod'
import { sourceOptions } from '../../ingest/options.ts'
import { OpenModel } from '../../models/open/open-model.ts'
import { writeSongSpace } from '../../music/space/artifact.ts'
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
import { asUsage, parseOptions, several, text, throwUsage, UsageError, wholeNumber } from '../command.ts'
import { addReadingOptions } from '../data/source-options.ts'
import { interruptible } from '../terminal/interrupt.ts'
import { ProgressBar } from '../terminal/progress.ts'
import { summaryInWords, summaryOf } from './space-report.ts'

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
      'what `aurochs music train-tagger` made: songs with a file come in by what it predicts',
    )
    .option('--threads <n>', 'workers that analyse sound (default: as many as the machine runs at once)')
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
    const read = await readSongs(Object.assign(reading, { songs, tags, separator, audioRoot })).catch(throwUsage)
    assertSomeSound(read, options)
    const model = directory === undefined ? undefined : asUsage(() => OpenModel.open(directory))
    const pool = new Pool({ ...(options.threads !== undefined && { threads: options.threads }), isLazy: true })
    try {
      const tagger = options.tagger === undefined ? undefined : asUsage(() => pooledTagger(options.tagger!, pool))
      const built = await build(read, { model, tagger }, options, { signal, bar, begun }).catch(throwUsage)
      bar.show('writing', 0)
      const manifest = await writeSongSpace(options.out, built.parts, { replace: options.replace })
      return summaryOf(manifest, read, built)
    } finally {
      bar.stop()
      model?.close()
      await pool.close()
    }
  })
  process.stdout.write(options.json ? `${JSON.stringify(summary)}\n` : summaryInWords(options.out, summary))
}

/**
 * Where sound is asked for, some must be there.
 *
 * @throws UsageError where none of the files exists, or none is named.
 */
function assertSomeSound({ songs }: SongRows, { audioRoot, tagger }: SpaceOptions): void {
  if (audioRoot === undefined && tagger === undefined) return
  const flag = audioRoot === undefined ? '--tagger' : '--audio-root'
  const files = songs.flatMap(({ file }) => (file === undefined ? [] : [file]))
  if (files.length === 0) {
    throw new UsageError(
      `${flag} needs sound files: none of the ${songs.length} songs of --songs has a file in a column file`,
    )
  }
  if (files.some(file => existsSync(file))) return
  const root = audioRoot ?? 'not given: the working directory'
  throw new UsageError(
    `none of the ${files.length} sound files of --songs exists, the first being ${files[0]}: name the folder that their paths begin at by --audio-root (${root})`,
  )
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

/** Before hours of analysis rather than after. */
function assertPlaces({ out, replace, audioRoot }: SpaceOptions): void {
  if (existsSync(out)) {
    if (!replace) throw new UsageError(`${out} exists: choose another --out, or add --replace`)
    asUsage(() => assertReplaceable(out, 'aurochs-song-space'))
  }
  if (audioRoot === undefined || statSync(audioRoot, { throwIfNoEntry: false })?.isDirectory()) return
  throw new UsageError(`--audio-root must be a directory, got ${audioRoot}`)
}
