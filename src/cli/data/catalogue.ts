import { mkdtemp, open, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { storedItems, withCatalogue } from '../../catalogue/idle-catalogue.ts'
import { batchesOf } from '../../catalogue/import/batches.ts'
import { type ItemColumn, itemColumns } from '../../catalogue/import/fields.ts'
import { readItems } from '../../catalogue/import/read-items.ts'
import { CatalogueError, type ItemPatch } from '../../catalogue/item.ts'
import { columnName, sourceOptions } from '../../ingest/options.ts'
import { limits } from '../../protocol/limits.ts'
import { sync } from '../../storage/directory.ts'
import { parseOptions, type Register, text, throwUsage, UsageError } from '../command.ts'
import { callServer, rpcAddress } from '../server/server-call.ts'
import { interruptible } from '../terminal/interrupt.ts'
import { ProgressBar } from '../terminal/progress.ts'
import { addReadingOptions } from './source-options.ts'

const { format, delimiter, header, badRows } = sourceOptions
const fields = Object.keys(itemColumns) as ItemColumn[]
const columnOptions = Object.fromEntries(fields.map(field => [field, columnName.optional()])) as {
  [Name in ItemColumn]: z.ZodOptional<typeof columnName>
}

const ImportOptions = z.object({
  ...columnOptions,
  format,
  delimiter,
  header,
  badRows,
  separator: text('what separates the values of a list').default('|'),
  state: text('a directory').optional(),
  rpc: rpcAddress.optional(),
  key: text('a key').optional(),
  json: z.boolean().default(false),
})

const ExportOptions = z.object({ state: text('a directory'), out: text('a file'), replace: z.boolean().default(false) })

const notes = `
A FILE is CSV or other text with delimiters, NDJSON or Parquet, text also in gzip or zstd; a glob in quotes; or - for standard input.
What a row has columns of takes the place of what was known of its item; what it has none of stays, and an empty value takes
away. Of rows with the same id the last counts. Lists are JSON ["a","b"], or values with --separator between them.

  aurochs catalogue import films.csv --id tconst --title primaryTitle --tags genres --separator , --state events
  aurochs catalogue import 'items/*.parquet' --rpc unix:/run/aurochs.sock
`

/** `aurochs catalogue`: what is known of items. */
export const register: Register = program => {
  const catalogue = program.command('catalogue').description('import and export what is known of items')
  const command = catalogue
    .command('import')
    .description('keep what files say of items: titles, tags, times, vectors')
    .argument('<FILE...>', 'files, globs in quotes, or -')
    .option('--state <directory>', 'events of a server that does not run')
    .option('--rpc <address>', 'the internal RPC of a server that runs')
    .option('--key <key>', 'a key of an admin, where the server expects one (default: the variable AUROCHS_KEY)')
  command.optionsGroup('Columns (default: the first there is of the names in brackets):')
  for (const field of fields) {
    const flag = field.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
    command.option(`--${flag} <column>`, `column of ${described[field]} (${itemColumns[field].join(', ')})`)
  }
  command.optionsGroup('Reading:')
  command.option('--separator <text>', "between two values of a list (default: '|')")
  addReadingOptions(command)
    .option('--json', 'print what was imported as one line of JSON')
    .addHelpText('after', notes)
    .action(runImport)
  catalogue
    .command('export')
    .description('write all items as NDJSON, which import reads; a server may run meanwhile')
    .requiredOption('--state <directory>', 'where the server keeps the events')
    .requiredOption('--out <file>', 'a file, or - for standard output')
    .option('--replace', 'take the place of a file at --out')
    .action(runExport)
}

const described: Readonly<Record<ItemColumn, string>> = {
  id: 'ids of items, as events have them',
  title: 'titles',
  tags: 'lists of tags',
  categories: 'lists of categories',
  text: 'texts',
  url: 'addresses',
  availableFrom: 'times before which no list has the item',
  availableUntil: 'times from which on no list has the item',
  vector: 'lists of numbers, as many for all items',
  hidden: 'whether no list has the item',
}

/** What one transaction of our own takes, and one call of a server, with some room. */
const storeBounds = { items: 5000, bytes: 64e6, values: 1e7 }
const callBounds = { items: limits.catalogueItems, bytes: 0.8 * limits.messageBytes, values: 0.9 * limits.values }

type Keep = (items: readonly ItemPatch[]) => Promise<unknown>

async function runImport(sources: string[], given: unknown): Promise<void> {
  const { state, rpc, key, json, format, delimiter, header, badRows, separator, ...columns } = parseOptions(
    ImportOptions,
    given,
  )
  if ((state === undefined) === (rpc === undefined)) {
    throw new UsageError('name either --state, of a server that does not run, or --rpc, of one that does')
  }
  const bar = new ProgressBar()
  const begun = performance.now()
  const importAll = async (keep: Keep, bounds: typeof storeBounds) => {
    const known = new Set<string>()
    let [rows, bad, first] = [0, 0, undefined as string | undefined]
    await interruptible(async signal => {
      const folder = await mkdtemp(join(tmpdir(), 'aurochs-catalogue-'))
      const reading = { format, delimiter, header, badRows }
      for await (const read of readItems({ ...reading, sources, columns, separator, folder, signal })) {
        for (const batch of batchesOf(read.rows, bounds)) {
          signal.throwIfAborted()
          await keep(batch)
          for (const { id } of batch) known.add(id)
          rows += batch.length
          bar.show('importing items', 0, Number.NaN, `: ${rows.toLocaleString('en')} rows`)
        }
        ;[bad, first] = [read.badRows, read.firstBadRow]
      }
    }, 'interrupted: what was imported until then stays, and the same command goes on').finally(() => bar.stop())
    return { items: known.size, duplicates: rows - known.size, badRows: bad, firstBadRow: first }
  }
  const importing =
    state === undefined
      ? importAll(items => callServer(rpc!, 'patch_items', { items: items as never }, { key }), callBounds)
      : withCatalogue(state, store => importAll(async items => store.patch(items), storeBounds))
  const imported = await importing.catch(throwRefusal)
  process.stdout.write(json ? `${JSON.stringify(imported)}\n` : summary(imported, (performance.now() - begun) / 1000))
}

interface Imported {
  readonly items: number
  readonly duplicates: number
  readonly badRows: number
  readonly firstBadRow: string | undefined
}

function summary({ items, duplicates, badRows, firstBadRow }: Imported, seconds: number): string {
  const count = (n: number, one: string, many: string) => (n === 1 ? `1 ${one}` : `${n.toLocaleString('en')} ${many}`)
  const notes = [`${count(items, 'item', 'items')} in ${seconds.toFixed(1)} s`]
  if (duplicates > 0)
    notes.push(`${count(duplicates, 'row was', 'rows were')} of an item that came again later, which counts`)
  if (badRows > 0) notes.push(`${count(badRows, 'bad row was', 'bad rows were')} left out; the first: ${firstBadRow}`)
  return `${notes.join('\n')}\n`
}

/** What the catalogue refuses is no mistake in the options. */
function throwRefusal(error: unknown): never {
  throwUsage(error instanceof CatalogueError ? new UsageError(error.message, 1) : error)
}

async function runExport(given: unknown): Promise<void> {
  const { state, out, replace } = parseOptions(ExportOptions, given)
  const lines = (function* () {
    for (const item of storedItems(state)) yield `${JSON.stringify(item)}\n`
  })()
  if (out === '-') {
    for (const line of lines)
      if (!process.stdout.write(line)) await new Promise(resolve => process.stdout.once('drain', resolve))
    return
  }
  let items = 0
  const draft = `${out}.partial`
  const place = await open(out, 'r').catch(() => undefined)
  await place?.close()
  if (place && !replace) throw new UsageError(`${out} exists: name another --out, or add --replace`)
  const file = await open(draft, 'w')
  try {
    for (const line of lines) {
      await file.write(line)
      items++
    }
    await file.sync()
    await file.close()
    await rename(draft, out)
    await sync(dirname(out))
  } catch (error) {
    await file.close().catch(() => {})
    await rm(draft, { force: true })
    throw error
  }
  process.stdout.write(`${out}: ${items.toLocaleString('en')} items\n`)
}
