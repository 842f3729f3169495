/** The vectors of users and items of a model in files that other programs read. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { Database, literal } from '../../ingest/database.ts'
import { OpenModel } from '../../models/open/open-model.ts'
import { exchangeDirectories, sync, withDraft } from '../../storage/directory.ts'
import type { IdMap } from '../../storage/ids.ts'
import { npyHeader } from '../../storage/numpy/npy.ts'
import { type Tensor, vector, writeSafetensors } from '../../storage/safetensors.ts'
import { appendIds, idTypeOf } from '../id-columns.ts'
import { faissHead, faissTail } from './faiss.ts'
import { writePieces, writeTextIds } from './pieces.ts'

export const factorFormats = ['npy', 'safetensors', 'parquet', 'faiss', 'fbin'] as const
export type FactorFormat = (typeof factorFormats)[number]

/** What each format is and who reads it, in a few words. */
export const factorFormatNotes: Readonly<Record<FactorFormat, string>> = {
  npy: 'users.npy and items.npy (NumPy)',
  safetensors: 'factors.safetensors with users and items, and user_ids and item_ids where ids are integers',
  parquet: 'users.parquet and items.parquet with the columns id and vector',
  faiss:
    'items.faiss, an exact index by inner product (faiss.read_index) that finds ids where these are integers, and users.npy to ask it by',
  fbin: 'users.fbin and items.fbin (usearch.io.load_matrix, DiskANN)',
}

