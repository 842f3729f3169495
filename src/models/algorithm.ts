/**
 * The contract between an algorithm and everything else: one folder in `models/` exports one {@link Algorithm}, and the
 * registry lists it. Nothing outside that folder knows what its tensors mean.
 */
import type { z } from 'zod'
import type { Pool } from '../parallel/pool.ts'
import { concat, type Row } from '../search/item-lists.ts'
import type { Dataset } from '../storage/dataset.ts'
import type { Artifact } from './artifact/artifact.ts'
import type { TrainedTensor } from './artifact/trained-tensor.ts'
import type { Popularity } from './open/popularity.ts'

/** How to train a model of one kind, and how to open what was trained. */
export interface Algorithm<Options = Readonly<Record<string, unknown>>> {
  /** What `--model` and manifests call it. */
  readonly name: string
  /** One line for people. */
  readonly summary: string
  /** More for people: shown below the options in the help. */
  readonly notes?: string
  /** What its lists rest on. Default: `taste`. */
  readonly source?: ItemSource
  /** Each field needs a default and a description: flags, checks and documentation are made from it. */
  readonly options: z.ZodObject & z.ZodType<Options>
  /** Options that are worth a search on the data at hand, and the values to search among. Absent: there are none. */
  readonly search?: Readonly<Record<string, SearchRange>>
  /**
   * How a training chooses options that are not given: only where it is {@link resumable} and has an option `epochs`. Absent: they have
   * their defaults.
   */
  readonly choice?: OptionChoice<Options>
  /** The models that it is made of: a training chooses the options of each as it does where that is trained alone. Absent: of none. */
  readonly parts?: AlgorithmParts<Options>
  /** Whether an interrupted training gives what it has so far, and {@link TrainContext.from} can go on from there. */
  readonly resumable: boolean
  /**
   * Passes over the data that are enough where training begins with a model of nearly the same data
   * ({@link TrainContext.warmStart}). Absent: the algorithm cannot.
   */
  readonly warmEpochs?: number
  /**
   * Its tensors that have a row for each user, which is filled with 0 where the user is to be forgotten; or what names those of a
   * model of these options.
   */
  readonly userTensors?: readonly string[] | ((options: Readonly<Record<string, unknown>>) => readonly string[])
  /**
   * The options with what they leave to this machine decided, so that the manifest of the model says it. `recorded` are
   * those of a model to go on from: what they decided is kept. Absent: the options leave nothing open.
   *
   * @throws RangeError when this machine cannot do what was decided.
   */
  resolve?(options: Options, recorded?: Options): Options
  /**
   * Says before others train what `train` says, too: that a training by so many threads would not fit in memory, or that the
   * dataset lacks what it needs. Absent: it takes about what the model does, of any dataset, or is found out on the way.
   *
   * @throws RangeError saying what it takes, and what takes less.
   */
  assertFits?(dataset: Dataset, options: Options, threads: number): void
  /**
   * Learns from `dataset`.
   *
   * @throws the signal's reason when it is aborted and the algorithm is not resumable.
   */
  train(dataset: Dataset, options: Options, context: TrainContext): Promise<Trained>
  /**
   * Makes a model of vectors that another program trained, whose inner products are its scores. Absent: no vectors are enough for one.
   *
   * @throws RangeError where the vectors are not as `options` say.
   */
  fromFactors?(factors: GivenFactors, options: Options, context: Pick<TrainContext, 'pool'>): Promise<Trained>
  /**
   * Opens a trained model on this thread: in next to no time, since all threads do and the tensors are mapped. What takes
   * long to make, such as an index, is a tensor.
   *
   * @param live what a {@link Learner} writes, where there is one.
   * @throws Error naming the tensor that is missing or of another shape.
   */
  open(artifact: Artifact, live?: LiveMemory): Model
  /** What a model learns from events as they come, between trainings. Absent, or where it gives nothing: nothing. */
  live?(artifact: Artifact): LiveLearning | undefined
  /**
   * Reads all of the algorithm's own tensors, and checks that they are what a training may give: checksums do not say who
   * wrote them. Once it has passed, no request fails and no list is unsound for what a tensor holds.
   *
   * @throws {@link Artifact.damaged} with the tensor, and the place in it.
   */
  verify(artifact: Artifact): void
}

