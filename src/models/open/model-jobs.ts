/** What the workers of a `ModelPool` do. */
import { type LiveMemory, noEvents, type SimilarRequest } from '../algorithm.ts'
import { type PackedLists, type PackedRequests, packLists, unpackRequests } from '../artifact/packed.ts'
import type { Explanation } from './explain.ts'
import { OpenModel } from './open-model.ts'
import type { PlacedItems } from './placed/placed-items.ts'

/** Names a model for a thread to open: it opens that one or fails, even where another has taken its place on disk. */
export interface ModelReference {
  /** Unique to a `ModelPool`: two may have the same model open, and each closes its own. */
  readonly id: number
  readonly directory: string
  readonly checksum: string
  /** What is learned between trainings, if anything is. */
  readonly live?: LiveMemory | undefined
  /** Items that it does not know, which lists have all the same, if there are any. */
  readonly placed?: PlacedItems | undefined
}

/** What this thread has open, by `ModelReference.id`: while one model takes the place of another, requests for both come. */
const open = new Map<number, OpenModel>()

function modelOf({ id, directory, checksum, live, placed }: ModelReference): OpenModel {
  const model = open.get(id) ?? OpenModel.open(directory, { verify: false, checksum, live })
  open.set(id, model)
  model.place(placed)
  return model
}

/** Closes the model where this thread has it open. */
export function release({ id }: Pick<ModelReference, 'id'>): void {
  open.get(id)?.close()
  open.delete(id)
}

/** Reads all of the model at `directory`; gives its checksum. @throws Error naming the file that is missing, altered or damaged. */
export function verify({ directory }: Pick<ModelReference, 'directory'>): string {
  const model = OpenModel.open(directory)
  model.close()
  return model.artifact.checksum
}

/** What a model can do beside ranking. */
export type Abilities = Pick<OpenModel, 'capabilities' | 'similarBy' | 'sources'>

/** Opens the model on this thread and ranks once, so that what every query reads is mapped; gives what else it can do. */
export function warm({ model }: { readonly model: ModelReference }): Abilities {
  const opened = modelOf(model)
  // Not one of the first, who have the most pairs: other queries wait meanwhile.
  const user = Math.floor(opened.artifact.manifest.dataset.users / 2)
  opened.rank([{ user, recent: noEvents, seen: 'exclude', limit: 1, exclude: new Uint32Array(), only: undefined }])
  return { capabilities: opened.capabilities, similarBy: opened.similarBy, sources: opened.sources }
}

export function rank({ model, requests }: ModelJob<PackedRequests>): PackedLists {
  return packLists(modelOf(model).rank(unpackRequests(requests)))
}

export function similar({ model, requests }: ModelJob<readonly SimilarRequest[]>): PackedLists {
  return packLists(modelOf(model).similar(requests))
}

export function explain({ model, requests }: ModelJob<PackedRequests>): readonly Explanation[] {
  return unpackRequests(requests).map(request => modelOf(model).explain(request))
}

/** The vectors of items, (items × factors). */
export function itemVectors({ model, requests }: ModelJob<Uint32Array>): ItemVectors {
  return modelOf(model).itemVectors(requests)
}

/** Vectors side by side. */
export interface ItemVectors {
  readonly data: Float32Array
  readonly factors: number
}

interface ModelJob<Requests> {
  readonly model: ModelReference
  readonly requests: Requests
}
