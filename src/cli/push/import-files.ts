import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { z } from 'zod'
import { sourceOptions } from '../../ingest/options.ts'
import { type PushFileKind, pushColumns } from '../../push/import/columns.ts'
import { type ImportedPushes, importPushes } from '../../push/import/import.ts'
import { parseOptions, several, text, UsageError } from '../command.ts'
import { addReadingOptions } from '../data/source-options.ts'
import { interruptible } from '../terminal/interrupt.ts'
import { ProgressBar } from '../terminal/progress.ts'

const { format, delimiter, header, badRows } = sourceOptions
/** What others refer to comes first. */
const kinds = ['articles', 'users', 'pushes', 'visits'] as const satisfies readonly PushFileKind[]
const files = z.array(text('a file')).default([])

const Options = z.object({
  state: text('a directory'),
  users: files,
  articles: files,
  visits: files,
  pushes: files,
  format,
  delimiter,
  header,
  badRows,
  json: z.boolean().default(false),
})

const notes = `
A FILE is CSV or other text with delimiters, NDJSON or Parquet, text also in gzip or zstd; a glob in quotes; or - for standard input.
Its columns, each by the first of these names that there is:

${Object.entries(pushColumns)
  .map(([kind, columns]) => {
    const lines = Object.values(columns as Record<string, readonly string[]>).map(names => {
      const known = names.map(name => name.replace('!', '')).join(', ')
      return `    ${known}${names[0]!.endsWith('!') ? ' (needed)' : ''}`
    })
    return `  --${kind}\n${lines.join('\n')}`
  })
  .join('\n')}

What a row of a user or an article does not say stays as it was, and opted_out=false clears no opt-out, which may be newer than
the file (push optout --in does); of rows with the same id the last counts. Visits of articles
become events of the journal, once however often they are imported; those of none are noted with their users, each time that they are
imported. Pushes count for usual click rates, one of a user and article, and the latest keeps the week of its user. Users who are not
known are added without an address. Times in the future are taken for now; articles of the future appear then.
Articles, and visits, need a state that no server uses: of one that runs, call put_items and record_batch.

  aurochs push import --state events --users users.parquet --pushes 'pushes-*.csv'
`

/** `aurochs push import`: what was before the first push. */
export function registerImport(push: Command): void {
  const command = push
    .command('import')
    .description('keep what files say of users, articles, visits and pushes of the past')
    .requiredOption('--state <directory>', 'where the server keeps the events')
    .option('--users <file>', 'users: addresses, time zones, opt-outs, last visits; may be repeated', several)
    .option('--articles <file>', 'articles: titles, bodies, times; may be repeated', several)
    .option('--visits <file>', 'visits and reads; may be repeated', several)
    .option('--pushes <file>', 'pushes that were sent by other means, and clicks on them; may be repeated', several)
  addReadingOptions(command)
    .option('--json', 'print what was imported as one line of JSON')
    .addHelpText('after', notes)
    .action(runImport)
}

async function runImport(given: unknown): Promise<void> {
  const { state, json, format, delimiter, header, badRows, ...sources } = parseOptions(Options, given)
  const wanted = kinds.filter(kind => sources[kind].length > 0)
  if (wanted.length === 0) {
    throw new UsageError('name at least one of --users, --articles, --visits and --pushes: there is nothing to import')
  }
  const bar = new ProgressBar()
  const imported: Partial<Record<PushFileKind, ImportedPushes>> = {}
  const importAll = async (signal: AbortSignal) => {
    for (const kind of wanted) {
      const folder = await mkdtemp(join(tmpdir(), 'aurochs-push-'))
      imported[kind] = await importPushes({
        state,
        kind,
        sources: sources[kind],
        folder,
        signal,
        format,
        delimiter,
        header,
        badRows,
        onRows: rows => bar.show(`importing ${kind}`, 0, Number.NaN, `: ${rows.toLocaleString('en')} rows`),
      })
    }
  }
  const message = 'interrupted: what was imported until then stays, and the same command goes on'
  try {
    await interruptible(importAll, message).finally(() => bar.stop())
  } catch (error) {
    throw error instanceof RangeError || error instanceof TypeError ? new UsageError(error.message) : error
  }
  process.stdout.write(json ? `${JSON.stringify(imported)}\n` : Object.entries(imported).map(summary).join(''))
}

function summary([kind, { rows, duplicates, badRows, firstBadRow }]: [string, ImportedPushes]): string {
  const lines = [`${kind}: ${rows.toLocaleString('en')} rows`]
  if (duplicates > 0) lines.push(`  of which ${duplicates.toLocaleString('en')} were there before, or came again later`)
  if (badRows > 0) lines.push(`  ${badRows.toLocaleString('en')} bad rows were left out; the first: ${firstBadRow}`)
  return `${lines.join('\n')}\n`
}
