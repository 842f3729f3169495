/** The options of all commands that read files: what the columns are, and how the files are read. */
import { statSync } from 'node:fs'
import type { Command } from 'commander'
import { z } from 'zod'
import { columnsOf } from '../../ingest/columns-of.ts'
import { formats } from '../../ingest/files/content.ts'
import { type ImportOptions, importDataset } from '../../ingest/import.ts'
import { type ImpliedColumns, impliedBy, impliedColumns } from '../../ingest/matrices/implied-columns.ts'
import { columnName, sourceOptions } from '../../ingest/options.ts'
import type { DatasetManifest } from '../../storage/dataset.ts'
import { UsageError, wholeNumber } from '../command.ts'

const { kind: _, minUser: _minUser, minItem: _minItem, ...shared } = sourceOptions
const least = wholeNumber(1, 999_999_999).optional()

/** Schemas of what {@link addSourceOptions} adds. */
export const sourceFlags = {
  ...shared,
  user: columnName.optional(),
  item: columnName.optional(),
  minUser: least,
  minItem: least,
}

const schema = z.object(sourceFlags)
type SourceFlags = z.output<typeof schema>

/** Adds the options to a command. */
export function addSourceOptions(command: Command): void {
  command
    .option('--user <column>', 'column of user ids')
    .option('--item <column>', 'column of item ids')
    .option('--weight <column>', 'column of weights, those below 0 take back (default: each row weighs 1)')
    .option('--time <column>', 'column of times: timestamps, dates, ISO 8601 text, or numbers since 1970')
    .option(
      '--time-unit <unit>',
      'unit of times that are numbers: auto, s, ms, us or ns (default: auto, by their size)',
    )
    .option('--query <sql>', "SQL of DuckDB whose rows are taken; in it, 'source' stands for all rows of the files")
    .option('--duplicates <rule>', 'what the rows of one pair weigh together: sum, last, max or count (default: sum)')
    .option('--min-user <n>', 'leave out users with fewer distinct items (default: 1)')
    .option('--min-item <n>', 'leave out items with fewer distinct users (default: 1)')
  addReadingOptions(command)
  command.option('--memory <size>', 'memory to use before spilling to disk (default: 2GiB, or half of what is free)')
}

/** How files of rows are read, whatever is in them: `sourceOptions` has the schemas. */
export function addReadingOptions(command: Command): Command {
  return command
    .option('--format <name>', `format of the files: ${formats.join(', ')} (default: by their contents and names)`)
    .option('--delimiter <text>', "what separates columns in text files, as in ';', '::' or '\\t' (default: guessed)")
    .option('--header', 'the first line of text files names the columns (default: guessed)')
    .option('--no-header', 'text files have no header: their columns are column0, column1 and so on')
    .option('--bad-rows <rule>', 'at rows that cannot be used: refuse, or skip and count them (default: refuse)')
}

/** What the import is to be called with, but for the columns of ids, among all options of a command. */
export function importOptions(given: SourceFlags): Omit<ImportOptions, 'user' | 'item' | 'out'> {
  const { weight, time, timeUnit, query, duplicates, minUser, minItem } = given
  const { format, delimiter, header, badRows, memory } = given
  const reading = { format, delimiter, header, badRows, memory }
  return { weight, time, timeUnit, query, duplicates, minUser, minItem, ...reading }
}

/**
 * The columns of ids: those that are named, else those that the format implies, with what it has beside them.
 *
 * @param source where they must be; it is looked at only for the message.
 * @throws UsageError naming the options that are missing, and the columns that there are.
 */
export async function idColumns(
  { user, item, query, ...options }: SourceFlags,
  source: string | undefined,
): Promise<ImpliedColumns> {
  if (user !== undefined && item !== undefined) return { user, item }
  if (user === undefined && item === undefined && query === undefined) {
    const { weight, time } = options
    const implied = impliedIn(source, options.format)
    if (implied) return { ...implied, ...(weight !== undefined && { weight }), ...(time !== undefined && { time }) }
  }
  const place = query !== undefined || source === undefined ? 'the result of the query' : source
  const columns = query !== undefined || source === undefined ? undefined : await columnsOf(source, options)
  const hint = columns === undefined ? '' : `, which has ${columns}`
  if (user === undefined && item === undefined) {
    throw new UsageError(`--user and --item must name the columns of ids in ${place}${hint}`)
  }
  const missing = user === undefined ? 'user' : 'item'
  throw new UsageError(`--${missing} must name the column of ${missing} ids in ${place}${hint}`)
}

function impliedIn(source: string | undefined, format: SourceFlags['format']): ImpliedColumns | undefined {
  if (format !== undefined) return impliedBy(format)
  if (source === undefined || !statSync(source, { throwIfNoEntry: false })?.isFile()) return undefined
  try {
    return impliedColumns({ path: source, name: source }, format)
  } catch {
    // What cannot be read is said where it is read.
    return undefined
  }
}

/** Imports, with the caller's mistakes, such as a column that is not there, as errors for the terminal. */
export async function importFile(
  options: ImportOptions,
  run: (options: ImportOptions) => Promise<DatasetManifest> = importDataset,
): Promise<DatasetManifest> {
  try {
    return await run(options)
  } catch (error) {
    throw error instanceof TypeError || error instanceof RangeError ? new UsageError(error.message) : error
  }
}
