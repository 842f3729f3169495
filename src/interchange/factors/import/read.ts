/** From what the caller names to factors, whoever wrote them. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { native } from '../../../native.ts'
import { MAX_RANK } from '../../../storage/factors.ts'
import { ZipFile } from '../../../storage/numpy/zip.ts'
import { npyMatrix, safetensorsFactors } from './arrays.ts'
import type { ForeignFactors, ForeignSide } from './foreign-factors.ts'
import { readIds } from './ids.ts'
import { implicitFactors } from './implicit.ts'
import { isSparkModel, parquetFactors, sparkFactors } from './tables.ts'

export interface FactorSources {
  /**
   * What holds the factors: an .npz that implicit saved, a directory that Spark's ALSModel or an export made, or a file of safetensors; or two files, of users and of
   * items, of .npy or Parquet.
   */
  readonly sources: readonly string[]
  /** Files of ids, .npy or text with one a line. Default: those of the source where it has some, else row numbers from 0. */
  readonly userIds?: string | undefined
  readonly itemIds?: string | undefined
}

const kinds =
  "an .npz of implicit, the directory of Spark's ALSModel or of an export, a .safetensors file, or two files, of users and of items, of .npy or .parquet"

/** Reads factors; DuckDB may spill to the folder `spill`. @throws Error naming the file and what is wrong with it. */
export async function readFactors(
  { sources, userIds, itemIds }: FactorSources,
  spill: string,
): Promise<ForeignFactors> {
  const [first, second] = sources
  for (const source of sources) {
    if (!/[*?[]/.test(source) && !existsSync(source)) throw new Error(`there is no ${source}: expected ${kinds}`)
  }
  if (first === undefined || sources.length > 2)
    throw new Error(`expected ${kinds}; got ${sources.join(' ') || 'nothing'}`)
  const found = second === undefined ? await readOne(first, spill) : await readTwo(first, second, spill)
  const users = await withIds(found.users, userIds, 'users', found.origin)
  const items = await withIds(found.items, itemIds, 'items', found.origin)
  if (found.width < 1 || found.width > MAX_RANK) {
    throw new Error(`${found.origin}: factors must be from 1 to ${MAX_RANK} a row, got ${found.width}`)
  }
  for (const [name, { rows, vectors }] of Object.entries({ users, items })) {
    if (rows === 0) throw new Error(`${found.origin}: there is no row of ${name}, expected one or more`)
    const place = native.firstNotFinite(vectors)
    if (place === null) continue
    const [row, column] = [Math.floor(place / found.width), place % found.width]
    throw new Error(
      `${found.origin}: factors must be finite, but row ${row}, column ${column} of ${name} is ${vectors[place]}: train the model anew`,
    )
  }
  return { ...found, users, items }
}

function readOne(source: string, spill: string): Promise<ForeignFactors> | ForeignFactors {
  if (statSync(source).isDirectory()) return readDirectory(source, spill)
  if (source.endsWith('.npz')) return ZipFile.open(source).then(implicitFactors)
  if (source.endsWith('.safetensors')) return safetensorsFactors(source)
  if (/\.(npy|parquet)$/.test(source)) {
    throw new Error(`${source} is one side: name two files, first that of users and then that of items`)
  }
  throw new Error(`${source} is of an unknown kind: expected ${kinds}`)
}

async function readDirectory(directory: string, spill: string): Promise<ForeignFactors> {
  if (isSparkModel(directory)) return sparkFactors(directory, spill)
  const path = (name: string) => join(directory, name)
  const idsIn = async (name: string) => (existsSync(path(name)) ? await readIds(path(name)) : undefined)
  const tables = ['users.parquet', 'items.parquet'].map(path) as [string, string]
  if (tables.every(file => existsSync(file))) return parquetFactors(...tables, spill)
  const arrays = ['users.npy', 'items.npy'].map(path) as [string, string]
  const tensors = path('factors.safetensors')
  const found = existsSync(tensors)
    ? safetensorsFactors(tensors)
    : arrays.every(file => existsSync(file))
      ? await readTwo(...arrays, spill)
      : undefined
  if (!found) {
    throw new Error(
      `${directory} must be a model that Spark's ALSModel saved (metadata, userFactors, itemFactors) or an export of factors (users.npy and items.npy, factors.safetensors, or users.parquet and items.parquet), but has none of these`,
    )
  }
  const users = { ...found.users, ids: found.users.ids ?? (await idsIn('user-ids.txt')) }
  const items = { ...found.items, ids: found.items.ids ?? (await idsIn('item-ids.txt')) }
  return { ...found, users, items, origin: directory }
}

async function readTwo(first: string, second: string, spill: string): Promise<ForeignFactors> {
  if (!first.endsWith('.npy') || !second.endsWith('.npy')) return parquetFactors(first, second, spill)
  const [users, items] = [await npyMatrix(first), await npyMatrix(second)]
  if (users.width !== items.width) {
    throw new Error(`${first} and ${second} must have as many factors, got ${users.width} and ${items.width}`)
  }
  return { users, items, width: users.width, origin: `${first} and ${second}` }
}

async function withIds(
  side: ForeignSide,
  path: string | undefined,
  name: string,
  origin: string,
): Promise<ForeignSide> {
  const ids = path === undefined ? side.ids : await readIds(path)
  if (!ids) return side
  const place = path ?? `${origin}: the ids of ${name}`
  if (ids.length !== side.rows) {
    throw new Error(`${place} must be ${side.rows} ids, one a row of ${name}, got ${ids.length}`)
  }
  const seen = new Set<unknown>()
  for (const [row, id] of ids.entries()) {
    const key = typeof id === 'bigint' ? (Number.isSafeInteger(Number(id)) ? Number(id) : id) : id
    if (seen.has(key))
      throw new Error(`${place} must differ, but ${id} comes again at row ${row}: give each row its own`)
    seen.add(key)
  }
  return { ...side, ids }
}
