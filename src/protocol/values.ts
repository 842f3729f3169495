/** The values that messages and methods are made of, with their schemas. */
import { z } from 'zod'
import { isStorable } from '../events/event.ts'
import { type SimilarMeasure, similarMeasures } from '../models/algorithm.ts'
import type { WireError } from './errors.ts'
import { type Id, IdSchema, textExpected } from './ids.ts'
import { limits } from './limits.ts'
import { continueFields } from './mix-values.ts'

export { type Id, IdSchema, textExpected }

/** A client's number for a request or a subscription. */
export const NumberSchema = z.int().min(0).max(0xffffffff)

/** Ids that a filter names. Those that the model does not know filter nothing. */
const FilterIds = z.array(IdSchema).max(limits.filterItems)

export const LimitSchema = z.int().min(1).max(limits.listItems).default(10)

/** Tags, categories, or labels of a user. */
export const LabelsSchema = z
  .array(z.string().min(1).max(limits.labelLength).refine(isStorable, textExpected))
  .max(limits.labels)

/** Which items a list may have by what the catalogue says of them; all of it must hold. Tags that no item has make an empty list. */
export const narrowingFields = {
  /** Items with any of these tags. */
  tags: LabelsSchema.optional(),
  /** Items with all of these tags. */
  allTags: LabelsSchema.optional(),
  /** Items with none of these tags. */
  noTags: LabelsSchema.optional(),
  /** Items of any of these categories. */
  categories: LabelsSchema.optional(),
}

/** Lists whose items are to differ are short: each item is compared with many. */
export const spreadFits = ({
  limit,
  diversity = 0,
  perTag,
}: {
  limit: number
  diversity?: number | undefined
  perTag?: number | undefined
}) => limit <= limits.spreadItems || (diversity === 0 && perTag === undefined)
export const spreadMessage = `expected limit to be at most ${limits.spreadItems} with diversity or perTag`

/** What a list of similar items may hold. */
export const similarFields = {
  item: IdSchema,
  limit: LimitSchema,
  /** By what items are similar, one of those that the model's `similarBy` names. Default: the first of these. */
  measure: z.enum(similarMeasures).optional(),
  ...narrowingFields,
}

/** What a list for a user may hold. */
export const listFields = {
  limit: LimitSchema,
  /** Whether items that the user already has may come again. */
  seen: z.enum(['allow', 'exclude']).default('exclude'),
  /** How far to lean on what the user does now, from 0 to 1, of models that weigh it. Default: as the model finds best. */
  contextWeight: z.number().min(0).max(1).optional(),
  /** Never these. */
  exclude: FilterIds.default([]),
  /** None but these. */
  only: FilterIds.optional(),
  /** How much it counts that an item is unlike those before it, beside its score: 0 (default) not at all, 1 alone. */
  diversity: z.number().min(0).max(1).optional(),
  /** Items with the same tag at most; the list may be shorter for it. */
  perTag: z.int().min(1).max(limits.listItems).optional(),
  ...narrowingFields,
}

const text = (most: number) => z.string().min(1).max(most).refine(isStorable, textExpected)

const eventId = text(limits.idLength)

/** ms since 1970 (UTC), or ISO 8601 with a zone. */
export const TimeSchema = z.union(
  [z.int().min(-8.64e15).max(8.64e15), z.iso.datetime({ offset: true }).transform(Date.parse)],
  {
    error: 'expected whole ms since 1970 or a time such as 2024-05-31T18:30:00Z',
  },
)

const eventFields = {
  /** The sender's name for the event, unique to the user: it is what makes sending again harmless. */
  id: eventId,
  user: IdSchema,
  item: IdSchema.optional(),
  /** In the unit of the training data's weights; negative lowers what the user has of the item. */
  weight: z
    .number()
    .min(-1e6)
    .max(1e6)
    .refine(weight => Math.abs(weight) >= 1e-6, 'expected at least 0.000001 either way')
    .default(1),
  /** When it happened. Default: when it arrives. */
  time: TimeSchema.optional(),
  /** What the user did: `play`, `buy` and so on. */
  kind: text(limits.kindLength).optional(),
  /** Id of the list that showed the item. */
  list: text(limits.listIdLength).optional(),
  /**
   * Id of an event of the same user that this one takes back, whichever came first; then without an item. Where that is
   * an undo itself, what it took back counts again.
   */
  undo: eventId.optional(),
}

const itemOrUndo = (event: { item?: string | undefined; undo?: string | undefined }) =>
  (event.item === undefined) !== (event.undo === undefined)
const itemOrUndoMessage = 'expected an item, or undo with the id of the event to take back, and not both'

/** An interaction that just happened, or the taking back of one. */
export const EventSchema = z.object(eventFields).refine(itemOrUndo, itemOrUndoMessage)
/** The same where the user may follow from the context. */
export const StreamEventSchema = z
  .object({ ...eventFields, user: IdSchema.optional() })
  .refine(itemOrUndo, itemOrUndoMessage)