/** The tensors of users of a model of `algorithm` that was trained with `options`. */
export function userTensorsOf(
  { userTensors = [] }: Pick<Algorithm, 'userTensors'>,
  options: Readonly<Record<string, unknown>>,
): readonly string[] {
  return typeof userTensors === 'function' ? userTensors(options) : userTensors
}

/**
 * What an item of a list rests on: what the user likes at all; what the user does now, where scores are probabilities of what comes next; items
 * that are similar to those of the user; what many users do; or what came after the training.
 */
export const itemSources = ['taste', 'context', 'similar', 'popular', 'fresh'] as const
export type ItemSource = (typeof itemSources)[number]

/** What the lists of `algorithm` rest on. */
export function sourceOf({ source = 'taste' }: Pick<Algorithm, 'source'>): ItemSource {
  return source
}

/** What stands for a source in {@link ItemList.sources}: its place in {@link itemSources}. */
export function sourceCode(source: ItemSource): number {
  return itemSources.indexOf(source)
}

/** How far a model leans on each source, 1 in sum. */
export type SourceWeights = Readonly<Partial<Record<ItemSource, number>>>

/** Values of an option that are worth trying: some, or all between two bounds. */
export type SearchRange =
  | { readonly values: readonly (string | number | boolean)[] }
  | {
      readonly from: number
      readonly to: number
      /** By which steps are alike: `log` where values differ by factors. */
      readonly scale: 'linear' | 'log'
      /** Only whole numbers. */
      readonly isWhole?: boolean
    }

/** Options that a few short trainings tell from each other. */
export interface OptionChoice<Options = Readonly<Record<string, unknown>>> {
  /** Compared with each other and the defaults, by few epochs: what a search on many datasets found, so that one is never far from the best. */
  readonly candidates: readonly Partial<Options>[]
  /** What may be better in place of the best one's: each compared with it by as few epochs. */
  readonly variants?: readonly Partial<Options>[]
  /** What makes these trainings cheaper, and hardly changes which is the best. */
  cheaper?(options: Options): Partial<Options>
  /** What may be better than the best of them with more epochs; each compared with it by more. */
  beside?(best: Options): readonly Partial<Options>[]
}

/** How an algorithm names those that it is made of. */
export interface AlgorithmParts<Options = Readonly<Record<string, unknown>>> {
  /** Each with those of its options that are given, and those that all parts share. */
  of(options: Options): readonly GivenAlgorithm[]
  /** `options` with all options of each part. */
  withChosen(options: Options, chosen: readonly Readonly<Record<string, unknown>>[]): Options
}

/** Vectors of users and items, without padding. */
export interface GivenFactors {
  /** (users × width) */
  readonly users: Float32Array
  /** (items × width) */
  readonly items: Float32Array
  readonly width: number
}

export interface GivenAlgorithm {
  readonly algorithm: Algorithm
  readonly given: Readonly<Record<string, unknown>>
}

export interface TrainContext {
  readonly pool: Pool
  /** A model to go on from: the same dataset and options, but perhaps more epochs. Only for resumable algorithms. */
  readonly from?: Artifact | undefined
  /**
   * A model of the same algorithm and options to begin with, in place of random values: what it has of the dataset's users and
   * items, by id. Only where the algorithm has {@link Algorithm.warmEpochs}.
   */
  readonly warmStart?: Artifact | undefined
  /** Aborting it ends the training as soon as what is so far can be kept. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: TrainProgress) => void) | undefined
  /** Called between epochs with the model so far; the next epoch waits for it. */
  readonly onCheckpoint?: ((trained: Trained) => Promise<void> | void) | undefined
}

/** How far a training has come. */
export interface TrainProgress {
  /** Share of the whole training that is done, 0 to 1; what earlier runs did is counted. */
  readonly done: number
  /** Rows (of users and items) processed a second, in this run. */
  readonly rowsPerSecond: number
  /** Infinity while unknown. */
  readonly secondsLeft: number
  /** Epochs done, and in all, where the algorithm has some. */
  readonly epochs?: { readonly done: number; readonly total: number }
  /** Loss after each epoch, where there is one. */
  readonly loss?: readonly number[]
}

