import type { Report } from './report.ts'

/** How much each model's bench is to do, and where it prints. */
export interface ModelBenchOptions {
  readonly report: Report
  /** Other reads than those of brunch: a Parquet file with columns user, item and hour. */
  readonly data: string | undefined
  /** A small part of the data: to see that all works, not for figures. */
  readonly quick: boolean
  /** Numbers of factors to measure with, where there are some; each model has its own default. */
  readonly factors: readonly number[] | undefined
  /** What a library's search for settings may take, in seconds, for each number of factors. */
  readonly searchSeconds: number
  /** What a library's training may take while it is measured, in seconds. */
  readonly traceSeconds: number
}
