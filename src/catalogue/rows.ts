import type { DatabaseSync } from 'node:sqlite'
import type { Item } from './item.ts'

/** A row of the table of items. */
export interface ItemRow {
  readonly number: number
  readonly id: string
  readonly title: string | null
  readonly tags: string
  readonly categories: string
  readonly text: string | null
  readonly url: string | null
  readonly available_from: number | null
  readonly available_until: number | null
  readonly vector: Uint8Array | null
  readonly hidden: number
  readonly deleted: number
}

/** What decides whether lists may have an item. */
export interface ItemState {
  /** That of the item in the catalogue, which it keeps. */
  readonly number: number
  readonly id: string
  /** Hidden or deleted. */
  readonly hidden: boolean
  /** In ms since 1970. */
  readonly from: number | undefined
  readonly until: number | undefined
  readonly tags: readonly string[]
  readonly categories: readonly string[]
}

/** Whether lists may have an item at `now`, in ms since 1970. */
export function isAvailable({ hidden, from, until }: ItemState, now: number): boolean {
  return !hidden && (from === undefined || from <= now) && (until === undefined || now < until)
}

/** What {@link stateOf} reads, but for the labels. */
export const stateColumns = 'number, id, hidden, deleted, available_from, available_until'

export function stateOf({
  number,
  id,
  hidden,
  deleted,
  available_from,
  available_until,
  tags,
  categories,
}: ItemRow): ItemState {
  return {
    number,
    id,
    hidden: hidden !== 0 || deleted !== 0,
    from: available_from ?? undefined,
    until: available_until ?? undefined,
    tags: JSON.parse(tags),
    categories: JSON.parse(categories),
  }
}

export function itemOf(row: ItemRow): Item {
  const { id, title, text, url, available_from, available_until, vector } = row
  return {
    id,
    ...(title !== null && { title }),
    tags: JSON.parse(row.tags),
    categories: JSON.parse(row.categories),
    ...(text !== null && { text }),
    ...(url !== null && { url }),
    ...(available_from !== null && { availableFrom: available_from }),
    ...(available_until !== null && { availableUntil: available_until }),
    ...(vector !== null && { vector: Array.from(new Float32Array(vector.slice().buffer)) }),
    hidden: row.hidden !== 0,
  }
}

/** The items after number `after`, up to `limit` of them, and the number of the last. */
export function itemsAfter(database: DatabaseSync, after: number, limit: number) {
  const rows = database
    .prepare('SELECT * FROM items WHERE number > ? AND deleted = 0 ORDER BY number LIMIT ?')
    .all(after, limit) as unknown as ItemRow[]
  return { items: rows.map(itemOf), last: rows.at(-1)?.number ?? after }
}
