/** What an admin makes of the place of an item in lists of users. */
import { catalogueBounds } from '../bounds.ts'
import { assertItem, CatalogueError, refusal } from '../item.ts'
import type { Narrowing } from '../narrowing.ts'

/** Where an item stands in lists that it may come in. */
export interface Pin {
  /** From 1. */
  readonly place: number
  /** Only in lists that are narrowed by this tag (`tags`, `allTags`). Default: in all. */
  readonly tag?: string | undefined
  /** In ms since 1970: not from then on. Default: until it is taken away. */
  readonly until?: number | undefined
}

export interface PinInput extends Pin {
  readonly id: string
}

export interface Promotion {
  /** What the place of the item in a list is divided by. Default: 1. */
  readonly boost?: number | undefined
  readonly pin?: Pin | undefined
}

/** Promotions as they are now, of items that have one or had. */
export type Promoted = readonly (readonly [id: string, promotion: Promotion])[]

/** @throws {CatalogueError} */
export function assertBoost(id: string, factor: number): void {
  const { leastBoost, mostBoost } = catalogueBounds
  assertItem({ id })
  if (factor >= leastBoost && factor <= mostBoost) return
  throw refusal(id, 'boost', `expected a factor from ${leastBoost} to ${mostBoost}, got ${factor}`)
}

/** @throws {CatalogueError} */
export function assertPin({ id, place, tag, until }: PinInput): void {
  const { pinPlace } = catalogueBounds
  assertItem({ id, tags: tag === undefined ? [] : [tag], availableUntil: until })
  if (Number.isInteger(place) && place >= 1 && place <= pinPlace) return
  throw refusal(id, 'place', `expected a whole number from 1 to ${pinPlace}, got ${place}`)
}

/** @throws {CatalogueError} */
export function assertFew(kind: 'boosts' | 'pins', count: number): void {
  const most = catalogueBounds[kind]
  if (count <= most) return
  const remedy = kind === 'boosts' ? 'boost_items with factor 1 takes one away' : 'unpin_items takes one away'
  throw new CatalogueError(`the catalogue would have ${count} ${kind}, expected at most ${most}: ${remedy}`)
}

/** Whether a pin counts at `now`, in ms since 1970. */
export function isInForce({ until }: Pin, now: number): boolean {
  return until === undefined || now < until
}

/** Whether a pin is for a list with this narrowing. */
export function isFor({ tag }: Pin, { tags = [], allTags = [] }: Narrowing): boolean {
  return tag === undefined || tags.includes(tag) || allTags.includes(tag)
}
