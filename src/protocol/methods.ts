/**
 * The methods of the service, one description for every front: WebSocket (`call`), HTTP (`/v1/METHOD`) and RPC. To add
 * one: its entry here, which says who may call it, the type of its result, and its handler in `serve/service.ts`. Whose key or
 * token is bound to one user may leave that user out of the parameters, and of the events in them.
 */
import { z } from 'zod'
import {
  type CatalogueItem,
  ItemPatchSchema,
  ItemSchema,
  type ItemsChanged,
  type ItemsFound,
  PinSchema,
  UserLabelsSchema,
} from './catalogue-values.ts'
import type { Limits } from './limits.ts'
import { limits } from './limits.ts'
import { type MusicResults, musicMethods } from './music-methods.ts'
import { type PushResults, pushMethods } from './push-methods.ts'
import {
  type BatchRecommendations,
  EventSchema,
  type Id,
  IdSchema,
  ImpressionsSchema,
  listFields,
  type ModelInfo,
  narrowingFields,
  type Recommendation,
  type Recommendations,
  type Recorded,
  type RecordedImpressions,
  type RecordResult,
  type SimilarItems,
  similarFields,
  spreadFits,
  spreadMessage,
} from './values.ts'

interface Method {
  /** One line for people. */
  readonly summary: string
  readonly params: z.ZodObject | z.ZodType<object>
  /** Whether it only reads: then HTTP offers it by GET, too. */
  readonly reads: boolean
  /** The parameter that HTTP takes from the path: `/v1/METHOD/SUBJECT`. */
  readonly subject?: string
  /** See {@link Access}. */
  readonly access: Access<never>
}

/**
 * Who may call a method: `anyone`, also without a credential; whoever has a `credential`, a key or a token; `admin`s; or,
 * where it is a function, who may act for all the users that it finds in the parameters.
 */
export type Access<Params> = 'anyone' | 'credential' | 'admin' | ((params: Params) => readonly string[])

/** Ids of items or users of the catalogue. */
const Ids = z.array(IdSchema).min(1).max(limits.catalogueItems)

const userOf = ({ user }: { readonly user: string }) => [user]

/** What a user whom neither model nor events know gets: the most popular items, or an error. */
const unknown = z.enum(['popularity', 'error']).default('popularity')

