/** What the workers of a `ModelPool` do. */
import type { SimilarRequest } from './algorithm.ts'
import { Artifact } from './artifact.ts'
import { OpenModel, prepareModel } from './open-model.ts'
import { type PackedLists, type PackedRequests, packLists, unpackRequests } from './packed.ts'

/** All that a thread needs to open the same model as others: a worker that starts later opens that one or fails. */
export interface ModelReference {
  readonly directory: string
  readonly checksum: string
  /** What `prepareModel` made. */
  readonly prepared: unknown
}

/** The model that this thread used last. */
let current: OpenModel | undefined

function modelOf({ directory, checksum, prepared }: ModelReference): OpenModel {
  if (current?.artifact.checksum !== checksum) {
    current?.close()
    current = undefined
    current = OpenModel.open(directory, { verify: false, checksum }, prepared)
  }
  return current
}

/** Checks the model at `directory`, and makes what all threads share. */
export function prepare({
  directory,
  verify,
}: {
  readonly directory: string
  readonly verify: boolean
}): ModelReference {
  const artifact = Artifact.open(directory, { verify })
  const prepared = prepareModel(artifact)
  artifact.close()
  return { directory, checksum: artifact.checksum, prepared }
}

/** Opens the model on this thread. */
export function warm({ model }: { readonly model: ModelReference }): void {
  modelOf(model)
}

export function rank({
  model,
  requests,
}: {
  readonly model: ModelReference
  readonly requests: PackedRequests
}): PackedLists {
  return packLists(modelOf(model).rank(unpackRequests(requests)))
}

export function similar({
  model,
  requests,
}: {
  readonly model: ModelReference
  readonly requests: readonly SimilarRequest[]
}): PackedLists {
  return packLists(modelOf(model).similar(requests))
}
