/** From files or a query to a dataset on disk, in one pass over the source. Only the ids must fit in memory. */
import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { type DatasetManifest, manifestOf } from '../storage/dataset.ts'
import { writeDirectory } from '../storage/directory.ts'
import { countRejects, firstBadRow } from './bad-rows.ts'
import { columnReader, type Role, roles, type TimeUnit } from './columns.ts'
import type { Reject } from './csv/rejects.ts'
import { typedTable } from './csv/types.ts'
import { Database, identifier } from './database.ts'
import { describeEvents } from './events.ts'
import { faultOf, type Reading, type TableReader } from './faults.ts'
import type { Format } from './files/content.ts'
import type { SourceFile } from './files/file.ts'
import { findFiles } from './files/find.ts'
import { assertWhole } from './files/whole.ts'
import { assignIndices } from './indices.ts'
import { type ImpliedColumns, impliedColumns } from './matrices/implied-columns.ts'
import { assertEntries } from './matrices/lines.ts'
import { columnName, sourceOptions } from './options.ts'
import { type Duplicates, dropWeightless, placesOf, readPairs } from './pairs.ts'
import { Progress, type ProgressListener } from './progress.ts'
import { parquetRows, tableOfQuery, tablesOf } from './source.ts'
import { SourceError, withNames } from './source-error.ts'
import { isCsv, type Table } from './table.ts'
import { writeParts } from './write.ts'

const optionsSchema = z.strictObject({
  ...sourceOptions,
  sources: z.array(z.string().min(1)).default([]),
  user: columnName.optional(),
  item: columnName.optional(),
  titles: z.object({ user: z.string(), item: z.string() }).default({ user: '--user', item: '--item' }),
  out: z.string().min(1),
  threads: z.int().min(1).max(1024).default(availableParallelism()),
  replace: z.boolean().default(false),
  signal: z.instanceof(AbortSignal).optional(),
  onProgress: z.custom<ProgressListener>(value => typeof value === 'function').optional(),
})

type GivenOptions = z.output<typeof optionsSchema>

/** With the columns that the format implies, where none are named. */
type Options = GivenOptions & ImpliedColumns

