/** What the workers of a `ModelPool` do. */
import { noEvents, type SimilarRequest } from './algorithm.ts'
import { Artifact } from './artifact.ts'
import { type Capability, OpenModel } from './open-model.ts'
import { type PackedLists, type PackedRequests, packLists, unpackRequests } from './packed.ts'

/** Names a model for a thread to open: it opens that one or fails, even where another has taken its place on disk. */
export interface ModelReference {
  readonly directory: string
  readonly checksum: string
}

/** The models that this thread used last, by checksum: while one takes the place of another, requests for both come. */
const open = new Map<string, OpenModel>()
const most = 2

function modelOf({ directory, checksum }: ModelReference): OpenModel {
  const model = open.get(checksum) ?? OpenModel.open(directory, { verify: false, checksum })
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

/** Reads all of the model at `directory`; gives its checksum. @throws Error naming the file that is missing or altered. */
export function verify({ directory }: Pick<ModelReference, 'directory'>): string {
  const artifact = Artifact.open(directory)
  artifact.close()
  return artifact.checksum
}

/** Opens the model on this thread and ranks once, so that what every query reads is mapped; gives what else it can do. */
export function warm({ model }: { readonly model: ModelReference }): readonly Capability[] {
  const opened = modelOf(model)
  const user = opened.artifact.manifest.dataset.users > 0 ? 0 : -1
  opened.rank([{ user, recent: noEvents, seen: 'exclude', limit: 1, exclude: new Uint32Array(), only: undefined }])
  return opened.capabilities
}

export function rank({ model, requests }: ModelJob<PackedRequests>): PackedLists {
  return packLists(modelOf(model).rank(unpackRequests(requests)))
}

export function similar({ model, requests }: ModelJob<readonly SimilarRequest[]>): PackedLists {
  return packLists(modelOf(model).similar(requests))
}

interface ModelJob<Requests> {
  readonly model: ModelReference
  readonly requests: Requests
}
