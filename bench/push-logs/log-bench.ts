import type { Pool } from '../../src/parallel/pool.ts'
import type { Bar } from '../support/bar.ts'

export interface LogContext {
  /** Whether lines on stdout must be JSON. */
  readonly json: boolean
  /** Prints one measurement. */
  readonly print: (line: object) => void
  /** That has the files of the data set. */
  readonly folder: string
  readonly pool: Pool
}

/** What a file of this folder exports as `runLog`. */
export type LogBench = (context: LogContext) => Promise<Bar[]>
