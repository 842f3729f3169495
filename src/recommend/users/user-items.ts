import { plainId } from '../../storage/ids.ts'
import type { Generation } from '../generations/generation.ts'
import type { UserState } from './user-state.ts'

/** An item of a user, of the training and since. */
export interface UserItem {
  readonly item: string | number
  /** In the unit of the training data's weights; above 0. */
  readonly weight: number
  /** Of the last event since the training, in ms since 1970; undefined: there was none. */
  readonly time: number | undefined
}

/** What a user has whose events are in memory, in no order. To be asked within `generation.use`. */
export function userItems(state: UserState, generation: Generation): UserItem[] {
  const items = new Map<number, { weight: number; time: number | undefined }>()
  const row = state.rowIn(generation)
  if (row >= 0) {
    const { indices, weights } = generation.artifact.history.row(row)
    for (const [at, item] of indices.entries()) items.set(item, { weight: weights[at]!, time: undefined })
  }
  const recent = state.recent(generation)
  recent.items.forEach((item, at) => {
    const weight = (items.get(item)?.weight ?? 0) + recent.weights[at]!
    items.set(item, { weight, time: recent.times[at]! })
  })
  const left = [...items].filter(([, { weight }]) => weight > 0)
  return left.map(([item, of]) => ({ item: plainId(generation.itemIds.at(item)), ...of }))
}
