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

/**
 * The model of a job: its checksum alone where the thread should have it open. The rest goes along only when it has not:
 * an index of shared memory that came with each job would count as new memory each time, and have garbage collected.
 */
export type JobModel = ModelReference | Pick<ModelReference, 'checksum'>

/** The models that this thread used last, by checksum: while one takes the place of another, requests for both come. */
const open = new Map<string, OpenModel>()
const most = 2

/** The model of a job, or undefined where this thread has it not open and cannot open it. */
function modelOf(wanted: JobModel): OpenModel | undefined {
  const { checksum } = wanted
  const model = open.get(checksum) ?? ('directory' in wanted ? openedBy(wanted) : undefined)
  if (!model) return undefined
  open.delete(checksum)
  open.set(checksum, model)
  if (open.size > most) release({ checksum: open.keys().next().value! })
  return model
}

function openedBy({ directory, checksum, prepared }: ModelReference): OpenModel {
  return OpenModel.open(directory, { verify: false, checksum }, prepared)
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

/** Gives undefined where the model is not open on this thread. */
export function rank({ model, requests }: ModelJob<PackedRequests>): PackedLists | undefined {
  const opened = modelOf(model)
  return opened && packLists(opened.rank(unpackRequests(requests)))
}

/** Gives undefined where the model is not open on this thread. */
export function similar({ model, requests }: ModelJob<readonly SimilarRequest[]>): PackedLists | undefined {
  const opened = modelOf(model)
  return opened && packLists(opened.similar(requests))
}

interface ModelJob<Requests> {
  readonly model: JobModel
  readonly requests: Requests
}
