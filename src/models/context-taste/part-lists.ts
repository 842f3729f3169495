import type { ItemList, ItemSource } from '../algorithm.ts'
import type { MomentLists } from './moment.ts'
import { probabilitiesOf } from './probabilities.ts'

/** What a part ranks by. */
export type PartKind = ItemSource

/** At which lists of taste are looked at, whatever suits them best. */
const plainTemperature = 0.35

/** What the moment is told of the lists of the parts. */
export function listsOf(lists: readonly ItemList[], kinds: readonly PartKind[]): MomentLists {
  const of = (kind: PartKind) => lists[kinds.indexOf(kind)] ?? nothing
  const [context, taste] = [of('context'), of('taste')]
  return {
    context: { items: context.items, probabilities: probabilitiesOf(context, 0) },
    taste: { items: taste.items, probabilities: probabilitiesOf(taste, plainTemperature) },
  }
}

const nothing: ItemList = { items: new Uint32Array(0), scores: new Float32Array(0) }
