import type { RankRequest, UserEvents } from '../../models/algorithm.ts'
import { rowOf } from '../../models/open/history.ts'
import type { OpenModel } from '../../models/open/open-model.ts'
import { floorOf, placedScores, type SimilarKnownItems, similaritiesOf } from '../../models/open/placed/placed-items.ts'
import { evidenceDepth } from '../../models/open/placed/placed-model.ts'
import { randomNumbers } from '../../storage/random.ts'
import { itemsOf, timesOf } from '../../storage/sequences.ts'

/** How well known items are placed that are treated as if the model did not know them. */
export interface HeldOutFigure {
  /** Items that were tried, each with one of its users. */
  readonly tried: number
  /** The mean share of the other tried items that score less for that user, of those that the user has not; ties are half. By chance 0.5. */
  readonly auc: number
  /** Half of the width of its 95 % interval. */
  readonly margin: number
  readonly isBetterThanChance: boolean
}

/** Items that are tried at the most, and at the least where anything is to be placed. */
const mostTried = 200
const leastTried = 10

/** Events of a user that are looked at, the latest. */
const mostEvents = 200

/**
 * Leaves items out one by one: each is placed by the others, and scored for one of its users as if that user had never had it.
 *
 * @param rows of the items that others are placed by.
 * @param similarKnownItemsOf what the item at a place of `rows` is like, without itself.
 */
export function evaluateHeldOut(
  model: OpenModel,
  rows: Uint32Array,
  similarKnownItemsOf: (place: number) => SimilarKnownItems,
): HeldOutFigure {
  const random = randomNumbers(1)
  const tried: { readonly row: number; readonly alike: SimilarKnownItems; readonly request: RankRequest }[] = []
  const step = Math.max(1, rows.length / mostTried)
  for (let at = 0; at < rows.length; at += step) {
    const place = Math.floor(at)
    const users = rowOf(model.artifact.byItem, rows[place]!).indices
    const request = requestOf(model, users[Math.floor(random() * users.length)]!, rows[place]!)
    const alike = similarKnownItemsOf(place)
    if (request && alike.items.length > 0) tried.push({ row: rows[place]!, alike, request })
  }
  if (tried.length < leastTried) return { tried: tried.length, auc: 0.5, margin: 0.5, isBetterThanChance: false }
  const placed = {
    rows: Uint32Array.from(tried, ({ row }) => row),
    ...similaritiesOf(
      tried.map(({ alike }) => alike),
      model.artifact.items.size,
    ),
  }
  const lists = model.rank(tried.map(({ request }) => request))
  const shares = tried.flatMap(({ request }, at) => {
    const list = lists[at]!
    const floor = floorOf(list, evidenceDepth)
    const scores = placedScores(list, floor, placed)
    const scoreOf = (place: number) => scores.get(place) ?? floor
    const own = scoreOf(at)
    const had = new Set(request.recent.items)
    const others = [...tried.keys()].filter(other => other !== at && !had.has(tried[other]!.row))
    if (others.length === 0) return []
    const below = others.reduce((sum, other) => sum + (Math.sign(own - scoreOf(other)) + 1) / 2, 0)
    return below / others.length
  })
  const auc = shares.reduce((sum, share) => sum + share, 0) / shares.length
  const variance = shares.reduce((sum, share) => sum + (share - auc) ** 2, 0) / Math.max(1, shares.length - 1)
  const margin = 1.96 * Math.sqrt(variance / shares.length)
  return { tried: shares.length, auc, margin, isBetterThanChance: shares.length >= leastTried && auc - margin > 0.5 }
}

/** The list for somebody who did what `user` did, but for `item`; undefined where that is nothing. */
function requestOf({ artifact }: OpenModel, user: number, item: number): RankRequest | undefined {
  const recent = artifact.events ? latestEvents(artifact.events, user, item) : pairsOf(artifact.sums, user, item)
  if (recent.items.length === 0) return undefined
  return { user: -1, recent, seen: 'allow', limit: evidenceDepth, exclude: new Uint32Array(0) }
}

function latestEvents(events: NonNullable<OpenModel['artifact']['events']>, user: number, item: number): UserEvents {
  const [items, times] = [itemsOf(events, user), timesOf(events, user)]
  const places = [...items.keys()].filter(at => items[at] !== item).slice(-mostEvents)
  return {
    items: Uint32Array.from(places, at => items[at]!),
    weights: new Float32Array(places.length).fill(1),
    times: Float64Array.from(places, at => Number(times[at])),
  }
}

function pairsOf(sums: OpenModel['artifact']['sums'], user: number, item: number): UserEvents {
  const { indices, weights } = rowOf(sums, user)
  const isOther = (_: number, at: number) => indices[at] !== item
  const items = indices.filter(isOther)
  return { items, weights: weights.filter(isOther), times: new Float64Array(items.length) }
}
