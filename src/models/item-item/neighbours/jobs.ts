/** Jobs of the training of neighbours on worker threads. */
import { native } from '../../../native.ts'
import { type CsrFile, cachedCsr } from '../../../storage/csr-cache.ts'

export interface TrainingArgs {
  /** (rows × columns) The matrix whose rows are to be compared: items by their users, or users by their items. */
  readonly byRow: CsrFile
  /** (columns × rows) */
  readonly byColumn: CsrFile
  readonly similarity: Parameters<typeof native.planNeighbours>[0]['similarity']
  /** Neighbours that are kept of each row. */
  readonly limit: number
}

/** What is to be known before the work is divided; see `planNeighbours` of the binding. */
export type Plan = Parameters<typeof native.planNeighbours>[1]

/** Makes the plan; gives the mean length of rows. */
export function plan({ training, plan }: { readonly training: TrainingArgs; readonly plan: Plan }): number {
  return native.planNeighbours(opened(training), plan)
}

export interface FindArgs {
  readonly training: TrainingArgs
  readonly plan: Plan
  readonly output: Parameters<typeof native.findNeighbours>[2]
  /** Chunk c is rows `bounds[c]` to `bounds[c + 1]`. */
  readonly bounds: Uint32Array
}

/** Takes chunks of rows from the shared counter until there is none. */
export function find({ training, plan, output, bounds, next }: FindArgs & { readonly next: Int32Array }): void {
  native.findNeighbours(opened(training), plan, output, bounds, next)
}

function opened({ byRow, byColumn, ...options }: TrainingArgs): Parameters<typeof native.findNeighbours>[0] {
  return { byRow: cachedCsr(byRow), byColumn: cachedCsr(byColumn), ...options }
}