/** What a training gives: the artifact is made of it. */
export interface Trained {
  readonly tensors: Readonly<Record<string, TrainedTensor>>
  /** Passes over the data that made it. */
  readonly epochs: number
  /** Whether that is all that the options ask for. */
  readonly complete: boolean
  /** Loss after each epoch; empty where the algorithm has none. */
  readonly loss: readonly number[]
  /** What was found out of the data and decides how lists are made, one sentence each, for people. */
  readonly findings?: readonly string[]
}

/**
 * A trained model, open on one thread. Items are rows of the artifact's `items`, scores of one list are comparable with
 * each other only; of equal scores the lower row comes first.
 */
export interface Model {
  /**
   * The best items for each request, best first, at most its limit, without NaN. Items of which the model has no opinion
   * are left out: `OpenModel.rank` adds the popular ones after them.
   */
  rank(requests: readonly ResolvedRequest[]): readonly ItemList[]
  /** The items most similar to each request's item by its measure, most similar first, without itself. */
  similar?(requests: readonly ResolvedSimilarRequest[]): readonly ItemList[]
  /** Whether it has an opinion of a user of the training of whom there are no pairs. Absent: of none. */
  knows?(user: number): boolean
  /** What its lists rest on, where that is more than one thing. Default: that of the algorithm. */
  readonly sources?: readonly ItemSource[]
  /** The measures that {@link similar} knows, that of requests that name none first. Absent: one, which has no name. */
  readonly similarBy?: readonly SimilarMeasure[]
  /** What those of whom nothing is known get, and what comes where the model has no opinion. Default: that of the artifact. */
  readonly popularity?: Popularity
  /** Vectors of users with these histories, (histories × factors); a user without items gets zeros. */
  foldIn?(histories: readonly Row[]): Float32Array
  /** The trained vectors of one side, (rows × factors) without padding. */
  vectors?(side: 'users' | 'items'): { readonly data: Float32Array; readonly factors: number }
  /** The trained vectors of tags of users, (tags × factors), in the space of those of items. */
  tagVectors?(): { readonly data: Float32Array; readonly factors: number }
}

/** How a model learns from events as they come: one thread writes to memory that all threads have the model open with, and readers see rows whole. */
export interface LiveLearning {
  /** 32-bit words of the memory that so many rows of items take: those of the model, and new ones after them. */
  words(rows: number): number
  /** @throws Error where the memory is of another size. */
  learner(memory: LiveMemory): Learner
}

/** What is learned between trainings. */
export interface LiveMemory {
  /** Shared, and 0 at first. */
  readonly words: Uint32Array
  /** Items of the model, and new ones that may come after them. */
  readonly rows: number
}

/** The one who writes to a {@link LiveMemory}. */
export interface Learner {
  /** Takes some µs. Events come about in order of time. */
  learn(event: LearnedEvent): void
}

export interface LearnedEvent {
  /** Who did it: anything that is the same for all events of one user. */
  readonly user: string | number
  /** A row of {@link LiveMemory}. */
  readonly item: number
  /** ms since 1970. */
  readonly time: number
  /** What it counts; it is not learned from where it takes back (below 0). */
  readonly weight: number
}

/** What the caller of `OpenModel.rank` wants a list for. */
export interface RankRequest {
  /** Row of the user in the training, or -1 for one whom it did not know. */
  readonly user: number
  /** What the user did since the training, oldest first. */
  readonly recent: UserEvents
  /** When the list is asked for, in ms since 1970: what the user does now ended long before, or goes on. Default: with the last event. */
  readonly now?: number | undefined
  /** Whether items of the user's history may come again. */
  readonly seen: 'allow' | 'exclude'
  /** From 1. */
  readonly limit: number
  /** Items that must not come, ascending. */
  readonly exclude: Uint32Array
  /** The only items that may come, never falling; each comes once. Default: all. */
  readonly only?: Uint32Array | undefined
  /** How far to lean on context, from 0 (taste and the rest alone) to 1, of models that weigh these. Default: as they do. */
  readonly contextWeight?: number | undefined
  /** Of the items that may come, a bit each (search/bitmap.ts), which another thread may change meanwhile. Default: all. */
  readonly allowed?: Uint32Array | undefined
  /** Items that count less. Default: none. */
  readonly discounts?: Discounts | undefined
}

