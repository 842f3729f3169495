/** Sparse matrices that scipy saved (`scipy.sparse.save_npz`), streamed into a table of DuckDB: of compressed ones the row bounds alone are in memory. */
import { readNpy } from '../../storage/numpy/npy.ts'
import { ZipFile } from '../../storage/numpy/zip.ts'
import type { Database } from '../database.ts'
import type { SourceFile } from '../files/file.ts'
import { SourceError } from '../source-error.ts'
import type { Table } from '../table.ts'

/** Entries that are appended at a time. */
const atOnce = 2 ** 16

/** Tables of this process: two matrices have two. */
let tables = 0

/** @throws SourceError naming the file, and what of it is no sparse matrix. */
export async function npzTable(db: Database, file: SourceFile): Promise<Table & { readonly format: 'npz' }> {
  const table = `matrix_${++tables}`
  try {
    await readMatrix(db, file, table)
  } catch (error) {
    db.throwIfAborted()
    if (error instanceof SourceError) throw error
    throw new SourceError((error as Error).message.replaceAll(file.path, file.name), { cause: error })
  }
  return {
    format: 'npz',
    files: [file],
    columns: [
      { name: 'row', type: 'BIGINT' },
      { name: 'column', type: 'BIGINT' },
      { name: 'value', type: 'DOUBLE' },
    ],
    from: () => table,
  }
}

async function readMatrix(db: Database, { path, name }: SourceFile, table: string): Promise<void> {
  const archive = await ZipFile.open(path)
  const has = (member: string) => archive.names.includes(`${member}.npy`)
  const array = async (member: string) => readNpy(archive.contents(`${member}.npy`), `${member} of ${name}`)
  if (!has('format') || !has('shape')) {
    const found = archive.names.map(member => member.replace(/\.npy$/, '')).join(', ')
    const remedy = has('user_factors')
      ? 'a model of implicit is read by `aurochs import-factors`'
      : 'save a sparse matrix by scipy.sparse.save_npz'
    throw new SourceError(`${name}: expected a sparse matrix (format, shape, data, …), got ${found}; ${remedy}`)
  }
  let format = ''
  for await (const [text] of (await array('format')).texts()) format = text ?? ''
  const [rows = 0, columns = 0] = await allOf((await array('shape')).numbers())
  const rowsOf = { csr: 'indices', csc: 'indices', coo: 'col' }[format]
  if (rowsOf === undefined) {
    throw new SourceError(
      `${name}: expected a matrix in the format csr, csc or coo, got ${format}; save matrix.tocsr()`,
    )
  }
  const isByColumn = format === 'csc'
  const values = new NumberReader((await array('data')).numbers())
  const minor = new NumberReader((await array(rowsOf)).numbers())
  const major =
    format === 'coo'
      ? new NumberReader((await array('row')).numbers())
      : new NumberReader(expanded(await allOf((await array('indptr')).numbers()), isByColumn ? columns : rows, name))
  const appender = await db.createTable(table, { row: 'bigint', column: 'bigint', value: 'double' })
  const [majors, minors] = isByColumn ? [columns, rows] : [rows, columns]
  const index = (found: Float64Array, count: number, side: string) =>
    BigInt64Array.from(found, place => {
      if (Number.isInteger(place) && place >= 0 && place < count) return BigInt(place)
      throw new SourceError(
        `${name}: ${side} must be indices from 0 to ${count - 1}, but one is ${place}; save it again`,
      )
    })
  for (;;) {
    db.throwIfAborted()
    const [value, outer, inner] = [await values.take(atOnce), await major.take(atOnce), await minor.take(atOnce)]
    if (value.length !== outer.length || value.length !== inner.length) {
      throw new SourceError(`${name}: expected as many indices as values; save it again`)
    }
    if (value.length === 0) break
    const sides = [
      index(outer, majors, isByColumn ? 'columns' : 'rows'),
      index(inner, minors, isByColumn ? 'rows' : 'columns'),
    ]
    const [row, column] = isByColumn ? sides.reverse() : sides
    appender.append(value.length, [row!, column!, value])
  }
  appender.finish()
}

/** The row of each entry, by where rows begin. */
async function* expanded(bounds: Float64Array, rows: number, name: string): AsyncGenerator<Float64Array> {
  if (bounds.length !== rows + 1 || bounds[0] !== 0) {
    throw new SourceError(`${name}: expected ${rows + 1} row bounds from 0 on, got ${bounds.length}; save it again`)
  }
  let piece = new Float64Array(atOnce)
  let at = 0
  for (let row = 0; row < rows; row++) {
    const end = bounds[row + 1]!
    if (!(end >= bounds[row]!)) throw new SourceError(`${name}: row bounds fall at row ${row}; save it again`)
    for (let left = end - bounds[row]!; left > 0; ) {
      const count = Math.min(left, atOnce - at)
      piece.fill(row, at, at + count)
      at += count
      left -= count
      if (at < atOnce) continue
      yield piece
      piece = new Float64Array(atOnce)
      at = 0
    }
  }
  yield piece.subarray(0, at)
}

async function allOf(pieces: AsyncIterable<Float64Array>): Promise<Float64Array> {
  const parts: Float64Array[] = []
  for await (const piece of pieces) parts.push(piece)
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Numbers that come in pieces, taken as many at a time as are wanted. */
class NumberReader {
  readonly #pieces: AsyncIterator<Float64Array>
  #rest: Float64Array = new Float64Array(0)

  constructor(pieces: AsyncIterable<Float64Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]()
  }

  /** The next `count` numbers; fewer where there are no more. */
  async take(count: number): Promise<Float64Array> {
    const taken = new Float64Array(count)
    let filled = 0
    while (filled < count) {
      if (this.#rest.length === 0) {
        const { value, done } = await this.#pieces.next()
        if (done) break
        this.#rest = value
        continue
      }
      const part = this.#rest.subarray(0, count - filled)
      taken.set(part, filled)
      filled += part.length
      this.#rest = this.#rest.subarray(part.length)
    }
    return taken.subarray(0, filled)
  }
}
