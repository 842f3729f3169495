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

/** The models that this thread used last, by checksum: while one takes the place of another, requests for both come. */
const open = new Map<string, OpenModel>()
const most = 2

function modelOf({ directory, checksum, prepared }: ModelReference): OpenModel {
  const model = open.get(checksum) ?? OpenModel.open(directory, { verify: false, checksum }, prepared)
  open.delete(checksum)
  open.set(checksum, model)
  if (open.size > most) release({ checksum: open.keys().next().value! })
  return model
}

/** Closes the model where this thread has it open. */
export function release({ checksum }: Pick<ModelReference, 'checksum'>): void {
  open.get(checksum)?.close()
  open.delete(checksum)
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
