/**
 * What a list may say of an item beside its id and score, and of itself. Servers differ in what they say: each field is
 * looked at, and what is not of its form is as if it were not there.
 */
import type { List } from '../../../../client/index.ts'

/** What speaks for an item: another one that the user had, and how much of the score is due to it. */
export interface Reason {
  readonly item: string
  readonly weight: number | undefined
}

export interface ListedItem {
  readonly item: string
  readonly score: number
  /** Where it comes from: taste, context, similar and so on. */
  readonly source: string | undefined
  readonly reasons: readonly Reason[]
}

/** A share of the list by source, such as taste and context, largest first. */
export type Share = readonly [source: string, share: number]

export function listedItems(list: List): ListedItem[] {
  return list.items.map(given => {
    const { item, score } = given
    const { source, explain } = given as { source?: unknown; explain?: unknown }
    return {
      item: String(item),
      score,
      source: typeof source === 'string' ? source : undefined,
      reasons: Array.isArray(explain) ? explain.map(reasonOf).filter(reason => reason !== undefined) : [],
    }
  })
}

function reasonOf(given: unknown): Reason | undefined {
  if (typeof given === 'string' || typeof given === 'number') return { item: String(given), weight: undefined }
  const { item, weight } = (given ?? {}) as { item?: unknown; weight?: unknown }
  if (typeof item !== 'string' && typeof item !== 'number') return undefined
  return { item: String(item), weight: typeof weight === 'number' ? weight : undefined }
}

/** How far the list leans on each source, where it says so. */
export function sharesOf(list: List): Share[] {
  const { weights } = list as { weights?: unknown }
  if (typeof weights !== 'object' || weights === null || Array.isArray(weights)) return []
  const shares = Object.entries(weights).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number' && entry[1] >= 0,
  )
  const sum = shares.reduce((total, [, share]) => total + share, 0)
  return sum > 0 ? shares.map(([source, share]) => [source, share / sum] as const).sort((a, b) => b[1] - a[1]) : []
}