/** Items that count less than the model says, side by side, each once. */
export interface Discounts {
  readonly items: Uint32Array
  /** What scores are multiplied by: above 0, up to 1. */
  readonly factors: Float32Array
}

/** Events of one user in order of time, side by side. */
export interface UserEvents {
  readonly items: Uint32Array
  /** What the events count (`EventWeights`), before pairs are weighted by their sums. Not 0; negative where the event takes back. */
  readonly weights: Float32Array
  /** ms since 1970 (UTC). */
  readonly times: Float64Array
}

/** A {@link RankRequest} as the algorithm gets it. */
export interface ResolvedRequest {
  readonly user: number
  /** All that is known of the user, summed by item: training and recent events; sums not above 0 are left out. */
  readonly history: Row
  readonly recent: UserEvents
  readonly now?: number | undefined
  readonly limit: number
  /** Items that must not come, ascending; with the history if seen items must not. */
  readonly exclude: Uint32Array
  readonly only: Uint32Array | undefined
  readonly allowed?: Uint32Array | undefined
  readonly contextWeight?: number | undefined
  /** Algorithms need not look at them: their lists are discounted afterwards. */
  readonly discounts?: Discounts | undefined
}

/** What the caller of `OpenModel.similar` wants a list for. */
export interface SimilarRequest {
  readonly item: number
  readonly limit: number
  /** Default: the first of {@link Model.similarBy}. */
  readonly measure?: SimilarMeasure | undefined
  /** Of the items that may come, a bit each, as of {@link RankRequest.allowed}. Default: all. */
  readonly allowed?: Uint32Array | undefined
}

/** A {@link SimilarRequest} as the algorithm gets it: its measure is one of the model's, or undefined where these have no name. */
export type ResolvedSimilarRequest = SimilarRequest

/**
 * How similar two items may be said to be: by the cosine of their vectors; by that cosine made smaller where vectors are
 * short, as those of rare items are; or by the users that they share.
 */
export const similarMeasures = ['cosine', 'shrunk-cosine', 'neighbours'] as const
export type SimilarMeasure = (typeof similarMeasures)[number]

/** Each in a few words for people. */
export const similarMeasureNotes: Readonly<Record<SimilarMeasure, string>> = {
  cosine: 'of their vectors',
  'shrunk-cosine': 'less where vectors are short',
  neighbours: 'by the users that they share',
}

/** Best first. */
export interface ItemList {
  readonly items: Uint32Array
  readonly scores: Float32Array
  /** (items) What each rests on ({@link sourceCode}). Absent in the list of a model: on the source of its algorithm. */
  readonly sources?: Uint8Array
  /** What the list rests on, where it is more than one thing. */
  readonly weights?: SourceWeights | undefined
}

/** A list and what it rests on: `popularity` where the model knew nothing of the user. */
export interface Ranking extends ItemList {
  readonly basis: 'model' | 'popularity'
  readonly sources: Uint8Array
}

/** The items of `list` at these places, in their order. */
export function listAt<List extends ItemList>(list: List, places: readonly number[]): List {
  const { items, scores, sources } = list
  return {
    ...list,
    items: Uint32Array.from(places, at => items[at]),
    scores: Float32Array.from(places, at => scores[at]),
    ...(sources && { sources: Uint8Array.from(places, at => sources[at]) }),
  }
}

/** The items of `first`, and after them those of `second`; all else is as in the first. */
export function joinedLists(first: Ranking, second: Omit<Ranking, 'basis'>): Ranking {
  return {
    ...first,
    items: concat(Uint32Array, [first.items, second.items]),
    scores: concat(Float32Array, [first.scores, second.scores]),
    sources: concat(Uint8Array, [first.sources, second.sources]),
  }
}

export const noEvents: UserEvents = {
  items: new Uint32Array(0),
  weights: new Float32Array(0),
  times: new Float64Array(0),
}
