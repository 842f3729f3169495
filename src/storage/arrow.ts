/**
 * Apache Arrow in its one file: as 130 modules, which is what the name alone imports, it loads six times as long, in every
 * worker and process that opens ids.
 */
import { createRequire } from 'node:module'
import type * as Arrow from 'apache-arrow'

export const { Int64, makeData, makeVector, Table, tableFromIPC, tableToIPC, Utf8, Vector } = createRequire(
  import.meta.url,
)('apache-arrow/Arrow.esnext.min') as typeof Arrow
