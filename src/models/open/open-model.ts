import { hasBit } from '../../search/bitmap.ts'
import { contains, union } from '../../search/item-lists.ts'
import { closedOnError } from '../../storage/closing.ts'
import {
  type Algorithm,
  type ItemList,
  type ItemSource,
  joinedLists,
  type LiveLearning,
  type LiveMemory,
  listAt,
  type Model,
  type Ranking,
  type RankRequest,
  type ResolvedRequest,
  type SimilarMeasure,
  type SimilarRequest,
  sourceCode,
  sourceOf,
} from '../algorithm.ts'
import { Artifact, checkedOptions, damagedManifest, type OpenArtifact } from '../artifact/artifact.ts'
import { isOfKnownUser, type OpenPart } from '../composite/parts/live-parts.ts'
import { algorithms } from '../registry.ts'
import { assertMeasure, type Capability, capabilities, UnsupportedError } from './capabilities.ts'
import { popularDiscounted, rankDiscounted } from './discounts.ts'
import { type Explanation, explain } from './explain.ts'
import { historyOf } from './history.ts'
import { copyVectors, type PlacedItems } from './placed/placed-items.ts'
import { PlacedModel } from './placed/placed-model.ts'

export interface OpenModelOptions extends OpenArtifact {
  /** What is learned between trainings, where the algorithm can ({@link liveLearningOf}); requests may then have its new items. */
  readonly live?: LiveMemory | undefined
}

/** How the model of `artifact` learns from events as they come, if it does. */
export function liveLearningOf(artifact: Artifact): LiveLearning | undefined {
  return algorithmOf(artifact).live?.(artifact)
}

/**
 * A trained model open on this thread, whatever its algorithm. Evaluation, look-ups and serving all call it: what is
 * measured is what is served. To rank on all cores, open it by `ModelPool`.
 */
export class OpenModel {
  readonly artifact: Artifact
  readonly #own: OpenPart
  /** The same with the items that are placed, where any are. */
  #model: Model
  #placed: PlacedItems | undefined
  readonly #source: ItemSource

  /** @throws Error when the files are missing or damaged, or no algorithm of that name is known. */
  static open(directory: string, { live, ...options }: OpenModelOptions = {}): OpenModel {
    return closedOnError(Artifact.open(directory, options), artifact => {
      if (options.verify ?? true) algorithmOf(artifact).verify(artifact)
      return new OpenModel(artifact, live)
    })
  }

  constructor(artifact: Artifact, live?: LiveMemory) {
    const algorithm = algorithmOf(artifact)
    this.artifact = artifact
    this.#model = algorithm.open(artifact, live)
    this.#source = sourceOf(algorithm)
    this.#own = { model: this.#model, rows: live?.rows ?? artifact.manifest.dataset.items }
  }

  /** From now on lists have these items, too, and requests may have their rows. */
  place(placed: PlacedItems | undefined): void {
    this.#placed = placed
    this.#model = placed ? new PlacedModel(this.#own, placed) : this.#own.model
  }

