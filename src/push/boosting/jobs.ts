/** Jobs of boosting on worker threads. */
import { native } from '../../native.ts'

export interface BinsArgs {
  /** (features × rows) */
  readonly columns: Float32Array
  readonly rows: number
  readonly mostBins: number
  readonly bins: Uint8Array
  readonly cuts: Float32Array
  readonly counts: Uint32Array
  readonly next: Int32Array
}

export function learnBins({ columns, rows, mostBins, bins, cuts, counts, next }: BinsArgs): void {
  native.boostingBins(columns, rows, mostBins, bins, cuts, counts, next)
}

type Train = Parameters<typeof native.boostingTrain>

export interface TrainArgs {
  readonly data: Train[0]
  readonly validation?: NonNullable<Train[1]>
  readonly options: Train[2]
  readonly workspace: Train[3]
}

/** What the first of the workers has learned; nothing of the others. */
export function train({ data, validation, options, workspace }: TrainArgs): ReturnType<typeof native.boostingTrain> {
  return native.boostingTrain(data, validation, options, workspace)
}
