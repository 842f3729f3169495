import { createWriteStream, existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Database, literal } from '../ingest/database.ts'
import { sync, withDraft } from '../storage/directory.ts'
import { EventReader } from './reader.ts'

export interface ExportOptions {
  readonly format: 'parquet' | 'ndjson'
  /** Take the place of a file at `out`. Default: refuse. */
  readonly replace?: boolean | undefined
  /** Events after this position. Default: 0, all. */
  readonly after?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Called with the share that is done, 0 to 1. */
  readonly onProgress?: ((done: number) => void) | undefined
}

/** Events that are read at a time. */
const readAtOnce = 10_000

/** Columns of a file of events, and their types in DuckDB; `time` is in ms since 1970. */
const columns = {
  position: 'bigint',
  user: 'varchar',
  id: 'varchar',
  item: 'varchar',
  weight: 'double',
  time: 'bigint',
  kind: 'varchar',
  list: 'varchar',
  undo: 'varchar',
} as const

/**
 * Writes the events of the state in `directory`, which a server may use meanwhile, to the file `out`, in order of arrival, undos
 * and what they took back included. The file appears whole. Gives how many events it has.
 *
 * @throws Error when `directory` is no state, `out` exists, or the disk is full. The signal's reason when it is aborted.
 */
export async function exportEvents(directory: string, out: string, options: ExportOptions): Promise<number> {
  if (!options.replace && existsSync(out))
    throw new Error(`${out} exists: name another file, or replace it (replace, --replace)`)
  return withDraft(out, async draft => {
    const lines = join(draft, 'events.ndjson')
    const events = await writeLines(directory, lines, options)
    const file = options.format === 'ndjson' ? lines : join(draft, 'events.parquet')
    if (options.format === 'parquet') await asParquet(lines, file, options.signal)
    await sync(file)
    await rename(file, out)
    await sync(dirname(resolve(out)))
    return events
  })
}

/** The events as lines of JSON. */
export async function* eventLines(
  reader: EventReader,
  { after = 0, signal, onProgress }: Omit<ExportOptions, 'format' | 'replace'>,
): AsyncGenerator<string> {
  const last = reader.newest
  for (let from = after; from < last; ) {
    const events = reader.after(from, readAtOnce).filter(({ position }) => position <= last)
    if (events.length === 0) return
    from = events.at(-1)!.position
    yield events.map(event => `${JSON.stringify(event)}\n`).join('')
    onProgress?.((from - after) / (last - after))
    signal?.throwIfAborted()
  }
}

async function writeLines(directory: string, path: string, options: ExportOptions): Promise<number> {
  const reader = new EventReader(directory)
  let events = 0
  try {
    const counted = async function* () {
      for await (const lines of eventLines(reader, options)) {
        for (let at = lines.indexOf('\n'); at >= 0; at = lines.indexOf('\n', at + 1)) events++
        yield lines
      }
    }
    await pipeline(counted, createWriteStream(path))
  } finally {
    reader.close()
  }
  return events
}

async function asParquet(lines: string, path: string, signal: AbortSignal | undefined): Promise<void> {
  const database = await Database.open({
    spill: `${path}.spill`,
    memory: '1GiB',
    threads: availableParallelism(),
    signal,
  })
  try {
    const types = Object.entries(columns).map(([name, type]) => `${name}: '${type}'`)
    await database.run(
      `copy (select * from read_json(${literal(lines)}, format = 'newline_delimited', columns = {${types.join(', ')}}))
       to ${literal(path)} (format parquet, compression zstd)`,
    )
  } finally {
    database.close()
  }
}
