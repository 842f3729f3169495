import { Option } from 'commander'
import { timeUnits } from '../ingest/columns.ts'
import { type ImportOptions, importDataset } from '../ingest/import.ts'
import { duplicates } from '../ingest/pairs.ts'
import type { ProgressListener } from '../ingest/progress.ts'
import { formats } from '../ingest/source.ts'
import type { DatasetManifest } from '../storage/dataset.ts'
import { type Register, UsageError } from './command.ts'
import { interruptible } from './terminal/interrupt.ts'
import { ProgressBar } from './terminal/progress.ts'

interface Flags extends Omit<ImportOptions, 'sources' | 'minUser' | 'minItem' | 'threads'> {
  readonly minUser: string
  readonly minItem: string
  readonly threads?: string
  readonly json?: boolean
}

const examples = `
A SOURCE is a file or a glob in quotes: CSV, TSV, NDJSON or Parquet, text also as .gz and .zst. Examples:

  aurochs import 'plays/*.csv.gz' --user listener --item song --time at --kind action --out plays
  aurochs import reads.parquet --user user --item item --weight w --out reads \\
    --query 'select "user", item, 1 + ln(count(*)) as w from source group by all'

Ids stay what they are: in text files they are integers only if every one is written as an integer is (7, not 007).
With --query, DuckDB guesses the types of text files: cast where that matters.
With --time, the dataset keeps every row as an event of its user, in order of time; rows of equal times keep the order
of the source, or of the query. Events of users and items that are left out go with them.
Users with fewer than --min-user distinct items go, and items with fewer than --min-item distinct users, over and over
until all that remain have as many of those that remain (the k-core).`

export const register: Register = program => {
  program
    .command('import')
    .description('make a dataset of interaction files')
    .argument('[SOURCE...]', 'files, or globs in quotes; may be left out if --query names its own')
    .requiredOption('--user <column>', 'column of user ids')
    .requiredOption('--item <column>', 'column of item ids')
    .option('--weight <column>', 'column of weights, finite and 0 or more (default: each row weighs 1)')
    .option('--time <column>', 'column of times: timestamps, dates, ISO 8601 text, or numbers since 1970')
    .option('--kind <column>', 'column of what each event is, such as play or like; only with --time')
    .requiredOption('--out <directory>', 'directory of the dataset')
    .option('--query <sql>', "SQL of DuckDB whose rows are taken; in it, 'source' stands for all rows of SOURCE")
    .addOption(
      new Option('--duplicates <rule>', 'what the rows of one pair weigh together').choices(duplicates).default('sum'),
    )
    .option('--min-user <n>', 'leave out users with fewer distinct items', '1')
    .option('--min-item <n>', 'leave out items with fewer distinct users', '1')
    .addOption(new Option('--format <name>', 'format of the files (default: by their names)').choices(formats))
    .addOption(new Option('--time-unit <unit>', 'unit of times that are numbers').choices(timeUnits).default('auto'))
    .option('--memory <size>', 'memory to use before spilling to disk (default: 2GiB, or half of what is free)')
    .option('--threads <n>', 'threads of DuckDB (default: one a core)')
    .option('--replace', 'replace a dataset that is there')
    .option('--json', 'print the manifest as one line of JSON')
    .addHelpText('after', examples)
    .action(run)
}

async function run(sources: string[], { json = false, minUser, minItem, threads, ...flags }: Flags): Promise<void> {
  const bar = new ProgressBar()
  const begun = performance.now()
  try {
    const manifest = await interruptible(signal =>
      importDataset({
        ...flags,
        threads: threads === undefined ? undefined : whole('--threads', threads),
        minUser: whole('--min-user', minUser),
        minItem: whole('--min-item', minItem),
        sources,
        signal,
        onProgress: showOn(bar),
      }),
    )
    bar.stop()
    if (json) process.stdout.write(`${JSON.stringify(manifest)}\n`)
    else process.stdout.write(`${summary(flags.out, manifest, (performance.now() - begun) / 1000)}\n`)
  } catch (error) {
    // Mistakes in the options; other errors are about the data or the disk.
    throw error instanceof TypeError || error instanceof RangeError ? new UsageError(error.message) : error
  } finally {
    bar.stop()
  }
}

function whole(flag: string, given: string): number {
  if (/^\d{1,9}$/.test(given) && Number(given) > 0) return Number(given)
  throw new UsageError(`${flag} must be a whole number from 1 on, got ${given}`)
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

function summary(out: string, { users, items, pairs, events, source }: DatasetManifest, seconds: number): string {
  const { rows = 0, zeroWeightPairs = 0 } = source as { rows?: number; zeroWeightPairs?: number }
  const contents = [`${count(users)} users`, `${count(items)} items`, `${count(pairs)} pairs`]
  if (events !== undefined) contents.push(`${count(events)} events`)
  const notes = [`${count(rows)} rows in ${seconds.toFixed(1)} s, ${millions(rows / seconds)} rows/s`]
  if (zeroWeightPairs > 0) notes.push(`${count(zeroWeightPairs)} pairs weigh 0 and were left out`)
  return `${out}: ${contents.join(', ')} (${notes.join('; ')})`
}

function count(n: number): string {
  return n.toLocaleString('en')
}

function millions(n: number): string {
  return n < 1e5 ? count(Math.round(n)) : `${(n / 1e6).toFixed(1)}M`
}
