/** Jobs of the training of EASE on worker threads. */
import { native } from '../../../native.ts'
import { type CsrFile, cachedCsr } from '../../../storage/csr-cache.ts'
import type { Entries } from '../../training/entries.ts'

export interface TrainingArgs {
  readonly byItem: CsrFile
  readonly byUser: CsrFile
  readonly weighted: boolean
  /** λ itself. */
  readonly regularization: number
}

/** The lower triangle of a matrix (items × items), in tiles of `size` × `size`; see crates/kernels/src/ease/tiles.rs. */
export interface Triangle {
  readonly values: Float32Array
  readonly items: number
  readonly size: number
}

interface Counted {
  readonly next: Int32Array
}

export interface PlanArgs {
  readonly training: TrainingArgs
  /** (rows + 1) Written: additions that the rows of the Gramian before each take; those beyond the items take none. */
  readonly costs: BigUint64Array
}

/** The mean over all pairs of the entry of their item on the diagonal of XᵀX. */
export function plan({ training, costs }: PlanArgs): number {
  return native.easePlan(opened(training), costs)
}

export interface GramianArgs {
  readonly training: TrainingArgs
  readonly triangle: Triangle
  /** Chunk c is rows `bounds[c]` to `bounds[c + 1]`. */
  readonly bounds: Uint32Array
}

export function gramian({ training, triangle, bounds, next }: GramianArgs & Counted): void {
  native.easeGramian(opened(training), triangle, bounds, next)
}

export interface StepArgs {
  readonly triangle: Triangle
  /** The block that is swept. */
  readonly step: number
  readonly panels: Parameters<typeof native.easePanels>[2]
}

/** The row where the matrix is not positive definite, or null. */
export function invert({ triangle, step, panels }: StepArgs): number | null {
  return native.easeInvert(triangle, step, panels.inverse)
}

export function panels({ triangle, step, panels, next }: StepArgs & Counted): void {
  native.easePanels(triangle, step, panels, next)
}

export function updates(args: StepArgs & Counted & { readonly chunkTiles: number }): void {
  native.easeUpdates(args.triangle, args.step, args.panels, args.chunkTiles, args.next)
}

/** How far column `item` of the inverse is from one. */
export function error(args: { readonly training: TrainingArgs; readonly triangle: Triangle; readonly item: number }) {
  return native.easeError(opened(args.training), args.triangle, args.item)
}

export interface LargestArgs {
  readonly triangle: Triangle
  readonly residuals: Float32Array
  readonly entries: Entries
}

export function largest({ triangle, residuals, entries, next }: LargestArgs & Counted): void {
  native.easeLargest(triangle, residuals, entries, next)
}

export interface ColumnsArgs {
  readonly training: TrainingArgs
  readonly entries: Entries
  readonly residuals: Float32Array
  /** Chunk c is items `bounds[c]` to `bounds[c + 1]`. */
  readonly bounds: Uint32Array
}

/** An item whose regression is not positive definite, or null. */
export function columns({ training, entries, residuals, bounds, next }: ColumnsArgs & Counted): number | null {
  return native.easeColumns(opened(training), entries, residuals, bounds, next)
}

function opened({ byItem, byUser, ...options }: TrainingArgs): Parameters<typeof native.easePlan>[0] {
  return { byItem: cachedCsr(byItem), byUser: cachedCsr(byUser), ...options }
}
