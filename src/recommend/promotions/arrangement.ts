import { listAt, type Ranking, type RankRequest } from '../../models/algorithm.ts'
import { intersection } from '../../search/item-lists.ts'
import type { Generation } from '../generations/generation.ts'
import type { ResolvedFilters } from '../lists/list-filters.ts'
import { spreadRanking, type TagsOf } from '../lists/spread-rankings.ts'
import { boosted, withPins } from './promoted-ranking.ts'
import type { PromotedRows } from './promoted-rows.ts'

/** What a list is made of. */
export interface Ranked {
  readonly ranking: Ranking
  /** The items that may be pinned; absent where none was when it was ranked. */
  readonly pinned?: Ranking | undefined
  /** That of `ranking`. */
  readonly request: RankRequest
  readonly generation: Generation
}

/** Makes lists of rankings: moves what is boosted, spreads items, and puts those that are pinned at their places, in this order. */
export class Arrangement {
  readonly #promoted: PromotedRows | undefined
  readonly #current: () => Generation
  readonly #tagsOf: TagsOf

  /** @param promoted absent where there is no catalogue. @param current gives the generation that ranks next. */
  constructor(promoted: PromotedRows | undefined, current: () => Generation, tagsOf: TagsOf) {
    this.#promoted = promoted
    this.#current = current
    this.#tagsOf = tagsOf
  }

  /** How many items are to be ranked for a list at first. */
  depth({ depth }: ResolvedFilters, generation = this.#current()): number {
    return this.#promoted?.depth(generation, depth) ?? depth
  }

  /** How many must be ranked in place of `ranked`, where more must be. */
  deeper({ ranking, request, generation }: Ranked, { depth }: ResolvedFilters): number | undefined {
    return this.#promoted?.deeper(generation, ranking, request.limit, depth)
  }

  /** What is to be ranked for a list beside `request`: items that are pinned, if any are. */
  pinRequest(
    request: RankRequest,
    { limit, narrowing = {} }: ResolvedFilters,
    generation: Generation,
  ): RankRequest | undefined {
    const pinned = this.#promoted?.pinned(generation, narrowing, limit) ?? []
    if (pinned.length === 0) return undefined
    const rows = Uint32Array.from(pinned, ({ row }) => row).sort()
    return { ...request, only: request.only ? intersection(rows, request.only) : rows, limit: rows.length }
  }

  /** The list of `ranked`; at once, unless its items are spread. */
  arrange(ranked: Ranked, filters: ResolvedFilters): Ranking | Promise<Ranking> {
    const { ranking, generation } = ranked
    const { limit, spread, depth } = filters
    const factors = this.#promoted?.factors(generation)
    const moved = factors?.size ? boosted(ranking, factors) : ranking
    if (!spread) return this.#withPins(moved, ranked, filters)
    // Of no more items than without boosts, or the list would be another for a boost of any item.
    const best = { ranking: first(moved, depth), generation }
    // Kept open for all that follows: another may be served meanwhile.
    return generation.use(async () => {
      const list = await this.#spread(best, { ...spread, limit })
      return this.#withPins(list, ranked, filters)
    })
  }

  /** As far as they are still pinned. */
  #withPins(list: Ranking, { pinned, generation }: Ranked, { limit, narrowing = {} }: ResolvedFilters): Ranking {
    if (!pinned || !this.#promoted) return first(list, limit)
    return withPins(list, this.#promoted.pinned(generation, narrowing, limit), pinned, limit)
  }

  /** An item that was moved counts as much as what stood at its place. */
  async #spread(
    { ranking, generation }: Pick<Ranked, 'ranking' | 'generation'>,
    spread: Parameters<typeof spreadRanking>[2],
  ): Promise<Ranking> {
    const { items, scores } = ranking
    const own = new Map(Array.from(items, (row, at) => [row, scores[at]!]))
    const falling = { ...ranking, scores: scores.toSorted().reverse() }
    const list = await spreadRanking(falling, generation, spread, this.#tagsOf)
    return { ...list, scores: Float32Array.from(list.items, row => own.get(row)!) }
  }
}

function first(ranking: Ranking, limit: number): Ranking {
  return ranking.items.length <= limit ? ranking : listAt(ranking, [...Array(limit).keys()])
}
