/** What is known of items and users beside what users did. */
import { isStorable } from '../events/event.ts'
import { catalogueBounds } from './bounds.ts'
import type { Pin } from './promotions/promotion.ts'

/** Fields of an item; what is absent is not known. */
export interface ItemFields {
  readonly title?: string | undefined
  readonly tags?: readonly string[] | undefined
  readonly categories?: readonly string[] | undefined
  readonly text?: string | undefined
  readonly url?: string | undefined
  /** In ms since 1970: no list has the item before. */
  readonly availableFrom?: number | undefined
  /** In ms since 1970: no list has the item from then on. */
  readonly availableUntil?: number | undefined
  /** As long as those of all other items. */
  readonly vector?: ArrayLike<number> | undefined
  /** Whether no list has the item. Default: false. */
  readonly hidden?: boolean | undefined
}

/** An item as it is put: what was known of it before is replaced. */
export interface ItemInput extends ItemFields {
  readonly id: string
}

/** A change of an item: fields that are absent stay, null takes one away. */
export type ItemPatch = { readonly id: string } & {
  readonly [Field in keyof ItemFields]: ItemFields[Field] | null
}

/** An item as it is kept. */
export interface Item extends Omit<ItemFields, 'vector'> {
  readonly id: string
  readonly tags: readonly string[]
  readonly categories: readonly string[]
  readonly hidden: boolean
  readonly vector?: readonly number[]
  readonly boost?: number | undefined
  readonly pin?: Pin | undefined
}

export interface UserLabels {
  readonly id: string
  readonly labels: readonly string[]
}

/** Why an item is refused. */
export class CatalogueError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CatalogueError'
  }
}

/** The disk failed, or the catalogue cannot be read: what was to be changed is not known to be, and may be sent again. */
export class CatalogueStorageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CatalogueStorageError'
  }
}

/**
 * Checks what a caller may have wrong.
 *
 * @throws {CatalogueError} naming the item and the field.
 */
export function assertItem(item: ItemInput | ItemPatch): void {
  const { idLength, titleLength, textLength, urlLength, labelLength, labels, vectorLength } = catalogueBounds
  const { id } = item
  assertText(id, 'id', id, idLength, 1)
  assertText(id, 'title', item.title, titleLength)
  assertText(id, 'text', item.text, textLength)
  assertText(id, 'url', item.url, urlLength)
  for (const field of ['tags', 'categories'] as const) {
    const list = item[field] ?? []
    if (!Array.isArray(list) || list.length > labels) {
      throw refusal(id, field, `expected at most ${labels} of them, got ${Array.isArray(list) ? list.length : list}`)
    }
    for (const label of list) assertText(id, field, label, labelLength, 1)
  }
  for (const field of ['availableFrom', 'availableUntil'] as const) {
    const time = item[field] ?? 0
    if (!Number.isInteger(time) || Math.abs(time) > 8.64e15) {
      throw refusal(id, field, `expected whole ms since 1970, got ${time}`)
    }
  }
  const { vector } = item
  if (!vector) return
  if (vector.length < 1 || vector.length > vectorLength) {
    throw refusal(id, 'vector', `expected 1 to ${vectorLength} numbers, got ${vector.length}`)
  }
  for (let at = 0; at < vector.length; at++) {
    if (!Number.isFinite(Math.fround(vector[at]!))) {
      throw refusal(id, 'vector', `expected finite numbers in single precision, got ${vector[at]} at place ${at}`)
    }
  }
}

/** @throws {CatalogueError} */
export function assertUser({ id, labels }: UserLabels): void {
  const { idLength, labelLength, labels: most } = catalogueBounds
  assertText(id, 'id', id, idLength, 1)
  if (labels.length > most) throw refusal(id, 'labels', `expected at most ${most} of them, got ${labels.length}`)
  for (const label of labels) assertText(id, 'labels', label, labelLength, 1)
}

function assertText(id: string, field: string, text: unknown, most: number, least = 0): void {
  if (text === undefined || text === null) return
  if (typeof text === 'string' && text.length >= least && text.length <= most && isStorable(text)) return
  const size = typeof text === 'string' ? `${text.length} characters` : String(text)
  throw refusal(
    id,
    field,
    `expected text of ${least} to ${most} characters without NUL and half surrogates, got ${size}`,
  )
}

export function refusal(id: unknown, field: string, what: string): CatalogueError {
  const name = JSON.stringify(String(id).slice(0, 60))
  return new CatalogueError(`item ${name}, ${field}: ${what}`)
}
