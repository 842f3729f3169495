/** Items of a list, with what the server says of them beside id and score. */
import type { Explained, List } from '../../../../client/index.ts'

/** What speaks for an item: another one that the user had, and how much of the score is due to it. */
export interface Reason {
  readonly item: string
  readonly weight: number
}

export interface ListedItem {
  readonly item: string
  readonly score: number
  /** Where it comes from: taste, context, similar and so on. */
  readonly source: string | undefined
  readonly reasons: readonly Reason[]
  /** Whether an admin moved it. */
  readonly promoted?: 'boosted' | 'pinned' | undefined
}

/** A share of the list by source, such as taste and context, largest first. */
export type Share = readonly [source: string, share: number]

export function listedItems(list: List): ListedItem[] {
  return list.items.map(({ item, score, source }) => ({ item: String(item), score, source, reasons: [] }))
}

/** The same items with what speaks for them. */
export function withReasons(items: readonly ListedItem[], explained: Explained): ListedItem[] {
  const byItem = new Map(explained.items.map(each => [String(each.item), each]))
  const promoted = new Map(explained.promoted?.map(each => [String(each.item), each]))
  return items.map(listed => {
    const found = byItem.get(listed.item)
    const moved = promoted.get(listed.item)
    const shown = { ...listed, promoted: moved && (moved.pinned === undefined ? 'boosted' : 'pinned') } as const
    if (!found) return shown
    const reasons = found.because.map(({ item, weight }) => ({ item: String(item), weight }))
    return { ...shown, reasons }
  })
}

/** How far the list leans on each source, where it leans on several; without those that round to nothing. */
export function sharesOf({ weights = {} }: Pick<List, 'weights'>): Share[] {
  const shares = Object.entries(weights)
  const sum = shares.reduce((total, [, share]) => total + share, 0)
  return shares
    .map(([source, share]) => [source, share / sum] as const)
    .filter(([, share]) => share >= 0.005)
    .sort((a, b) => b[1] - a[1])
}
