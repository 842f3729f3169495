import { z } from 'zod'
import { type ImportOptions, type ImportSource, importDataset } from '../../ingest/import.ts'
import { importTagged } from '../../ingest/import-tagged.ts'
import { columnName } from '../../ingest/options.ts'
import type { ProgressListener } from '../../ingest/progress.ts'
import type { DatasetManifest } from '../../storage/dataset.ts'
import { parseOptions, type Register, text, UsageError, wholeNumber } from '../command.ts'
import { interruptible } from '../terminal/interrupt.ts'
import { ProgressBar } from '../terminal/progress.ts'
import { addSourceOptions, idColumns, importFile, importOptions, sourceFlags } from './source-options.ts'

const Options = z.object({
  ...sourceFlags,
  kind: columnName.optional(),
  out: text('the directory of the dataset').optional(),
  tags: text('a file of tags').optional(),
  tag: columnName.optional(),
  minTag: wholeNumber(1, 999_999_999).optional(),
  threads: wholeNumber(1, 1024).optional(),
  replace: z.boolean().default(false),
  json: z.boolean().default(false),
})

const examples = `
A SOURCE is a file or a glob in quotes: CSV and other text with delimiters, NDJSON or Parquet, text also in gzip or zstd;
or - for standard input. Sparse matrices of scipy (save_npz) and Matrix Market have the columns row, column and value, adjacency lists (--format
adjacency: a line a user, who is followed by the items) user and item, and ratings of MovieLens (--format movielens: ratings.csv, u.data, ratings.dat) user,
item, rating and timestamp: they need not be named. Rows and columns of matrices count from 0, as in scipy. Examples:

  aurochs import 'plays/*.csv.gz' --user listener --item song --time at --kind action --out plays
  aurochs import ratings.dat --delimiter :: --user column0 --item column1 --weight column2 --time column3 --out ratings
  aurochs import matrix.npz --out matrix
  aurochs import train.txt --format adjacency --out gowalla
  aurochs import ml-100k/u.data --format movielens --out ratings
  aurochs import playlists.csv --user playlist --item song --tags playlist-tags.csv --tag name --out playlists
  aurochs import reads.parquet --user user --item item --weight w --out reads \\
    --query 'select "user", item, 1 + ln(count(*)) as w from source group by all'

Ids stay what they are: in text files they are integers only if every one is written as an integer is (7, not 007).
With --query, columns of text files are numbers or times where that loses nothing of any value's text; else text.
Text files have a header if their first line differs in type from the others. Where all is text, the first line is a row
if columns are named by position (column0) and it has no usual name of ids such as user_id, nor only usual names such as
user,song. --header and --no-header decide it.
With --time, the dataset keeps every row as an event of its user, in order of time; rows of equal times keep the order
of the source, or of the query. Events of users and items that are left out go with them.
With --tags, the dataset also keeps the tags that users have, such as those of playlists: rows of a user and a tag.
Users with fewer than --min-user distinct items go, and items with fewer than --min-item distinct users, over and over
until all that remain have as many of those that remain (the k-core).
Bad rows are lines that are no rows (another number of columns, broken quotes, no UTF-8), and rows with ids, weights,
times or kinds that are none. --bad-rows skip says how many there were, and shows the first.`

export const register: Register = program => {
  const command = program
    .command('import')
    .description('make a dataset of interaction files')
    .argument('[SOURCE...]', 'files, globs in quotes, or -; may be left out if --query names its own')
    .option('--out <directory>', 'directory of the dataset (needed, as are --user and --item)')
  addSourceOptions(command)
  command
    .option('--kind <column>', 'column of what each event is, such as play or like; only with --time')
    .option('--tags <file>', 'file or glob of tags of users, such as of playlists; it has the column of --user, too')
    .option('--tag <column>', 'column of tags in the files of --tags (default: tag)')
    .option('--min-tag <n>', 'leave out tags with fewer distinct users (default: 1)')
    .option('--threads <n>', 'threads of DuckDB (default: one a core)')
    .option('--replace', 'replace a dataset that is there')
    .option('--json', 'print the manifest as one line of JSON')
    .addHelpText('after', examples)
    .action(run)
}

async function run(sources: string[], given: unknown): Promise<void> {
  const { out, json, kind, threads, replace, tags, tag, minTag, ...options } = parseOptions(Options, given)
  if (sources.length === 0 && options.query === undefined) {
    throw new UsageError('the import needs a SOURCE or a --query, got neither')
  }
  const ids = await idColumns(options, sources[0])
  if (out === undefined) throw new UsageError('--out must name the directory of the dataset, got nothing')
  if (tags === undefined && (tag ?? minTag) !== undefined) {
    throw new UsageError(`--${tag === undefined ? 'min-tag' : 'tag'} goes with --tags: name the file of tags`)
  }
  const bar = new ProgressBar()
  const begun = performance.now()
  try {
    const onProgress = showOn(bar)
    const importOf = (options: ImportOptions) => {
      const { format, delimiter, header, badRows, memory } = options
      const reading = { format, delimiter, header, badRows, memory, threads }
      return tags === undefined
        ? importDataset(options)
        : importTagged(options, { sources: [tags], user: ids.user, tag: tag ?? 'tag', minTag, ...reading })
    }
    const manifest = await interruptible(signal =>
      importFile(
        { ...importOptions(options), ...ids, kind, out, threads, replace, sources, signal, onProgress },
        importOf,
      ),
    )
    bar.stop()
    process.stdout.write(
      `${json ? JSON.stringify(manifest) : summary(out, manifest, (performance.now() - begun) / 1000)}\n`,
    )
  } finally {
    bar.stop()
  }
}

/** Shows the progress: rows, rows a second, time left. */
function showOn(bar: ProgressBar): ProgressListener {
  const begun = performance.now()
  return ({ stage, done, rows }) => {
    const rate = (rows?.done ?? 0) / ((performance.now() - begun) / 1000)
    const note = rows ? `, ${millions(rows.done)} of ${millions(rows.total)} rows, ${millions(rate)} rows/s` : ''
    bar.show('importing', done, undefined, `: ${stage}${note}`)
  }
}

function summary(
  out: string,
  { users, items, pairs, events, userTags, source }: DatasetManifest,
  seconds: number,
): string {
  const { rows, weightlessPairs, badRows, firstBadRow, firstTime, lastTime } = source as unknown as ImportSource
  const contents = [`${count(users)} users`, `${count(items)} items`, `${count(pairs)} pairs`]
  // Times in another unit than was meant show in their range.
  if (events !== undefined) contents.push(`${count(events)} events from ${firstTime} to ${lastTime}`)
  if (userTags) contents.push(`${count(userTags.tags)} tags in ${count(userTags.pairs)} pairs of users and tags`)
  const notes = [`${count(rows)} rows in ${seconds.toFixed(1)} s, ${millions(rows / seconds)} rows/s`]
  if (weightlessPairs > 0) notes.push(`${count(weightlessPairs)} pairs weigh 0 or less and were left out`)
  const skipped =
    badRows > 0
      ? `\n${badRows === 1 ? '1 bad row was' : `${count(badRows)} bad rows were`} left out; the first: ${firstBadRow}`
      : ''
  return `${out}: ${contents.join(', ')} (${notes.join('; ')})${skipped}`
}

function count(n: number): string {
  return n.toLocaleString('en')
}

function millions(n: number): string {
  return n < 1e5 ? count(Math.round(n)) : `${(n / 1e6).toFixed(1)}M`
}
