/** What each of the engine's workers holds open. */
import { foldInParts } from '../models/als/fold-in.ts'
import { Model } from '../models/model.ts'
import { workerData } from '../parallel/worker-data.ts'
import { TopKIndex } from '../search/topk.ts'

/** What each worker is given when it starts. */
export interface RankData {
  /** Of the model; each worker maps it, and they share its pages. */
  readonly directory: string
  readonly index: TopKIndex['shared']
}

const { directory, index: shared } = workerData<RankData>()

export const model = Model.open(directory, { verify: false })
export const parts = foldInParts(model)
export const index = TopKIndex.from(shared)

/** Does nothing: it is loading this module that opens the model. */
export function warm(): void {}
