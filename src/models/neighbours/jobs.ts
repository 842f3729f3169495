/** Jobs of the training of neighbours on worker threads. */
import { native } from '../../native.ts'
import { type CsrFile, cachedCsr } from '../../storage/csr-cache.ts'

export interface TrainingArgs {
  readonly byItem: CsrFile
  readonly byUser: CsrFile
  readonly weighted: boolean
  readonly shrinkage: number
  /** Neighbours that are kept of each item. */
  readonly limit: number
}

/** What is to be known before the work is divided; see `planNeighbours` of the binding. */
export interface Plan {
  /** (items) */
  readonly norms: Float64Array
  /** (items + 1) Additions that the items before each take. */
  readonly costs: BigUint64Array
  /** (items + 1) Where the neighbours of each item begin. */
  readonly starts: BigUint64Array
}

export function plan({ training, norms, costs, starts }: Plan & { readonly training: TrainingArgs }): void {
  native.planNeighbours(opened(training), norms, costs, starts)
}

export interface FindArgs {
  readonly training: TrainingArgs
  readonly norms: Float64Array
  readonly output: Parameters<typeof native.findNeighbours>[2]
  /** Chunk c is items `bounds[c]` to `bounds[c + 1]`. */
  readonly bounds: Uint32Array
}

/** Takes chunks of items from the shared counter until there is none. */
export function find({ training, norms, output, bounds, next }: FindArgs & { readonly next: Int32Array }): void {
  native.findNeighbours(opened(training), norms, output, bounds, next)
}

function opened({ byItem, byUser, ...options }: TrainingArgs): Parameters<typeof native.findNeighbours>[0] {
  return { byItem: cachedCsr(byItem), byUser: cachedCsr(byUser), ...options }
}
