import { isFor } from '../../catalogue/promotions/promotion.ts'
import type { Promotions } from '../../catalogue/promotions/promotions.ts'
import type { RankRequest } from '../../models/algorithm.ts'
import { unlessAborted } from '../../parallel/unless-aborted.ts'
import { FairTurns } from '../batches/fair-turns.ts'
import { RecommendError } from '../errors.ts'
import type { Generation } from '../generations/generation.ts'
import type { ImpressionRule } from '../users/impression-discounts.ts'
import type { UserState } from '../users/user-state.ts'
import { ResolvedFilters } from './list-filters.ts'
import { explanationOf, type ListExplanation, type UserQuery } from './lists.ts'

/** Lists that may wait to be explained. */
const mostWaiting = 1000

export interface ExplanationsOptions {
  /** How many are made at once: each takes as long as forty lists. */
  readonly atOnce: number
  readonly impressionRule: ImpressionRule
  readonly promotions: Promotions | undefined
  readonly generation: () => Generation
  /** Makes the list of a query; once it has, the user's events are in memory. */
  readonly recommend: (query: UserQuery, signal: AbortSignal | undefined, client: string) => Promise<unknown>
  readonly stateOf: (user: string) => UserState
}

/** Why items are recommended. */
export class Explanations {
  readonly #options: ExplanationsOptions
  readonly #turns: FairTurns

  constructor(options: ExplanationsOptions) {
    this.#options = options
    this.#turns = new FairTurns(
      options.atOnce,
      mostWaiting,
      () => new RecommendError('overloaded', `${mostWaiting} lists wait to be explained already: ask again later`),
    )
  }

  /**
   * Why `items` would be recommended to a user as they would be now: those that lists may have and the model has an opinion of, best first.
   *
   * @param client who asks: clients take turns.
   * @throws what making the list throws; {@link RecommendError} `overloaded` while 1000 wait, for clients who have their share of these.
   */
  async explain(
    user: string,
    items: readonly string[],
    signal: AbortSignal | undefined,
    client: string,
  ): Promise<ListExplanation> {
    const query: UserQuery = { user, only: items, seen: 'allow', limit: items.length }
    const { recommend } = this.#options
    // Others are not to wait in the turn for the user's events to be read.
    await recommend(query, signal, client)
    const explain = async () => {
      // What is explained rests on events that are on disk, as lists do; and the user's are in memory then.
      await recommend(query, signal, client)
      return unlessAborted(this.#explain(query, items, signal), signal)
    }
    return unlessAborted(this.#turns.run(explain, { client, signal }), signal)
  }

  #explain(query: UserQuery, items: readonly string[], signal: AbortSignal | undefined): Promise<ListExplanation> {
    const { stateOf, impressionRule } = this.#options
    const generation = this.#options.generation()
    const filters = new ResolvedFilters(query)
    return generation.use(async models => {
      const state = stateOf(query.user)
      const { exclude, only } = filters.rowsIn(generation)
      const now = Date.now()
      const request: RankRequest = {
        user: state.rowIn(generation),
        recent: state.recent(generation),
        now,
        seen: 'allow',
        limit: items.length,
        exclude,
        only,
        allowed: filters.allowedIn(generation),
      }
      const discounts = state.discounts(generation, now, impressionRule)
      const explanation = explanationOf(await models.explain(request, signal), generation, discounts)
      const promoted = this.#promoted(items, generation)
      return promoted.length === 0 ? explanation : { ...explanation, promoted }
    })
  }

  /** What an admin made of the places of `items`, of those that lists may have. */
  #promoted(items: readonly string[], generation: Generation): NonNullable<ListExplanation['promoted']> {
    const now = Date.now()
    return [...new Set(items)].flatMap(id => {
      const { boost, pin } = this.#options.promotions?.of(id, now) ?? {}
      const row = generation.itemRows.indexOf(id)
      const pinned = pin && isFor(pin, {}) ? pin.place : undefined
      if ((boost ?? pinned) === undefined || row < 0 || !generation.visibility.has(row)) return []
      const what = { ...(boost !== undefined && { boost }), ...(pinned !== undefined && { pinned }) }
      return [{ item: generation.itemIds.at(row), ...what }]
    })
  }
}
