/** Formats whose columns are known, so that none need be named. */
import { contentOf, type Format } from '../files/content.ts'
import type { SourceFile } from '../files/file.ts'

/** The columns of pairs, and of what there is beside them. */
export interface ImpliedColumns {
  readonly user: string
  readonly item: string
  readonly weight?: string
  readonly time?: string
}

const implied: Readonly<Partial<Record<Format, ImpliedColumns>>> = {
  npz: { user: 'row', item: 'column', weight: 'value' },
  'matrix-market': { user: 'row', item: 'column', weight: 'value' },
  adjacency: { user: 'user', item: 'item' },
  movielens: { user: 'user', item: 'item', weight: 'rating', time: 'timestamp' },
}

/** The same of a format that is named. */
export function impliedBy(format: Format): ImpliedColumns | undefined {
  return implied[format]
}

/**
 * The columns that the format of a file implies: of a matrix `row`, `column` and `value`; of adjacency lists `user` and `item`; of MovieLens `user`, `item`,
 * `rating` and `timestamp`. Undefined where columns must be named.
 *
 * @throws SourceError as `contentOf`.
 */
export function impliedColumns(file: SourceFile, format: Format | undefined): ImpliedColumns | undefined {
  return implied[contentOf(file, format).format]
}
