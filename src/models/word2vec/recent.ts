import { contains } from '../../search/item-lists.ts'
import { itemsOf, type Sequences } from '../../storage/sequences.ts'
import type { ResolvedRequest } from '../algorithm.ts'
import type { Word2vecOptions } from './options.ts'

/** Items of a user, newest first, with their weights. */
export interface RecentItems {
  readonly items: Uint32Array
  readonly weights: Float32Array
}

/**
 * The last items of the user that are in the history, each once, by its last event, newest first: item k weighs
 * `recencyDecay`^k. Where the order of none is known, all of the history, alike.
 *
 * @param trained what each user did before the training, in order.
 */
export function recentItems(
  { user, history, recent }: Pick<ResolvedRequest, 'user' | 'history' | 'recent'>,
  trained: Sequences | undefined,
  { recentItems: most, recencyDecay }: Pick<Word2vecOptions, 'recentItems' | 'recencyDecay'>,
): RecentItems {
  const found = new Set<number>()
  const add = (item: number) => {
    if (contains(history.indices, item)) found.add(item)
  }
  for (let at = recent.items.length - 1; at >= 0 && found.size < most; at--) {
    if (recent.weights[at]! > 0) add(recent.items[at]!)
  }
  if (user >= 0 && trained && found.size < most) {
    const events = itemsOf(trained, user)
    for (let at = events.length - 1; at >= 0 && found.size < most; at--) add(events[at]!)
  }
  if (found.size === 0) return { items: history.indices, weights: new Float32Array(history.indices.length).fill(1) }
  const items = Uint32Array.from(found)
  return { items, weights: Float32Array.from(items, (_, age) => recencyDecay ** age) }
}
