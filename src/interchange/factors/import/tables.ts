/** Vectors in tables of Parquet: those of two files, and the directory of a model of Spark. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Database, identifier, literal } from '../../../ingest/database.ts'
import type { Id } from '../../../storage/ids.ts'
import type { ForeignFactors, ForeignSide } from './foreign-factors.ts'

const numeric = /^(FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)|(TINY|SMALL|BIG)?INT|INTEGER)\[\d*\]$/
const idTypes = /^(TINYINT|SMALLINT|INTEGER|BIGINT|UTINYINT|USMALLINT|UINTEGER|VARCHAR)$/

/** A file or glob of Parquet as one side: a column of ids, and one of vectors, whatever they are called where there is one of each kind. */
async function parquetSide(db: Database, source: string): Promise<ForeignSide & { readonly width: number }> {
  const from = `read_parquet(${literal(existsSync(source) ? asPattern(source) : source)}, binary_as_string = true)`
  const columns = await db
    .rows<{ column_name: string; column_type: string }>(`describe select * from ${from}`)
    .catch(error => {
      throw new Error(`${source} cannot be read as Parquet: ${(error as Error).message.split('\n')[0]}`)
    })
  const listed = columns.map(({ column_name: name, column_type: type }) => `${name} ${type}`).join(', ')
  const vectors = columns.filter(({ column_type: type }) => numeric.test(type))
  const scalars = columns.filter(({ column_type: type }) => idTypes.test(type))
  const id = scalars.find(({ column_name: name }) => name === 'id') ?? (scalars.length === 1 ? scalars[0] : undefined)
  if (vectors.length !== 1 || !id) {
    throw new Error(
      `${source} must have a column of ids (id, or the only one of integers or text) and one of lists of floats, but has ${listed}`,
    )
  }
  const [key, list] = [identifier(id.column_name), identifier(vectors[0]!.column_name)]
  const [sizes] = await db.rows<{
    rows: number
    least: number | null
    most: number | null
    nulls: number
    holes: number
  }>(
    `select count(*)::double as "rows", min(len(v))::double as "least", max(len(v))::double as "most",
       count(*) filter (where ${key} is null or v is null)::double as "nulls", count(*) filter (where len(v) <> list_count(v))::double as "holes"
     from (select ${key}, ${list}::float[] as v from ${from})`,
  )
  const { rows, least, most, nulls, holes } = sizes!
  if (nulls > 0 || holes > 0)
    throw new Error(`${source}: ${nulls + holes} rows lack an id, a vector or a value of it: leave them out`)
  if (least !== most) throw new Error(`${source}: vectors must be of one length, got from ${least} to ${most} values`)
  const width = most ?? 0
  const data = new Float32Array(rows * width)
  const ids: Id[] = []
  const type = id.column_type === 'VARCHAR' ? 'varchar' : 'bigint'
  for await (const chunk of db.chunks(`select ${key}::${type}, ${list}::float[] from ${from}`)) {
    const lists = chunk.getColumnVector(1) as unknown as ListVector
    for (let row = 0; row < chunk.rowCount; row++) {
      const begin = Number(lists.entryData[2 * row])
      data.set(lists.childData.items.subarray(begin, begin + width), (ids.length + row) * width)
    }
    for (const id of chunk.getColumnValues(0) as Id[]) ids.push(id)
  }
  return { rows, width, vectors: data, ids }
}

/** A pattern of DuckDB that matches `path` alone. */
function asPattern(path: string): string {
  return path.replace(/[[*?]/g, '[$&]')
}

/** A column of lists, which DuckDB's declared interface gives as an object a row. */
interface ListVector {
  /** (2 × rows) Where each list begins, and how long it is. */
  readonly entryData: BigUint64Array
  readonly childData: { readonly items: Float32Array }
}

/** Two files or globs of Parquet; DuckDB may spill to the folder `spill`. */
export async function parquetFactors(users: string, items: string, spill: string): Promise<ForeignFactors> {
  const db = await Database.open({ spill, memory: '1GiB', threads: 1 })
  try {
    const sides = { users: await parquetSide(db, users), items: await parquetSide(db, items) }
    const { width } = sides.users
    if (width !== sides.items.width) {
      throw new Error(
        `${users} and ${items} must have vectors of one length, got ${width} and ${sides.items.width} values`,
      )
    }
    return { ...sides, width, origin: `${users} and ${items}` }
  } finally {
    db.close()
  }
}

/** Whether `directory` holds a model as Spark's ALSModel saves it. */
export function isSparkModel(directory: string): boolean {
  return ['metadata', 'userFactors', 'itemFactors'].every(name => existsSync(join(directory, name)))
}

/**
 * The factors of an ALSModel that Spark MLlib saved: `metadata` (JSON), and `userFactors` and `itemFactors` (Parquet of id and features). What α and λ it was
 * trained with it does not say.
 *
 * @throws Error where it is of another class, or was not saved to its end.
 */
export async function sparkFactors(directory: string, spill: string): Promise<ForeignFactors> {
  const place = join(directory, 'metadata')
  const file = readdirSync(place).find(name => name.startsWith('part-'))
  const broken = (why: string) => new Error(`${directory} is no whole ALSModel of Spark: ${why}; save it again`)
  if (file === undefined) throw broken('metadata has no part')
  let metadata: { readonly class?: unknown; readonly rank?: unknown }
  try {
    metadata = JSON.parse(readFileSync(join(place, file), 'utf8').split('\n')[0]!)
  } catch {
    throw broken(`metadata/${file} is not JSON`)
  }
  if (typeof metadata.class !== 'string' || !metadata.class.endsWith('.ALSModel')) {
    throw broken(`expected the class org.apache.spark.ml.recommendation.ALSModel, got ${metadata.class}`)
  }
  for (const side of ['userFactors', 'itemFactors']) {
    if (!readdirSync(join(directory, side)).some(name => name.endsWith('.parquet')))
      throw broken(`${side} has no Parquet`)
  }
  const [users, items] = ['userFactors', 'itemFactors'].map(side => join(asPattern(directory), side, '*.parquet')) as [
    string,
    string,
  ]
  const found = await parquetFactors(users, items, spill)
  if (metadata.rank !== undefined && metadata.rank !== found.width) {
    throw broken(`expected ${metadata.rank} factors, as its metadata says, got ${found.width}`)
  }
  return { ...found, origin: directory }
}
