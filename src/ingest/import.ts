/** From files or a query to a dataset on disk, in one pass over the source. Nothing must fit in memory but the ids. */
import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { type DatasetManifest, manifestOf } from '../storage/dataset.ts'
import { writeDirectory } from '../storage/directory.ts'
import { type Role, readingOf, roles, timeUnits } from './columns.ts'
import { Database } from './database.ts'
import { explained, type Reader } from './faults.ts'
import { type Duplicates, dropWeightless, duplicates, gather, number } from './pairs.ts'
import { Progress, type ProgressListener } from './progress.ts'
import { findFiles, formats, parquetRows, tableOfQuery, tablesOf } from './source.ts'
import { writeParts } from './write.ts'

const least = z.int().min(1)

const optionsSchema = z.strictObject({
  sources: z.array(z.string().min(1)).default([]),
  query: z.string().min(1).optional(),
  user: z.string().min(1),
  item: z.string().min(1),
  weight: z.string().min(1).optional(),
  time: z.string().min(1).optional(),
  out: z.string().min(1),
  duplicates: z.enum(duplicates).default('sum'),
  minUser: least.default(1),
  minItem: least.default(1),
  format: z.enum(formats).optional(),
  timeUnit: z.enum(timeUnits).default('auto'),
  memory: z
    .string()
    .regex(/^\d+(\.\d+)? *[KMGT]i?B$/i, 'must be a size such as 2GiB')
    .optional(),
  threads: least.max(1024).default(availableParallelism()),
  replace: z.boolean().default(false),
  signal: z.instanceof(AbortSignal).optional(),
  onProgress: z.custom<ProgressListener>(value => typeof value === 'function').optional(),
})

type Options = z.output<typeof optionsSchema>

