import type { Id } from '../../../storage/ids.ts'

/** One side of factors that another program trained. */
export interface ForeignSide {
  readonly rows: number
  /** (rows × width) */
  readonly vectors: Float32Array
  /** (rows) Absent: the file has none. */
  readonly ids?: readonly Id[] | undefined
}

/** Factors that another program trained, and what its file says of how. */
export interface ForeignFactors {
  readonly users: ForeignSide
  readonly items: ForeignSide
  readonly width: number
  /** Where they come from, for people: `implicit's als.npz`. */
  readonly origin: string
  /** The algorithm of the registry that folds in and scores as the program does. Absent: the file does not say. */
  readonly algorithm?: string | undefined
  /** Options of that, as far as the file says them. */
  readonly options?: Readonly<Record<string, unknown>> | undefined
}
