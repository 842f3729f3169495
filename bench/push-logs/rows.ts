import { DuckDBInstance } from '@duckdb/node-api'

/** The rows that a query of files gives. */
export async function rowsOf<Row>(sql: string): Promise<Row[]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    return (await connection.runAndReadAll(sql)).getRowObjects() as Row[]
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
