/** What the workers of a `ModelPool` do: each opens the model when this module is first loaded. */
import { workerData } from '../parallel/worker-data.ts'
import type { SimilarRequest } from './algorithm.ts'
import { OpenModel } from './open-model.ts'
import { type PackedLists, type PackedRequests, packLists, unpackRequests } from './packed.ts'

export interface ModelWorkerData {
  readonly directory: string
  /** Of the model that the pool opened: a worker that starts later opens the same one or fails. */
  readonly checksum: string
  /** What `prepareModel` made. */
  readonly prepared: unknown
}

const { directory, checksum, prepared } = workerData<ModelWorkerData>()
const model = OpenModel.open(directory, { verify: false, checksum }, prepared)

/** Does nothing: loading this module opens the model. */
export function warm(): void {}

export function rank(requests: PackedRequests): PackedLists {
  return packLists(model.rank(unpackRequests(requests)))
}

export function similar(requests: readonly SimilarRequest[]): PackedLists {
  return packLists(model.similar(requests))
}
