/** DuckDB as the import needs it: in memory, spilling to one folder, reading only what is on this machine. */
import type * as DuckDB from '@duckdb/node-api'
import type { DuckDBConnection, DuckDBDataChunk, DuckDBInstance } from '@duckdb/node-api'
import { type ColumnType, TableAppender } from './table-appender.ts'

export interface DatabaseOptions {
  /** Folder for what does not fit in memory. Must exist only once something is spilled. */
  readonly spill: string
  /** Memory that DuckDB may use, as in `2GiB`. */
  readonly memory: string
  readonly threads: number
  /** Aborting it ends the running query: its promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

export class Database {
  readonly #api: typeof DuckDB
  readonly #instance: DuckDBInstance
  readonly #connection: DuckDBConnection
  readonly #signal: AbortSignal | undefined

  static async open({ spill, memory, threads, signal }: DatabaseOptions): Promise<Database> {
    // Loaded only now: it takes a fifth of a second, which commands that import nothing need not spend.
    const api = await import('@duckdb/node-api')
    const instance = await api.DuckDBInstance.create(':memory:', {
      temp_directory: spill,
      memory_limit: memory,
      threads: `${threads}`,
      // All that is needed is linked in; nothing may be downloaded.
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    })
    const connection = await instance.connect()
    const database = new Database(api, instance, connection, signal)
    await database.run("set TimeZone = 'UTC'")
    // The bar itself is drawn elsewhere; DuckDB only counts.
    await database.run('set enable_progress_bar = true')
    await database.run('set enable_progress_bar_print = false')
    return database
  }

  private constructor(
    api: typeof DuckDB,
    instance: DuckDBInstance,
    connection: DuckDBConnection,
    signal: AbortSignal | undefined,
  ) {
    this.#api = api
    this.#instance = instance
    this.#connection = connection
    this.#signal = signal
    signal?.addEventListener('abort', this.#interrupt)
  }

  /** Returns the number of changed rows. */
  async run(sql: string): Promise<number> {
    return (await this.#cancellable(() => this.#connection.run(sql))).rowsChanged
  }

  /** All rows, as objects by column. */
  async rows<Row>(sql: string): Promise<Row[]> {
    return (await (await this.#cancellable(() => this.#connection.run(sql))).getRowObjectsJS()) as Row[]
  }

  /** The rows in order, some thousands at a time. */
  async *chunks(sql: string): AsyncGenerator<DuckDBDataChunk> {
    const result = await this.#cancellable(() => this.#connection.stream(sql))
    while (true) {
      const chunk = await this.#cancellable(() => result.fetchChunk())
      if (!chunk || chunk.rowCount === 0) return
      yield chunk
    }
  }

  /** Makes the table `name` of these columns and their types, and gives what rows are appended to it by. */
  async createTable(name: string, columns: Readonly<Record<string, ColumnType>>): Promise<TableAppender> {
    const types = Object.entries(columns).map(([column, type]) => `${identifier(column)} ${type}`)
    await this.run(`create table ${identifier(name)} (${types.join(', ')})`)
    return new TableAppender(this.#api, await this.#connection.createAppender(name), Object.values(columns))
  }

  /** @throws the reason of the signal, if that is aborted. */
  throwIfAborted(): void {
    this.#signal?.throwIfAborted()
  }

  /** How far the running query is, from 0 to 1, by DuckDB's own estimate. */
  get done(): number {
    return Math.min(Math.max(this.#connection.progress.percentage / 100, 0), 1)
  }

  close(): void {
    this.#signal?.removeEventListener('abort', this.#interrupt)
    this.#connection.closeSync()
    this.#instance.closeSync()
  }

  readonly #interrupt = () => this.#connection.interrupt()

  /** Runs `work`; if the signal is aborted, its reason is thrown in place of the error of the interrupted query. */
  async #cancellable<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#signal?.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      this.#signal?.throwIfAborted()
      throw error
    }
  }
}

/** The numbers of a column in a chunk, without a copy: valid until the next chunk. The column must have no nulls. */
export function numbers<A extends ArrayBufferView>(
  chunk: DuckDBDataChunk,
  column: number,
  kind: new (length: number) => A,
): A {
  // Not in DuckDB's declared interface; the declared one makes an object of each number.
  const { items } = chunk.getColumnVector(column) as unknown as { readonly items?: unknown }
  if (items instanceof kind) return items
  throw new TypeError(`column ${column} must hold numbers for a ${kind.name}`)
}

/** `text` as a string in SQL. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** `name` as the name of a column in SQL. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
