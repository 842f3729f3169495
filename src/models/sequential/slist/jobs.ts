/** Jobs of the training of SLIST on worker threads. */
import { native } from '../../../native.ts'
import type { Entries } from '../../training/entries.ts'

export interface GramianArgs {
  readonly training: Parameters<typeof native.slistGramian>[0]
  readonly entries: Entries
  /** Chunk c is items `bounds[c]` to `bounds[c + 1]`. */
  readonly bounds: Uint32Array
}

/** Takes chunks of items from the shared counter until there is none. */
export function gramian({ training, entries, bounds, next }: GramianArgs & { readonly next: Int32Array }): void {
  native.slistGramian(training, entries, bounds, next)
}

export interface ColumnsArgs extends GramianArgs {
  readonly regression: Parameters<typeof native.slistColumns>[1]
}

/** As {@link gramian}; gives an item whose regression is not positive definite, or null. */
export function columns(args: ColumnsArgs & { readonly next: Int32Array }): number | null {
  const { training, regression, entries, bounds, next } = args
  return native.slistColumns(training, regression, entries, bounds, next)
}