export interface ImportOptions {
  /** Files and globs: CSV, TSV, NDJSON, Parquet; text also as .gz and .zst. At least one, unless `query` names its own. */
  readonly sources?: readonly string[]
  /** SQL of DuckDB whose rows are taken instead. In it, `source` stands for all rows of `sources`. */
  readonly query?: string
  /**
   * Columns of user ids and item ids: strings, or integers of 64 bits, which come back as integers. Ids in text files
   * are integers if every one is written as such (`7`, not `007`), else strings.
   */
  readonly user: string
  readonly item: string
  /** Column of weights, finite and 0 or more. Default: each row weighs 1. Pairs that weigh 0 in the end are left out. */
  readonly weight?: string
  /** Column of times: timestamps, dates, ISO 8601 text or numbers since 1970. Without a zone they are UTC. */
  readonly time?: string
  /** The dataset's directory. */
  readonly out: string
  /**
   * What many rows of one user and item weigh: their `sum` (default), the largest (`max`), their number (`count`), or
   * what the `last` one weighs, by time and then by place in the source. The time of a pair is always its latest.
   * Sums are made in double precision and in no fixed order: where weights are fractions, the last bit may differ.
   */
  readonly duplicates?: Duplicates
  /**
   * Users with fewer distinct items are left out, and items with fewer distinct users, until all that remain have as
   * many of those that remain (the k-core). Default: 1.
   */
  readonly minUser?: number
  readonly minItem?: number
  /** Format of the files. Default: by their names; CSV if these say nothing. */
  readonly format?: (typeof formats)[number]
  /** Unit of times that are numbers. Default, `auto`: from the size of each, right for times after 1973. */
  readonly timeUnit?: (typeof timeUnits)[number]
  /** What DuckDB may use before it spills to disk, beside `out`. Default: 2GiB, or half of what is free if less. */
  readonly memory?: string
  /** Default: as many as the machine runs at once. */
  readonly threads?: number
  /** Take the place of a dataset at `out`. Default: refuse. */
  readonly replace?: boolean
  /** Aborting ends the import: nothing remains and the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
  readonly onProgress?: ProgressListener
}

/**
 * Imports interactions into a new dataset at `options.out` and gives its manifest.
 *
 * @throws TypeError or RangeError when the options cannot be, a file or a column is not there, or its type does not
 * fit; SourceError when the source cannot be used: it names file, row and column; Error when the disk is full or `out`
 * exists. Nothing then remains on disk.
 */
export async function importDataset(options: ImportOptions): Promise<DatasetManifest> {
  const parsed = optionsSchema.safeParse(options)
  if (!parsed.success) throw new TypeError(`the import cannot be done so: ${z.prettifyError(parsed.error)}`)
  const { sources, query, out, replace } = parsed.data
  if (sources.length === 0 && query === undefined)
    throw new TypeError('the import needs a source or a query, got neither')
  return writeDirectory(out, draft => fill(draft, parsed.data), { replace })
}

/** Writes the files of the dataset to `draft`. */
async function fill(draft: string, options: Options): Promise<Omit<DatasetManifest, 'files'>> {
  const { signal, threads, memory = defaultMemory(), onProgress } = options
  const spill = join(draft, 'spill')
  const db = await Database.open({ spill, memory, threads, signal })
  const progress = new Progress(db, onProgress)
  try {
    const { files, readers } = await open(db, options)
    progress.begin('reading', await rowsOf(db, readers))
    const rows = await gather(db, readers, options.duplicates).catch(async error => {
      signal?.throwIfAborted()
      throw limitIn(error, memory) ?? (await explained(db, readers, error))
    })
    const weightless = await dropWeightless(db)
    const counts = { ...(await number(db, readers, options, progress)), times: options.time !== undefined }
    progress.begin('writing', counts.pairs * 2)
    await writeParts(db, draft, { ...counts, onPairs: progress.add })
    return manifestOf({ ...counts, source: { files, query: options.query, rows, weightless }, options: asked(options) })
  } catch (error) {
    throw limitIn(error, memory) ?? error
  } finally {
    progress.end()
    db.close()
    await rm(spill, { recursive: true, force: true })
  }
}

/** Finds the source's files and how their columns are to be read. */
async function open(db: Database, options: Options): Promise<{ files: string[]; readers: Reader[] }> {
  const { sources, query, format, timeUnit } = options
  const needed = roles.map(role => options[role]).filter(name => name !== undefined)
  const files = await findFiles(db, sources)
  const tables =
    query === undefined
      ? await tablesOf(db, files, { format, needed })
      : [await tableOfQuery(db, query, files, { format, needed: [] })]
  const readers = tables.map((table): Reader => {
    const reading = (role: Role, name: string) => readingOf(table, role, name, timeUnit)
    const user = reading('user', options.user)
    const item = reading('item', options.item)
    const weight = options.weight === undefined ? undefined : reading('weight', options.weight)
    const time = options.time === undefined ? undefined : reading('time', options.time)
    return { table, user, item, weight, time, readings: [user, item, weight, time].filter(part => part !== undefined) }
  })
  return { files, readers }
}

/** How many rows there are to read, if the files say so. */
async function rowsOf(db: Database, readers: readonly Reader[]): Promise<number | undefined> {
  if (!readers.every(({ table }) => table.format === 'parquet')) return undefined
  const counts = await Promise.all(readers.map(({ table }) => parquetRows(db, table.files)))
  return counts.reduce((sum, count) => sum + count, 0)
}

/** What was asked of the import, for the manifest. */
function asked(options: Options): Record<string, unknown> {
  const { user, item, weight, time, duplicates, minUser, minItem } = options
  return { user, item, weight, time, duplicates, minUser, minItem }
}

function defaultMemory(): string {
  const half = process.availableMemory() / 2
  return `${Math.max(Math.floor(Math.min(half, 2 ** 31) / 2 ** 20), 128)}MiB`
}

/** The limit of the machine that DuckDB has come to, if that is the error; it says so in words only. */
function limitIn(error: unknown, memory: string): Error | undefined {
  if (!(error instanceof Error)) return undefined
  // It reckons with the room on the disk before it spills.
  if (/No space left on device|max_temp_directory_size/.test(error.message)) {
    return Object.assign(new Error('the disk is full', { cause: error }), { code: 'ENOSPC' })
  }
  if (!error.message.startsWith('Out of Memory Error')) return undefined
  return new Error(`${memory} of memory is too little: allow more by --memory`, { cause: error })
}
