/** Items and users as the catalogue's methods take and give them, with their schemas. */
import { z } from 'zod'
import { isStorable } from '../events/event.ts'
import { limits } from './limits.ts'
import { IdSchema, LabelsSchema, TimeSchema, textExpected } from './values.ts'

const textOf = (most: number) => z.string().max(most).refine(isStorable, textExpected)

/** An item as a whole: what is left out is not known of it any more. */
export const ItemSchema = z.object({
  id: IdSchema,
  title: textOf(limits.titleLength).optional(),
  tags: LabelsSchema.optional(),
  categories: LabelsSchema.optional(),
  text: textOf(limits.textLength).optional(),
  url: textOf(limits.urlLength).optional(),
  /** No list has the item before: ms since 1970 (UTC), or ISO 8601 with a zone. */
  availableFrom: TimeSchema.optional(),
  /** No list has the item from then on. */
  availableUntil: TimeSchema.optional(),
  /** As long as those of all other items. */
  vector: z.array(z.number()).min(1).max(limits.vectorLength).optional(),
  /** Whether no list has the item. Default: false. */
  hidden: z.boolean().optional(),
})

const { id: _, ...fields } = ItemSchema.shape

/** Fields that are left out stay as they are, null takes one away. An item that the catalogue lacks is made. */
export const ItemPatchSchema = z.object({
  id: IdSchema,
  title: fields.title.nullable(),
  tags: fields.tags.nullable(),
  categories: fields.categories.nullable(),
  text: fields.text.nullable(),
  url: fields.url.nullable(),
  availableFrom: fields.availableFrom.nullable(),
  availableUntil: fields.availableUntil.nullable(),
  vector: fields.vector.nullable(),
  hidden: fields.hidden.nullable(),
})

export const UserLabelsSchema = z.object({ id: IdSchema, labels: LabelsSchema })

/** Where an item is to stand. */
export const PinSchema = z.object({
  id: IdSchema,
  /** From 1. */
  place: z.int().min(1).max(limits.pinPlace),
  /** Only in lists that are narrowed by this tag (`tags`, `allTags`). Default: in all. */
  tag: textOf(limits.labelLength).min(1).optional(),
  /** Not from then on: ms since 1970 (UTC), or ISO 8601 with a zone. Default: until `unpin_items`. */
  until: TimeSchema.optional(),
})

/** What is known of an item. Titles and texts are given as they came: whoever shows them in a page must escape them. */
export interface CatalogueItem {
  /** As text, also where lists name the item by a number. */
  readonly id: string
  readonly title?: string | undefined
  readonly tags: readonly string[]
  readonly categories: readonly string[]
  readonly text?: string | undefined
  readonly url?: string | undefined
  /** In ms since 1970. */
  readonly availableFrom?: number | undefined
  readonly availableUntil?: number | undefined
  readonly vector?: readonly number[] | undefined
  readonly hidden: boolean
  /** What its place in lists of users is divided by, where it is boosted; for admins only. */
  readonly boost?: number | undefined
  /** Where it is pinned, if it is; for admins only. */
  readonly pin?:
    | { readonly place: number; readonly tag?: string | undefined; readonly until?: number | undefined }
    | undefined
}

/** What a call changed. All is on disk, and in every list that is given out from now on. */
export interface ItemsChanged {
  /** Different items of the call. */
  readonly items: number
  /** Those that came again later in the call: of an item that is put twice, the last counts. */
  readonly duplicates: number
}

export interface ItemsFound {
  readonly items: readonly CatalogueItem[]
  /** `after` of the next page, if there may be one. A page may have fewer items than `limit` all the same, or none. */
  readonly next?: number
}
