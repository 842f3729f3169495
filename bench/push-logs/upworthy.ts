/** The Upworthy headline tests, arms of equal text as one, split by test. */
import { join } from 'node:path'
import type { LogBench } from './log-bench.ts'
import { rowsOf } from './rows.ts'

export const runLog: LogBench = async ({ print, folder }) => {
  const rows = await rowsOf<{ readonly tests: number; readonly arms: number }>(
    `SELECT count(DISTINCT clickability_test_id)::INT AS tests, count(DISTINCT (clickability_test_id, headline))::INT AS arms
     FROM '${join(folder, 'tests.parquet')}'`,
  )
  print(rows[0]!)
  return []
}