  /**
   * A list for each request, best first. After the items that the model has an opinion of come the popular ones; a user
   * without history, whom the model does not know otherwise, gets these alone, on the basis `popularity`.
   */
  rank(requests: readonly RankRequest[]): Ranking[] {
    const { popularity = this.artifact.popularity } = this.#model
    const resolved = requests.map(request => this.#resolved(request))
    const isKnown = resolved.map(request => isOfKnownUser(this.#model, request))
    const known = resolved.filter((_, at) => isKnown[at])
    const rank = (requests: readonly ResolvedRequest[]) => this.#model.rank(requests)
    const lists = known.length > 0 ? rankDiscounted(rank, known) : []
    let next = 0
    return resolved.map((request, at) => {
      const { limit, exclude, allowed } = request
      if (!isKnown[at]) {
        return this.#sourced(popularDiscounted(popularity, limit, exclude, request), 'popular', 'popularity')
      }
      const list = this.#sourced(within(lists[next++], allowed), this.#source, 'model')
      const left = limit - list.items.length
      if (left === 0) return list
      const rest = popularDiscounted(popularity, left, union(exclude, list.items.toSorted()), request)
      return joinedLists(list, this.#sourced(rest, 'popular', 'popularity'))
    })
  }

  /** The list with what each of its items rests on: on `source`, where it does not say. */
  #sourced(list: ItemList, source: ItemSource, basis: Ranking['basis']): Ranking {
    const { items, scores, weights } = list
    const sources = list.sources ?? new Uint8Array(items.length).fill(sourceCode(source))
    const trained = this.artifact.manifest.dataset.items
    for (let at = 0; at < items.length; at++) if (items[at] >= trained) sources[at] = fresh
    return { items, scores, sources, weights, basis }
  }

  /** Why the list of `request` has its items, of those that the model has an opinion of. */
  explain(request: RankRequest): Explanation {
    const { artifact } = this
    const { events, manifest } = artifact
    const found = explain(this.#model, this.#resolved(request), {
      source: this.#source,
      events,
      trained: manifest.dataset.items,
    })
    const { allowed } = request
    return allowed ? { ...found, items: found.items.filter(({ item }) => hasBit(allowed, item)) } : found
  }

  #resolved({ user, recent, seen, exclude, ...wanted }: RankRequest): ResolvedRequest {
    const { sums, weighting } = this.artifact
    const known = historyOf(sums, user, recent)
    const history = weighting?.pairs.of(known) ?? known
    // Where none of these may come anyway, either way of asking is to give the same.
    const excluded =
      seen === 'exclude' || leavesOutAll(history.indices, wanted) ? union(history.indices, exclude) : exclude
    return { ...wanted, only: wanted.only, user, history, recent, exclude: excluded }
  }

  /**
   * The items most similar to each request's item, most similar first, without itself.
   *
   * @throws TypeError when the algorithm cannot find similar items, or not by the measure.
   */
  similar(requests: readonly SimilarRequest[]): readonly ItemList[] {
    const similar = this.#capable('similar')
    const { algorithm } = this.artifact.manifest
    for (const { measure } of requests) assertMeasure(algorithm, this.similarBy, measure)
    const [standard] = this.similarBy
    const lists = similar(requests.map(request => ({ ...request, measure: request.measure ?? standard })))
    return lists.map((list, at) => within(list, requests[at].allowed))
  }

  /**
   * Vectors of users with these histories, weights being the sums of events, (histories × factors).
   *
   * @throws TypeError when the algorithm has none.
   */
  foldIn(histories: Parameters<NonNullable<Model['foldIn']>>[0]): Float32Array {
    const { weighting } = this.artifact
    const foldIn = this.#capable('foldIn')
    return foldIn(weighting ? histories.map(history => weighting.pairs.of(history)) : histories)
  }

  /**
   * The trained vectors of one side.
   *
   * @throws TypeError when the algorithm has none.
   */
  vectors(side: 'users' | 'items'): { readonly data: Float32Array; readonly factors: number } {
    return this.#capable('vectors')(side)
  }

  /** The trained vectors of tags by the rows of the artifact's `tags`, in the space of those of items; undefined where it has none. */
  tagVectors(): { readonly data: Float32Array; readonly factors: number } | undefined {
    return this.artifact.tags && this.#model.tagVectors?.()
  }

  /**
   * The vectors of items by their rows, side by side: of a placed one the mean of those of its neighbours, 0 where an item has none.
   *
   * @throws TypeError when the algorithm has none.
   */
  itemVectors(items: Uint32Array): { readonly data: Float32Array; readonly factors: number } {
    const vectors = this.vectors('items')
    const data = new Float32Array(items.length * vectors.factors)
    copyVectors(items, vectors, this.#placed, data)
    return { data, factors: vectors.factors }
  }

  /** What lists rest on. */
  get sources(): readonly ItemSource[] {
    return this.#model.sources ?? [this.#source]
  }

  /** The measures by which the model finds similar items, that of requests that name none first. */
  get similarBy(): readonly SimilarMeasure[] {
    return this.#model.similarBy ?? []
  }

  /** What the model can do beside ranking. */
  get capabilities(): readonly Capability[] {
    return capabilities.filter(name => this.#model[name])
  }

  close(): void {
    this.artifact.close()
  }

  #capable<Name extends Capability>(name: Name): NonNullable<Model[Name]> {
    const method = this.#model[name]
    if (!method) throw new UnsupportedError(this.artifact.manifest.algorithm, name)
    return method.bind(this.#model) as NonNullable<Model[Name]>
  }
}

const fresh = sourceCode('fresh')

/** @throws Error naming the manifest whose algorithm, or an option of it, is none. */
function algorithmOf(artifact: Artifact): Algorithm {
  const { algorithm: name } = artifact.manifest
  const found = algorithms.find(algorithm => algorithm.name === name)
  if (!found) {
    const names = algorithms.map(({ name }) => name).join(', ')
    throw damagedManifest(artifact.directory, `algorithm must be one of ${names}, got ${JSON.stringify(name)}`)
  }
  checkedOptions(artifact, found)
  return found
}

/** Whether none of `items` may be in the list of a request for some items only. */
function leavesOutAll(items: Uint32Array, { only, allowed }: Pick<RankRequest, 'only' | 'allowed'>): boolean {
  if (!only && !allowed) return false
  return items.every(item => (only && !contains(only, item)) || (allowed && !hasBit(allowed, item)))
}

/** `list` without items that have no bit of `allowed`: models leave them out, but a bit may be cleared meanwhile. */
function within(list: ItemList, allowed: Uint32Array | undefined): ItemList {
  if (!allowed || list.items.every(item => hasBit(allowed, item))) return list
  return listAt(
    list,
    [...list.items.keys()].filter(at => hasBit(allowed, list.items[at])),
  )
}
