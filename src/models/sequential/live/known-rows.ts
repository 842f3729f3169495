import type { Row } from '../../../search/item-lists.ts'
import type { ResolvedRequest, UserEvents } from '../../algorithm.ts'

/** The request as a model of `items` items can take it that does not learn: without the items that came since its training. */
export function withoutNewItems(request: ResolvedRequest, items: number): ResolvedRequest {
  const isKnown = (item: number) => item < items
  const { history, recent, exclude, only } = request
  const isWhole =
    (history.indices.at(-1) ?? 0) < items &&
    (exclude.at(-1) ?? 0) < items &&
    (only?.at(-1) ?? 0) < items &&
    recent.items.every(isKnown)
  if (isWhole) return request
  return {
    ...request,
    history: rowOf(history, items),
    recent: eventsOf(recent, isKnown),
    exclude: exclude.filter(isKnown),
    only: only?.filter(isKnown),
  }
}

function rowOf({ indices, weights }: Row, items: number): Row {
  const size = indices.findIndex(item => item >= items)
  return size < 0 ? { indices, weights } : { indices: indices.subarray(0, size), weights: weights.subarray(0, size) }
}

function eventsOf({ items, weights, times }: UserEvents, isKnown: (item: number) => boolean): UserEvents {
  const isChosen = (_: number, at: number) => isKnown(items[at])
  return { items: items.filter(isKnown), weights: weights.filter(isChosen), times: times.filter(isChosen) }
}
