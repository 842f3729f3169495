import { listAt, type Ranking, type RankRequest } from '../../models/algorithm.ts'
import type { ModelPool } from '../../models/model-pool.ts'
import { intersection } from '../../search/item-lists.ts'
import type { Generation } from '../generation.ts'
import type { ResolvedFilters } from '../list-filters.ts'
import { spreadRanking, type TagsOf } from '../spread-rankings.ts'
import { boosted, withPins } from './promoted-ranking.ts'
import type { PinnedRow, PromotedRows } from './promoted-rows.ts'

/** What a list is made of. */
export interface Ranked {
  readonly ranking: Ranking
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

  /** How many items must be ranked for a list. */
  depth({ depth }: ResolvedFilters, generation = this.#current()): number {
    return this.#promoted?.depth(generation, depth) ?? depth
  }

  /** The list of `ranked`; at once, unless its items are spread or pinned. */
  arrange(ranked: Ranked, filters: ResolvedFilters): Ranking | Promise<Ranking> {
    const { ranking, generation } = ranked
    const { limit, narrowing = {} } = filters
    const factors = this.#promoted?.factors(generation)
    const moved = factors?.size ? boosted(ranking, factors) : ranking
    const pinned = this.#promoted?.pinned(generation, narrowing, limit) ?? []
    if (!filters.spread && pinned.length === 0) return first(moved, limit)
    // Kept open for all that follows: another may be served meanwhile.
    return generation.use(models => this.#spreadAndPin({ ...ranked, ranking: moved }, filters, pinned, models))
  }

  async #spreadAndPin(
    ranked: Ranked,
    filters: ResolvedFilters,
    pinned: readonly PinnedRow[],
    models: ModelPool,
  ): Promise<Ranking> {
    const { ranking, request } = ranked
    const { limit, spread, depth } = filters
    // Of no more items than without boosts, or the list would be another for a boost of any item.
    const best = { ...ranked, ranking: first(ranking, depth) }
    const list = spread ? await this.#spread(best, { ...spread, limit }) : ranking
    if (pinned.length === 0) return list
    const rows = Uint32Array.from(pinned, ({ row }) => row).sort()
    const only = request.only ? intersection(rows, request.only) : rows
    const [found] = await models.rankOnOne([{ ...request, only, limit: rows.length }])
    return withPins(list, pinned, found!, limit)
  }

  /** An item that was moved counts as much as what stood at its place. */
  async #spread({ ranking, generation }: Ranked, spread: Parameters<typeof spreadRanking>[2]): Promise<Ranking> {
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