export const methods = {
  ping: { summary: 'does nothing', reads: true, access: 'anyone', params: z.object({}) },
  info: {
    summary: 'the model that is served, limits and features',
    reads: true,
    access: 'credential',
    params: z.object({}),
  },
  health: { summary: 'whether the process answers', reads: true, access: 'anyone', params: z.object({}) },
  ready: {
    summary: 'whether the server can do its work; not_ready says why not',
    reads: true,
    access: 'anyone',
    params: z.object({}),
  },
  metrics: {
    summary: "figures of the server in Prometheus' text format",
    reads: true,
    access: 'admin',
    params: z.object({}),
  },
  models: {
    summary: 'the model that is served, and the models and searches for options that lie beside it',
    reads: true,
    access: 'admin',
    params: z.object({}),
  },
  examples: {
    summary: 'ids of some users that the model knows, with how many items each has',
    reads: true,
    access: 'admin',
    params: z.object({ limit: z.int().min(1).max(100).default(10) }),
  },
  recommend: {
    summary: 'the best items for a user',
    reads: true,
    subject: 'user',
    access: userOf,
    params: z.object({ user: IdSchema, ...listFields, unknown }).refine(spreadFits, spreadMessage),
  },
  recommend_batch: {
    summary:
      'the best items for each of several users, in their order and by one model; in each list ids and scores side by side',
    reads: true,
    access: ({ users }: { readonly users: readonly string[] }) => users,
    params: z
      .object({ users: z.array(IdSchema).min(1).max(limits.batchUsers), ...listFields })
      .refine(
        ({ users, limit }) => users.length * limit <= limits.batchItems,
        `expected users × limit to be at most ${limits.batchItems}`,
      )
      .refine(spreadFits, spreadMessage)
      .refine(
        ({ users, limit, ...spread }) =>
          users.length * limit <= limits.spreadBatchItems || spreadFits({ ...spread, limit: Number.POSITIVE_INFINITY }),
        `expected users × limit to be at most ${limits.spreadBatchItems} with diversity or perTag`,
      ),
  },
  rerank: {
    summary: "a caller's own items in the order in which they would be recommended to a user",
    reads: true,
    subject: 'user',
    access: userOf,
    params: z.object({ user: IdSchema, items: z.array(IdSchema).min(1).max(limits.listItems) }),
  },
  explain: {
    summary: 'what speaks for items that are recommended to a user',
    reads: true,
    subject: 'user',
    access: userOf,
    params: z.object({ user: IdSchema, items: z.array(IdSchema).min(1).max(limits.explainedItems) }),
  },
  similar: {
    summary: 'the items most similar to an item',
    reads: true,
    subject: 'item',
    access: 'credential',
    params: z.object(similarFields),
  },
  record: { summary: 'makes one event durable', reads: false, access: userOf, params: EventSchema },
  record_batch: {
    summary: 'makes events durable; each has its own result',
    reads: false,
    access: ({ events }: { readonly events: readonly { readonly user: string }[] }) => events.map(({ user }) => user),
    params: z.object({ events: z.array(EventSchema).min(1).max(limits.events) }),
  },
  record_impressions: {
    summary: 'makes durable what a user was shown: what is not taken sinks in the lists of the user',
    reads: false,
    access: userOf,
    params: ImpressionsSchema,
  },
  put_items: {
    summary: 'keeps what is known of items in the catalogue, in place of what was; all or none',
    reads: false,
    access: 'admin',
    params: z.object({ items: z.array(ItemSchema).min(1).max(limits.catalogueItems) }),
  },
  patch_items: {
    summary: 'changes fields of items in the catalogue; all or none',
    reads: false,
    access: 'admin',
    params: z.object({ items: z.array(ItemPatchSchema).min(1).max(limits.catalogueItems) }),
  },
  hide_items: {
    summary: 'takes items out of all lists, or with hidden=false lets them come again',
    reads: false,
    access: 'admin',
    params: z.object({ items: Ids, hidden: z.boolean().default(true) }),
  },
  delete_items: {
    summary: 'removes what is known of items, which stay out of all lists until they are put again',
    reads: false,
    access: 'admin',
    params: z.object({ items: Ids }),
  },
  boost_items: {
    summary: 'divides the places of items in lists of users by a factor; 1 undoes it',
    reads: false,
    access: 'admin',
    params: z.object({ items: Ids, factor: z.number().min(limits.leastBoost).max(limits.mostBoost) }),
  },
  pin_items: {
    summary: 'has items stand at a place of the lists of users that may have them; all or none',
    reads: false,
    access: 'admin',
    params: z.object({ items: z.array(PinSchema).min(1).max(limits.catalogueItems) }),
  },
  unpin_items: {
    summary: 'takes pins away',
    reads: false,
    access: 'admin',
    params: z.object({ items: Ids }),
  },
  get_items: {
    summary:
      'what is known of items, in their order; null for those that the catalogue lacks; who is no admin gets no hidden or unavailable ones, and no vectors',
    reads: true,
    access: 'credential',
    params: z.object({ items: Ids }),
  },
  search_items: {
    summary: 'items by words of their titles and by tags, page by page; who is no admin gets them as by get_items',
    reads: true,
    access: 'credential',
    params: z.object({
      /** Words of the title or the id, all of which an item must have; the last may be the beginning of one. Default: any item. */
      text: z.string().max(limits.titleLength).default(''),
      ...narrowingFields,
      /** Default: hidden items and others. */
      hidden: z.boolean().optional(),
      limit: z.int().min(1).max(limits.catalogueItems).default(20),
      /** `next` of the page before. */
      after: z.int().min(0).default(0),
    }),
  },
  put_users: {
    summary: 'keeps labels of users, in place of those that they had; all or none',
    reads: false,
    access: 'admin',
    params: z.object({ users: z.array(UserLabelsSchema).min(1).max(limits.catalogueItems) }),
  },
  get_users: {
    summary: 'the labels of users, in their order',
    reads: true,
    access: ({ users }: { readonly users: readonly string[] }) => users,
    params: z.object({ users: Ids }),
  },
  swap: {
    summary: 'serves the model of another directory from now on',
    reads: false,
    access: 'admin',
    params: z.object({ model: z.string().min(1) }),
  },
  rollback: {
    summary: 'where the model `from` is served, serves the one again that it took the place of',
    reads: false,
    access: 'admin',
    /** `from`: its generation. Called twice, it does nothing the second time. */
    params: z.object({ from: z.string().min(1) }),
  },
  forget: {
    summary: 'removes all that is known of a user from the events, the pushes, the memory and the models of the server',
    reads: false,
    access: 'admin',
    params: z.object({ user: IdSchema }),
  },
  ...pushMethods,
  ...musicMethods,
} as const satisfies Record<string, Method>

export type MethodName = keyof typeof methods
export type ParamsInput<Name extends MethodName> = z.input<(typeof methods)[Name]['params']>
export type Params<Name extends MethodName> = z.output<(typeof methods)[Name]['params']>

