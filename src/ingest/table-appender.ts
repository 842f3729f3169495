/** Rows of typed arrays into a table of DuckDB, without an object for each value. */
import type * as DuckDB from '@duckdb/node-api'

/** Values of one column, a row each: of `vectors` `width` numbers a row, side by side. */
export type ColumnValues =
  | Uint8Array
  | Uint32Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | readonly string[]
  | { readonly vectors: Float32Array; readonly width: number }

/** Types of DuckDB, as they are written in SQL: `vector(64)` is `float[64]`. */
export type ColumnType = 'utinyint' | 'uinteger' | 'bigint' | 'float' | 'double' | 'varchar' | `float[${number}]`

/** Rows of a chunk: DuckDB takes no more. */
const chunkRows = 2048

/** Appends to one table. What is appended is seen once it is {@link finish}ed. */
export class TableAppender {
  readonly #api: typeof DuckDB
  readonly #appender: DuckDB.DuckDBAppender
  readonly #types: readonly DuckDB.DuckDBType[]

  constructor(api: typeof DuckDB, appender: DuckDB.DuckDBAppender, types: readonly ColumnType[]) {
    this.#api = api
    this.#appender = appender
    this.#types = types.map(type => typeIn(api, type))
  }

  /** Appends `rows` rows; each column has as many. */
  append(rows: number, columns: readonly ColumnValues[]): void {
    for (let first = 0; first < rows; first += chunkRows) {
      const count = Math.min(chunkRows, rows - first)
      const chunk = this.#api.DuckDBDataChunk.create(this.#types, count)
      columns.forEach((values, column) => {
        setValues(chunk, column, values, first, count)
      })
      this.#appender.appendDataChunk(chunk)
    }
  }

  finish(): void {
    this.#appender.closeSync()
  }
}

function typeIn(api: typeof DuckDB, type: ColumnType): DuckDB.DuckDBType {
  const width = /^float\[(\d+)\]$/.exec(type)?.[1]
  if (width !== undefined) return api.ARRAY(api.FLOAT, Number(width))
  const types = {
    utinyint: api.UTINYINT,
    uinteger: api.UINTEGER,
    bigint: api.BIGINT,
    float: api.FLOAT,
    double: api.DOUBLE,
    varchar: api.VARCHAR,
  }
  return types[type as keyof typeof types]
}

/** The arrays behind a vector are not in DuckDB's declared interface; the declared one takes each value for itself. */
interface Items {
  readonly items?: { set(values: ArrayLike<number> | ArrayLike<bigint>): void }
  readonly childData?: Items
}

function setValues(chunk: DuckDB.DuckDBDataChunk, column: number, values: ColumnValues, first: number, count: number) {
  if (Array.isArray(values)) {
    chunk.setColumnValues(column, values.slice(first, first + count))
    return
  }
  const vector = chunk.getColumnVector(column) as DuckDB.DuckDBVector & Items
  const part =
    'vectors' in values
      ? values.vectors.subarray(first * values.width, (first + count) * values.width)
      : (values as Uint32Array).subarray(first, first + count)
  const items = 'vectors' in values ? vector.childData?.items : vector.items
  if (!items) throw new TypeError(`column ${column} must take numbers, but takes ${vector.type}`)
  items.set(part)
  vector.flush()
}
