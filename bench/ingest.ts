/**
 * From 19.7 million reads to a dataset: time, peak memory, growth with the rows; then opening it, and what its pages
 * cost when all workers read them. `--data FILE` takes another file, with `--user`, `--item` and `--time` its columns.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Database, literal } from '../src/ingest/database.ts'
import type { ImportOptions } from '../src/ingest/import.ts'
import { Pool, workerModuleUrl } from '../src/parallel/pool.ts'
import { Dataset } from '../src/storage/dataset.ts'
import { atMost, type Bar, type BenchOptions } from './support/bar.ts'

const brunch = join(import.meta.dirname, '../../shared/data/brunch/reads.parquet')

export async function run({ json, data = brunch, rest }: BenchOptions): Promise<Bar[]> {
  if (!existsSync(data)) throw new Error(`there is no ${data}: name a file of interactions by --data`)
  const { values } = parseArgs({
    args: rest,
    options: {
      user: { type: 'string', default: 'user' },
      item: { type: 'string', default: 'item' },
      time: { type: 'string' },
    },
  })
  const { user, item, time = data === brunch ? 'hour' : undefined } = values
  const print = (line: object) => console.log(json ? JSON.stringify(line) : summary(line))
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-bench-'))
  try {
    const columns = time === undefined ? { user, item } : { user, item, time }
    // Every fourth row, by its place: the pairs are then as varied as in the whole.
    const part = 'select * exclude place from (select *, row_number() over () as place from source) where place % 4 = 0'
    const quarterFile = join(folder, 'quarter.parquet')
    await extract(data, part, quarterFile)
    const quarter = importOnce({ ...columns, sources: [quarterFile], out: join(folder, 'quarter') })
    print({ import: 'every fourth row', ...quarter })
    const out = join(folder, 'whole')
    const whole = importOnce({ ...columns, sources: [data], out })
    print({ import: 'all rows', ...whole })
    const growth = whole.cpuSeconds / quarter.cpuSeconds / (whole.rows / quarter.rows)
    const open = timeToOpen(out)
    print({ open: 'manifest, maps, ids', milliseconds: open })
    const pages = await pagesOfWorkers(out)
    print({ pages: `${pages.threads} workers`, ...pages })
    return [
      atMost(`seconds to import ${whole.rows} rows`, whole.seconds, 25),
      atMost('GiB of memory at the peak of the import', whole.peakMiB / 1024, 3),
      atMost('processor time of a row among all rows, against one among a fourth of them', growth, 1.25),
      atMost('milliseconds to open the dataset', open, 50),
      atMost('memory of pairs and events when all workers have read them, against their files', pages.perByte, 1.02),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Import {
  readonly seconds: number
  /** Of all threads together. */
  readonly cpuSeconds: number
  readonly peakMiB: number
  readonly rows: number
  readonly users: number
  readonly items: number
  readonly pairs: number
  /** Absent if the source has no times. */
  readonly events?: number
}

function importOnce(options: ImportOptions): Import {
  const program = join(import.meta.dirname, 'ingest/import-once.ts')
  return JSON.parse(execFileSync(process.execPath, [program, JSON.stringify(options)], { encoding: 'utf8' }))
}

/** Writes what `query` selects of `source` to a Parquet file. */
async function extract(source: string, query: string, to: string): Promise<void> {
  const db = await Database.open({ spill: `${to}.spill`, memory: '2GiB', threads: 2 })
  try {
    await db.run(`create view source as from ${literal(source)}`)
    await db.run(`copy (${query}) to ${literal(to)} (format parquet)`)
  } finally {
    db.close()
  }
}

/** Until the first pair, the first event and the last id can be read; the median of 9. */
function timeToOpen(directory: string): number {
  const times = Array.from({ length: 9 }, () => {
    const begun = performance.now()
    const { byUser, byItem, events, users, items } = Dataset.open(directory)
    const read = [byUser.indices[0], byItem.indices[0], users.at(users.size - 1), items.at(items.size - 1)]
    if (events) read.push(events.items[0])
    if (read.some(value => value === undefined)) throw new Error(`${directory} is empty`)
    return performance.now() - begun
  })
  return times.sort((a, b) => a - b)[4]!
}

/**
 * Lets workers read all pages of pairs and events, and asks Linux what these maps then cost the process: `pssMiB` counts
 * a page that k maps share as 1/k for each, `dirtyMiB` are copies of pages.
 */
async function pagesOfWorkers(directory: string) {
  const pool = new Pool({ threads: 4 })
  const until = new Int32Array(new SharedArrayBuffer(4))
  const touched = pool.phase<number>(workerModuleUrl('./ingest/touch', import.meta.url), 'touch', { directory, until })
  try {
    while (Atomics.load(until, 0) < pool.threads) await Promise.race([setTimeout(5), touched])
    const maps = readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
    const ours = maps.filter(map => /\.safetensors$/m.test(map))
    const sum = (field: string) =>
      ours.reduce((total, map) => total + Number(new RegExp(`^${field}: +(\\d+) kB`, 'm').exec(map)?.[1]), 0) / 1024
    const { files } = Dataset.open(directory).manifest
    const mapped = Object.entries(files).filter(([name]) => name.endsWith('.safetensors'))
    const filesMiB = mapped.reduce((total, [, { bytes }]) => total + bytes, 0) / 2 ** 20
    const [pssMiB, dirtyMiB] = [sum('Pss'), sum('Private_Dirty')]
    return { threads: pool.threads, maps: ours.length, filesMiB, pssMiB, dirtyMiB, perByte: pssMiB / filesMiB }
  } finally {
    Atomics.store(until, 0, -(2 ** 31))
    await touched
    await pool.close()
  }
}

function summary(line: object): string {
  const figures = Object.entries(line).map(([name, value]) =>
    typeof value === 'number' ? `${name} ${Number(value.toPrecision(4))}` : `${name}: ${value}`,
  )
  return figures.join(', ')
}