/** What each method gives. */
export interface Results extends PushResults, MusicResults {
  readonly ping: Readonly<Record<string, never>>
  readonly info: ServiceInfo
  readonly health: { readonly status: 'alive' }
  readonly ready: { readonly status: 'ready'; readonly generation: string }
  readonly metrics: { readonly text: string }
  readonly models: ListedModels
  readonly examples: Examples
  readonly recommend: Recommendations & { readonly user: string }
  readonly recommend_batch: BatchRecommendations
  readonly rerank: Reranked
  readonly explain: Explained
  readonly similar: SimilarItems & { readonly item: string }
  readonly record: Recorded
  readonly record_batch: { readonly results: readonly RecordResult[] }
  readonly record_impressions: RecordedImpressions
  readonly put_items: ItemsChanged
  readonly patch_items: ItemsChanged
  readonly hide_items: ItemsChanged
  readonly delete_items: ItemsChanged
  readonly boost_items: { readonly items: number }
  readonly pin_items: { readonly items: number }
  readonly unpin_items: { readonly items: number }
  readonly get_items: { readonly items: readonly (CatalogueItem | null)[] }
  readonly search_items: ItemsFound
  readonly put_users: { readonly users: number }
  readonly get_users: { readonly users: readonly { readonly id: string; readonly labels: readonly string[] }[] }
  readonly swap: Swapped
  readonly rollback: Swapped
  readonly forget: Forgotten
}

/** What {@link Results.models} lists: the model that is served first, then the one that it took the place of. */
export interface ListedModels {
  readonly models: readonly ListedModel[]
  readonly searches: readonly ListedSearch[]
}

/** What the manifest of a model says. */
export interface ListedModel {
  readonly role: 'served' | 'previous' | 'other'
  /** Of the server's machine; what `swap` takes. */
  readonly directory: string
  readonly generation: string
  readonly algorithm: string
  readonly options: Readonly<Record<string, unknown>>
  /** ISO 8601, UTC. */
  readonly created: string
  /** Whether the training came to its end. */
  readonly complete: boolean
  readonly epochs: number
  /** After each epoch; empty where the algorithm has none. */
  readonly loss: readonly number[]
  /** What the training found out of the data, one sentence each; absent where that is nothing. */
  readonly findings?: readonly string[] | undefined
  /** Quality on held-out pairs, where it was recorded: `recall@20` and so on. */
  readonly metrics?: Readonly<Record<string, number>> | undefined
  /** How its options were chosen, where a search did. */
  readonly tuning?: ListedTuning | undefined
  /** The same of its parts, each named by its algorithm. */
  readonly partTunings?: readonly (ListedTuning & { readonly part: string })[] | undefined
  readonly users: number
  readonly items: number
  readonly pairs: number
  /** Ordered events; absent where the dataset had none. */
  readonly events?: number | undefined
}

/** What the options of a model reached on held-out pairs, beside the defaults, and what it took to find them. */
export interface ListedTuning {
  readonly metric: string
  readonly score: number
  readonly defaultScore?: number | undefined
  readonly trials: number
  readonly seconds: number
}

/** A search for options, of `aurochs tune`. */
export interface ListedSearch {
  readonly directory: string
  readonly metric: string
  /** Of each trial, in the order they came; null: it failed. */
  readonly scores: readonly (number | null)[]
  /** The best first. */
  readonly best: readonly {
    readonly algorithm: string
    readonly options: Readonly<Record<string, unknown>>
    readonly epochs: number
    readonly score: number
    readonly seconds: number
  }[]
}

export interface Examples {
  readonly users: readonly { readonly user: string; readonly items: number }[]
}

/** The caller's items, best first. */
export interface Reranked extends Recommendations {
  readonly user: string
  /** Those of the caller's items, in their order and each once, that are not among `items`: the model does not know them, or lists may not have them. */
  readonly left: readonly string[]
}

/** Why items are recommended: those that lists may have and the model has an opinion of, best first. */
export interface Explained {
  readonly user: string
  readonly generation: string
  /** How far the model leans on each source at the moment, 1 in sum; absent where it has one alone. */
  readonly weights?: Readonly<Record<string, number>>
  readonly items: readonly ExplainedItem[]
  /** Those of the items, in their order and each once, that are not among `items`: the model does not know them or has no opinion of them, or lists may not have them. */
  readonly left: readonly string[]
  /** Those of the items that an admin boosted (by which factor) or pinned in all lists (to which place, from 1), for admins; absent where none is. */
  readonly promoted?: readonly { readonly item: Id; readonly boost?: number; readonly pinned?: number }[]
}

export interface ExplainedItem extends Recommendation {
  readonly source: string
  /** What lists multiply the score by, where the item was shown and not taken. */
  readonly discount?: number
  /** Items that the user had, most telling first; `weight`: the share of what speaks for the item. */
  readonly because: readonly { readonly item: Id; readonly weight: number }[]
}

export interface Swapped {
  readonly generation: string
  readonly model: ModelInfo
}

/** What was reached to forget a user. */
export interface Forgotten {
  /** Events that were removed. */
  readonly events: number
  /** Directories of models and datasets that had the user, and have not any more. */
  readonly directories: readonly string[]
  /** Of the model that is served now. */
  readonly generation: string
}

export interface ServiceInfo {
  /** Of the server program. */
  readonly version: string
  /** Names the model that is served; another model has another name. */
  readonly generation: string
  readonly model: ModelInfo
  readonly limits: Limits
  /** What this server can do beyond the first version of the protocol, and the names of its methods. */
  readonly features: readonly string[]
  readonly methods: readonly string[]
}

export function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(methods, name)
}