export type Event = z.output<typeof EventSchema>

/** What a user was shown at once. */
export const ImpressionsSchema = z.object({
  /** The sender's name for them, unique to the user among impressions: sent again within a day, they count once. */
  id: eventId,
  user: IdSchema,
  /** One that is named twice was shown once. */
  items: z.array(IdSchema).min(1).max(limits.impressionItems),
  /** When they were shown. Default, and at most: when they arrive. */
  time: TimeSchema.optional(),
})

/** What a list is wanted for. It is named by `kind`, so that others can be added. The user may follow from the context. */
export const StreamQuerySchema = z.discriminatedUnion(
  'kind',
  [
    z.object({ kind: z.literal('user'), user: IdSchema.optional(), ...listFields }).refine(spreadFits, spreadMessage),
    z.object({ kind: z.literal('similar'), ...similarFields }),
    z.object({ kind: z.literal('mix'), ...continueFields }),
  ],
  { error: ({ code }) => (code === 'invalid_union' ? 'expected "user", "similar" or "mix"' : undefined) },
)

type WithUser<Query, User> = Query extends { kind: 'user' } ? Query & { user: User } : Query
export type QueryInput = WithUser<z.input<typeof StreamQuerySchema>, Id>
export type StreamQuery = z.output<typeof StreamQuerySchema>
export type Query = WithUser<StreamQuery, string>

export interface Recommendation {
  readonly item: Id
  /** The model's preference; comparable within one list only. */
  readonly score: number
  /** What it rests on, in lists for users: `taste`, `context`, `similar`, `popular`, or `fresh`, an item that came after the training. */
  readonly source?: string
}

/** What is recommended, best first. */
export interface Recommendations {
  /** Names this list: events that follow from it can say so. */
  readonly list: string
  /** The model that made it. */
  readonly generation: string
  /** `popularity` where the model knows nothing of the user: what most users have or, with `trending` among the parts of the model, what trends. */
  readonly basis: 'model' | 'popularity'
  /** Id of the user's newest event that the list takes into account, where there is one. */
  readonly after?: string
  /** How far the model leans on each source at the moment, 1 in sum; absent where it has one alone. */
  readonly weights?: Readonly<Record<string, number>>
  readonly items: readonly Recommendation[]
}

/** What is recommended to the users of a batch, by one model. */
export interface BatchRecommendations extends Pick<Recommendations, 'generation'> {
  /** Names the batch: events that follow from any of its lists can say so. */
  readonly list: string
  /** One for each user, in their order. */
  readonly lists: readonly BatchList[]
}

/**
 * What is recommended to one user of a batch: ids, scores and sources side by side, best first. A map for each item would double
 * what a batch costs its caller beyond the ranking.
 */
export interface BatchList extends Pick<Recommendations, 'basis' | 'after' | 'weights'> {
  readonly items: readonly Id[]
  /** One for each of `items`. */
  readonly scores: readonly number[]
  /** One for each of `items`: what it rests on. */
  readonly sources: readonly string[]
}

/** The items most similar to one, most similar first. */
export type SimilarItems = Pick<Recommendations, 'list' | 'generation' | 'items'>

/** What became of one event. `stored` and `duplicate` mean that it is on disk. */
export interface Recorded {
  readonly id: string
  readonly status: 'stored' | 'duplicate'
  /** The model lacks the item: the event counts from the next model on that is trained with it. */
  readonly known?: false
}
/** What became of impressions. `stored` and `duplicate` mean that they are on disk. */
export type RecordedImpressions = Pick<Recorded, 'id' | 'status'>
export type RecordResult = Recorded | { readonly id: string; readonly error: WireError }

export type { SimilarMeasure }

/** What is served. */
export interface ModelInfo {
  readonly algorithm: string
  /** What it can do beside ranking, as `similar`. */
  readonly capabilities: readonly string[]
  /** The measures by which it finds similar items, the default first. */
  readonly similarBy: readonly string[]
  /** What its lists rest on: `context`, `taste`, `similar`, `popular`. Where there are several, lists take `contextWeight`. */
  readonly sources: readonly string[]
  readonly users: number
  readonly items: number
  /**
   * How well items that the model does not know are placed by what the catalogue says of them, once that was found out on items that it knows: `auc` is the mean
   * share of other items that score less for one who has the item, 0.5 by chance, ± `margin`. Where it is no better than chance, none is placed.
   */
  readonly placing?: {
    readonly known: number
    readonly nearest: number
    readonly tried: number
    readonly auc: number
    readonly margin: number
    readonly isBetterThanChance: boolean
    /** Items that are placed, and further ones that there is room for until the model is served anew, as it is once there is none. */
    readonly placed: number
    readonly left: number
  }
}