export interface ExportFactorsOptions {
  readonly format: FactorFormat
  /** Take the place of an earlier export. Default: refuse. */
  readonly replace?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ExportedFactors {
  readonly users: number
  readonly items: number
  readonly factors: number
  /** Names of the files. */
  readonly files: readonly string[]
}

/** One side of a model. */
interface Side {
  readonly name: 'users' | 'items'
  readonly ids: IdMap
  /** (rows × factors) */
  readonly data: Float32Array
}

interface Factors {
  readonly users: Side
  readonly items: Side
  readonly factors: number
}

/** Every file that an export may have: what holds others is not replaced. */
const known = new Set([
  ...['users', 'items'].flatMap(side => ['npy', 'parquet', 'fbin', 'faiss'].map(ending => `${side}.${ending}`)),
  ...['factors.safetensors', 'user-ids.txt', 'item-ids.txt'],
])

/**
 * Writes the trained vectors of users and items of the model in `directory` to the new directory `out`, which appears whole, beside them the
 * ids, a line each in the order of the vectors (`user-ids.txt`, `item-ids.txt`), but for Parquet, which has them. The score of an item for a user is
 * the inner product of their vectors, where the model has vectors of users that it ranks by.
 *
 * @throws UnsupportedError when the model has no vectors; Error when `out` exists, an id cannot be written, or the disk is full; the signal's reason when it is aborted.
 */
export async function exportFactors(
  directory: string,
  out: string,
  { format, replace = false, signal }: ExportFactorsOptions,
): Promise<ExportedFactors> {
  assertFree(out, replace)
  const model = OpenModel.open(directory)
  try {
    const { users, items } = model.artifact
    const { data, factors } = model.vectors('items')
    const sides: Factors = {
      users: { name: 'users', ids: users, data: model.vectors('users').data },
      items: { name: 'items', ids: items, data },
      factors,
    }
    return await withDraft(out, async draft => {
      await writers[format](draft, sides, signal)
      if (format !== 'parquet') {
        await writeTextIds(join(draft, 'user-ids.txt'), users, 'users')
        await writeTextIds(join(draft, 'item-ids.txt'), items, 'items')
      }
      signal?.throwIfAborted()
      const files = readdirSync(draft).sort()
      for (const name of files) await sync(join(draft, name))
      await sync(draft)
      await putInPlace(draft, out)
      return { users: users.size, items: items.size, factors, files }
    })
  } finally {
    model.close()
  }
}

function assertFree(out: string, replace: boolean): void {
  const found = statSync(out, { throwIfNoEntry: false })
  if (!found) return
  if (!found.isDirectory()) throw new Error(`${out} is a file: expected a directory for the factors, name another`)
  const names = readdirSync(out)
  if (names.length > 0 && !replace) {
    throw new Error(`${out} exists: choose another place, or replace it (replace, --replace)`)
  }
  const foreign = names.find(name => !known.has(name))
  if (foreign === undefined) return
  throw new Error(
    `${out} holds ${foreign}, which is no file of exported factors, so it is not replaced: choose another place`,
  )
}

async function putInPlace(draft: string, out: string): Promise<void> {
  const place = resolve(out)
  if (existsSync(place) && readdirSync(place).length > 0) return exchangeDirectories(draft, place)
  await rename(draft, place)
  await sync(dirname(place))
}

type Writer = (draft: string, factors: Factors, signal: AbortSignal | undefined) => Promise<void>

const writers: Readonly<Record<FactorFormat, Writer>> = {
  async npy(draft, { users, items, factors }) {
    for (const side of [users, items]) await writeNpy(draft, side, factors)
  },
  async safetensors(draft, { users, items, factors }) {
    const tensor = ({ ids, data }: Side): Tensor => ({ data, shape: [ids.size, factors] })
    const integers = [users, items].filter(({ ids }) => ids.kind === 'integer')
    const tensors = integers.map(({ name, ids }) => [`${name.slice(0, -1)}_ids`, vector(integersOf(ids))] as const)
    await writeSafetensors(join(draft, 'factors.safetensors'), {
      users: tensor(users),
      items: tensor(items),
      ...Object.fromEntries(tensors),
    })
  },
  async parquet(draft, { users, items, factors }, signal) {
    const db = await Database.open({
      spill: join(draft, 'spill'),
      memory: '1GiB',
      threads: availableParallelism(),
      signal,
    })
    try {
      for (const side of [users, items]) await writeParquet(db, draft, side, factors)
    } finally {
      db.close()
    }
  },
  async faiss(draft, { users, items, factors }) {
    const ids = items.ids.kind === 'integer' ? integersOf(items.ids) : undefined
    const sizes = { rows: items.ids.size, factors, hasIds: ids !== undefined }
    await writePieces(join(draft, 'items.faiss'), [faissHead(sizes), items.data, ...(ids ? faissTail(ids) : [])])
    await writeNpy(draft, users, factors)
  },
  async fbin(draft, { users, items, factors }) {
    for (const { name, ids, data } of [users, items]) {
      await writePieces(join(draft, `${name}.fbin`), [Uint32Array.of(ids.size, factors), data])
    }
  },
}

function writeNpy(draft: string, { name, ids, data }: Side, factors: number): Promise<void> {
  return writePieces(join(draft, `${name}.npy`), [npyHeader('<f4', [ids.size, factors]), data])
}

/** Rows that are given to DuckDB at a time. */
const rowsAtOnce = 65_536

async function writeParquet(db: Database, draft: string, { name, ids, data }: Side, factors: number): Promise<void> {
  const rows = await db.createTable(name, { row: 'uinteger', id: idTypeOf(ids), vector: `float[${factors}]` })
  appendIds(ids, 0, ids.size, (first, values) => {
    for (let from = 0; from < values.length; from += rowsAtOnce) {
      db.throwIfAborted()
      const count = Math.min(rowsAtOnce, values.length - from)
      const places = Uint32Array.from({ length: count }, (_, at) => first + from + at)
      const vectors = data.subarray((first + from) * factors, (first + from + count) * factors)
      rows.append(count, [places, values.slice(from, from + count), { vectors, width: factors }])
    }
  })
  rows.finish()
  const file = join(draft, `${name}.parquet`)
  await db.run(
    `copy (select id, vector from ${name} order by "row") to ${literal(file)} (format parquet, compression zstd)`,
  )
  await db.run(`drop table ${name}`)
}

function integersOf(ids: IdMap): BigInt64Array {
  return BigInt64Array.from({ length: ids.size }, (_, row) => BigInt(ids.at(row)))
}