export interface ImportOptions {
  /**
   * Files and globs: CSV and other text with delimiters, NDJSON, Parquet; text also in gzip and zstd. `-` is standard
   * input; that, pipes and whatever is no regular file are copied beside `out` first. At least one, unless `query` names
   * its own.
   */
  readonly sources?: readonly string[]
  /**
   * SQL of DuckDB whose rows are taken instead. In it, `source` stands for all rows of `sources`. Columns of text files
   * are numbers or times there where each value says all that its text does, else text: `007` stays what it is.
   */
  readonly query?: string | undefined
  /**
   * Columns of user ids and item ids: strings, or integers of 64 bits, which come back as integers. Ids in text files
   * are integers if every one is written as such (`7`, not `007`), else strings. Both may be left out where the format of `sources` implies them, as of matrices:
   * `impliedColumns`; weight and time are then implied, too.
   */
  readonly user?: string | undefined
  readonly item?: string | undefined
  /** What names these columns, for messages. Default: `--user` and `--item`. */
  readonly titles?: { readonly user: string; readonly item: string } | undefined
  /**
   * Column of weights. Default: each row weighs 1. Those below 0 take back; pairs that weigh 0 or less in the end are left
   * out.
   */
  readonly weight?: string | undefined
  /**
   * Column of times: timestamps, dates, ISO 8601 text or numbers since 1970. Without a zone they are UTC. Then the
   * dataset keeps, beside the pairs, each row as an event of its user, in order of time; of equal times in the order of
   * the source: that of `sources` and their rows, or that of the query. Rows whose user or item is left out are no
   * events, but rows that weigh 0 or less are, even if their pair is left out.
   */
  readonly time?: string | undefined
  /** Column of what each event is, such as `play` or `like`: at most 255 different ones. Only with `time`. */
  readonly kind?: string | undefined
  /** The dataset's directory. */
  readonly out: string
  /**
   * What many rows of one user and item weigh: their `sum` (default), the largest (`max`), their number (`count`), or
   * what the `last` one weighs, by time and then by place in the source. The time of a pair is always its latest.
   * Sums are made in double precision and in no fixed order: where weights are fractions, the last bit may differ.
   */
  readonly duplicates?: Duplicates | undefined
  /**
   * Users with fewer distinct items are left out, and items with fewer distinct users, until all that remain have as
   * many of those that remain (the k-core). Default: 1.
   */
  readonly minUser?: number | undefined
  readonly minItem?: number | undefined
  /** Format of the files. Default: by their contents and names; CSV if these say nothing. */
  readonly format?: Format | undefined
  /**
   * What separates two columns in text files: 1 to 4 bytes, without quotes and ends of lines; `\\t` is a tab. Default: the
   * one of `,`, tab, `;` and `|` that makes rows of equal length, or `::` or a space if none does.
   */
  readonly delimiter?: string | undefined
  /**
   * Whether the first line of text files names the columns; else they are `column0`, `column1` and so on. Default: it
   * does if it differs in type from those below. Where all is text, it is a row if the columns are named by position
   * and there is no usual name of ids in it, such as `user_id`, nor usual names only, such as `user,song`.
   */
  readonly header?: boolean | undefined
  /** Unit of times that are numbers. Default, `auto`: from the size of each, right for times after 1973. */
  readonly timeUnit?: TimeUnit | undefined
  /**
   * What happens at rows that cannot be used: `refuse` (default) ends the import with the first one, `skip` leaves them
   * out. Those are lines of text files that are no rows (another number of columns, broken quotes, no UTF-8), and rows
   * with ids, weights, times or kinds that are none. The manifest's `source` counts them as `badRows` and describes the
   * first one as `firstBadRow`.
   */
  readonly badRows?: 'refuse' | 'skip' | undefined
  /** What DuckDB may use before it spills to disk, beside `out`. Default: 2GiB, or half of what is free if less. */
  readonly memory?: string | undefined
  /** Default: as many as the machine runs at once. */
  readonly threads?: number | undefined
  /** Take the place of a dataset at `out`. Default: refuse. */
  readonly replace?: boolean
  /** Aborting ends the import: nothing remains and the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ProgressListener | undefined
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
  const { sources, query, user, item, time, kind, out, replace } = parsed.data
  if (kind !== undefined && time === undefined) {
    throw new TypeError(`kinds belong to events in order of time: name a column of times (--time) beside kind ${kind}`)
  }
  if (sources.length === 0 && query === undefined)
    throw new TypeError('the import needs a source or a query, got neither')
  if ((user === undefined) !== (item === undefined)) {
    throw new TypeError(`the import needs columns of user ids and of item ids (user, item), got only ${user ?? item}`)
  }
  return writeDirectory(out, draft => fill(draft, parsed.data), { replace })
}

/** Each option that is not valid, and why. */
function faults({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; ')
}

/** What an import leaves in the manifest as `source`: where the pairs come from. */
export interface ImportSource {
  readonly files: readonly string[]
  readonly query?: string | undefined
  /** That were used. */
  readonly rows: number
  /** That were left out. */
  readonly badRows: number
  /** Where the first of these is, and what is wrong with it. */
  readonly firstBadRow?: string | undefined
  readonly weightlessPairs: number
  /** Of the events, in ISO 8601, or in ms since 1970 where that is beyond the dates of JavaScript. */
  readonly firstTime?: string | number | undefined
  readonly lastTime?: string | number | undefined
}

/** Writes the files of the dataset to `draft`. */
async function fill(draft: string, given: GivenOptions): Promise<Omit<DatasetManifest, 'files'>> {
  const { signal, threads, memory = defaultMemory(), onProgress } = given
  const spill = join(draft, 'spill')
  const copies = join(draft, 'copies')
  const db = await Database.open({ spill, memory, threads, signal })
  const progress = new Progress(db, onProgress)
  let files: readonly SourceFile[] = []
  try {
    files = await findFiles(db, given.sources, { copies, signal })
    const options = withImplied(files, given)
    const source = await open(db, files, copies, options)
    const { readers } = source
    progress.begin('reading', await rowsOf(db, readers))
    const { rows, faulty } = await readPairs(db, readers, options).catch(async error => {
      signal?.throwIfAborted()
      throw limitIn(error, memory) ?? (await faultOf(db, source, error))
    })
    if (options.query === undefined) assertEntries(source.tables, rows + faulty)
    const bad = await countBadRows(db, source, rows, faulty)
    const weightlessPairs = await dropWeightless(db)
    const counts = await assignIndices(db, readers, options, progress)
    const isWhole = weightlessPairs === 0 && options.minUser === 1 && options.minItem === 1
    const events = await describeEvents(db, readers, isWhole)
    await writeParts(db, draft, counts, events, progress)
    return manifestOf({
      users: counts.users,
      items: counts.items,
      pairs: counts.pairs,
      events: events?.count,
      kinds: events?.kinds,
      source: {
        files: files.map(({ name }) => name),
        query: options.query,
        rows,
        ...bad,
        weightlessPairs,
        ...(events && { firstTime: dateOf(events.first), lastTime: dateOf(events.last) }),
      } satisfies ImportSource,
      options: recorded(options),
    })
  } catch (error) {
    signal?.throwIfAborted()
    throw limitIn(error, memory) ?? withNames(error, files)
  } finally {
    progress.end()
    db.close()
    await rm(spill, { recursive: true, force: true })
    await rm(copies, { recursive: true, force: true })
  }
}

/** @throws TypeError where columns of ids are neither named nor implied. */
function withImplied(files: readonly SourceFile[], given: GivenOptions): Options {
  const { user, item } = given
  if (user !== undefined && item !== undefined) return { ...given, user, item } as Options
  const [first] = files
  const implied = given.query === undefined && first ? impliedColumns(first, given.format) : undefined
  if (!implied)
    throw new TypeError('the import needs the columns of user ids and of item ids (user, item), got neither')
  return { ...given, ...implied, weight: given.weight ?? implied.weight, time: given.time ?? implied.time } as Options
}

/** ISO 8601 of ms since 1970; the bare number where it is beyond what that can say. */
function dateOf(time: number | null): string | number | undefined {
  if (time === null) return undefined
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? time : date.toISOString()
}

/** A source that is ready to be read. */
interface Source extends Reading {
  /** Lines of text files that are no rows, where they are left out, and the first of them. */
  readonly rejects: number
  readonly firstReject: Reject | undefined
}

/** Finds how the files and their columns are to be read. */
async function open(db: Database, files: readonly SourceFile[], copies: string, options: Options): Promise<Source> {
  const { query, badRows, signal } = options
  const named = roles.map(role => options[role]).filter(name => name !== undefined)
  const needed = query === undefined ? named : undefined
  // A column that is not in the first file is found missing before the others are looked at.
  const check = (table: Table) => query === undefined && readerOf(table, options)
  const likely = needed ?? query?.match(/\bcolumn\d+\b/gi) ?? []
  const inspected = await tablesOf(db, files, likely, options, check)
  for (const file of files) await assertWhole(file, signal)
  const atRejects = badRows === 'skip' ? 'skip' : 'fail'
  const { tables, rejects, first } =
    badRows === 'skip'
      ? await countRejects(db, inspected, { needed, copies, signal })
      : { tables: inspected, rejects: 0, first: undefined }
  const source = { tables, needed, rejects, firstReject: first }
  if (query === undefined) return { ...source, readers: tables.map(table => readerOf(table, options)) }
  const typed: Table[] = []
  for (const table of tables) {
    if (!isCsv(table)) typed.push(table)
    else {
      const types = typedTable(db, table, atRejects)
      typed.push(await types.catch(async error => Promise.reject(await faultOf(db, { tables, readers: [] }, error))))
    }
  }
  return { ...source, readers: [readerOf(await tableOfQuery(db, query, typed, atRejects), options)] }
}

/** @throws RangeError when a column is not there, of a type that does not fit, or that of users and items both. */
function readerOf(table: Table, options: Options): TableReader {
  const titles: Partial<Record<Role, string>> = options.titles
  const required = (role: Role, name: string) => columnReader(table, role, name, options.timeUnit, titles[role])
  const optional = (role: Role, name: string | undefined) => (name === undefined ? undefined : required(role, name))
  const user = required('user', options.user)
  const item = required('item', options.item)
  if (user.column === item.column) {
    throw new RangeError(
      `${titles.user} and ${titles.item} must name two columns, got ${identifier(user.column)} for both`,
    )
  }
  const weight = optional('weight', options.weight)
  const time = optional('time', options.time)
  const kind = optional('kind', options.kind)
  const columns = [user, item, weight, time, kind].filter(column => column !== undefined)
  return { table, user, item, weight, time, kind, columns }
}

/** For the manifest. `faulty` rows, and the rejects, could not be used. @throws SourceError when no row could. */
async function countBadRows(
  db: Database,
  { readers, rejects, firstReject }: Source,
  rows: number,
  faulty: number,
): Promise<{ badRows: number; firstBadRow?: string | undefined }> {
  const badRows = rejects + faulty
  const first = faulty > 0 ? await firstBadRow(db, readers, firstReject) : firstReject?.message
  if (rows > 0) return { badRows, firstBadRow: first }
  if (badRows === 0) throw new SourceError(`there is not one row in ${placesOf(readers)}`)
  throw new SourceError(`none of the ${badRows} rows in ${placesOf(readers)} can be used; the first: ${first}`)
}

/** How many rows there are to read, if the files say so. */
async function rowsOf(db: Database, readers: readonly TableReader[]): Promise<number | undefined> {
  if (!readers.every(({ table }) => table.format === 'parquet')) return undefined
  const counts = await Promise.all(readers.map(({ table }) => parquetRows(db, table.files)))
  return counts.reduce((sum, count) => sum + count, 0)
}

/** The options that decide what the dataset holds, for the manifest. */
function recorded(options: Options): Record<string, unknown> {
  const { user, item, weight, time, kind, duplicates, minUser, minItem, badRows } = options
  return { user, item, weight, time, kind, duplicates, minUser, minItem, badRows }
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
