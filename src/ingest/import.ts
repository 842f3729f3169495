/** From files or a query to a dataset on disk, in one pass over the source. Only the ids must fit in memory. */
import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { type DatasetManifest, manifestOf } from '../storage/dataset.ts'
import { writeDirectory } from '../storage/directory.ts'
import { columnReader, type Role, roles, timeUnits } from './columns.ts'
import { Database } from './database.ts'
import { describeEvents } from './events.ts'
import { faultOf, type TableReader } from './faults.ts'
import { assignIndices } from './indices.ts'
import { type Duplicates, dropZeroWeights, duplicates, readPairs } from './pairs.ts'
import { Progress, type ProgressListener } from './progress.ts'
import { findFiles, formats, parquetRows, tableOfQuery, tablesOf } from './source.ts'
import { writeParts } from './write.ts'

const positive = z.int().min(1)

const optionsSchema = z.strictObject({
  sources: z.array(z.string().min(1)).default([]),
  query: z.string().min(1).optional(),
  user: z.string().min(1),
  item: z.string().min(1),
  weight: z.string().min(1).optional(),
  time: z.string().min(1).optional(),
  kind: z.string().min(1).optional(),
  out: z.string().min(1),
  duplicates: z.enum(duplicates).default('sum'),
  minUser: positive.default(1),
  minItem: positive.default(1),
  format: z.enum(formats).optional(),
  timeUnit: z.enum(timeUnits).default('auto'),
  memory: z
    .string()
    .regex(/^\d+(\.\d+)? *[KMGT]i?B$/i, { error: ({ input }) => `expected a size such as 2GiB, got ${input}` })
    .optional(),
  threads: positive.max(1024).default(availableParallelism()),
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
  /**
   * Column of times: timestamps, dates, ISO 8601 text or numbers since 1970. Without a zone they are UTC. Then the
   * dataset keeps, beside the pairs, each row as an event of its user, in order of time; of equal times in the order of
   * the source: that of `sources` and their rows, or that of the query. Rows whose user or item is left out are no
   * events, but rows that weigh 0 are, even if their pair is left out.
   */
  readonly time?: string
  /** Column of what each event is, such as `play` or `like`: at most 255 different ones. Only with `time`. */
  readonly kind?: string
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
  readonly threads?: number | undefined
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
  if (!parsed.success) throw new TypeError(`the options of the import are not valid: ${faults(parsed.error)}`)
  const { sources, query, time, kind, out, replace } = parsed.data
  if (kind !== undefined && time === undefined) {
    throw new TypeError(`kinds belong to events in order of time: name a column of times (--time) beside kind ${kind}`)
  }
  if (sources.length === 0 && query === undefined)
    throw new TypeError('the import needs a source or a query, got neither')
  return writeDirectory(out, draft => fill(draft, parsed.data), { replace })
}

/** Each option that is not valid, and why. */
function faults({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
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
    const rows = await readPairs(db, readers, options.duplicates).catch(async error => {
      signal?.throwIfAborted()
      throw limitIn(error, memory) ?? (await faultOf(db, readers, error))
    })
    const zeroWeightPairs = await dropZeroWeights(db)
    const counts = await assignIndices(db, readers, options, progress)
    const isWhole = zeroWeightPairs === 0 && options.minUser === 1 && options.minItem === 1
    const events = await describeEvents(db, readers, isWhole ? rows : undefined)
    await writeParts(db, draft, counts, events, progress)
    return manifestOf({
      users: counts.users,
      items: counts.items,
      pairs: counts.pairs,
      events: events?.count,
      kinds: events?.kinds,
      source: { files, query: options.query, rows, zeroWeightPairs },
      options: recorded(options),
    })
  } catch (error) {
    throw limitIn(error, memory) ?? error
  } finally {
    progress.end()
    db.close()
    await rm(spill, { recursive: true, force: true })
  }
}

/** Finds the source's files and how their columns are to be read. */
async function open(db: Database, options: Options): Promise<{ files: string[]; readers: TableReader[] }> {
  const { sources, query, format, timeUnit } = options
  const needed = roles.map(role => options[role]).filter(name => name !== undefined)
  const files = await findFiles(db, sources)
  const tables =
    query === undefined
      ? await tablesOf(db, files, { format, needed })
      : [await tableOfQuery(db, query, files, { format, needed: [] })]
  const readers = tables.map((table): TableReader => {
    const required = (role: Role, name: string) => columnReader(table, role, name, timeUnit)
    const optional = (role: Role, name: string | undefined) => (name === undefined ? undefined : required(role, name))
    const user = required('user', options.user)
    const item = required('item', options.item)
    const weight = optional('weight', options.weight)
    const time = optional('time', options.time)
    const kind = optional('kind', options.kind)
    const columns = [user, item, weight, time, kind].filter(column => column !== undefined)
    return { table, user, item, weight, time, kind, columns }
  })
  return { files, readers }
}

/** How many rows there are to read, if the files say so. */
async function rowsOf(db: Database, readers: readonly TableReader[]): Promise<number | undefined> {
  if (!readers.every(({ table }) => table.format === 'parquet')) return undefined
  const counts = await Promise.all(readers.map(({ table }) => parquetRows(db, table.files)))
  return counts.reduce((sum, count) => sum + count, 0)
}

/** The options that decide what the dataset holds, for the manifest. */
function recorded(options: Options): Record<string, unknown> {
  const { user, item, weight, time, kind, duplicates, minUser, minItem } = options
  return { user, item, weight, time, kind, duplicates, minUser, minItem }
}

function defaultMemory(): string {
  const half = process.availableMemory() / 2
  return `${Math.max(Math.floor(Math.min(half, 2 ** 31) / 2 ** 20), 128)}MiB`
}

/** The limit of the machine that DuckDB ran into, if that is the error; only its message shows it. */
function limitIn(error: unknown, memory: string): Error | undefined {
  if (!(error instanceof Error)) return undefined
  // DuckDB checks the room on the disk before it spills.
  if (/No space left on device|max_temp_directory_size/.test(error.message)) {
    return Object.assign(new Error('the disk is full', { cause: error }), { code: 'ENOSPC' })
  }
  if (!error.message.startsWith('Out of Memory Error')) return undefined
  return new Error(`${memory} of memory is too little: allow more by --memory`, { cause: error })
}
