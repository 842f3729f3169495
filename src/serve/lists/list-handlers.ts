import { ServiceError } from '../../protocol/errors.ts'
import type { Recommendations } from '../../protocol/values.ts'
import type { Recommender } from '../../recommend/recommender.ts'
import type { Handlers } from '../handler.ts'

/** The methods of lists. */
export function listHandlers(
  recommender: () => Recommender,
): Handlers<'recommend' | 'recommend_batch' | 'rerank' | 'explain' | 'similar'> {
  return {
    recommend: async (query, signal, client) => {
      const { user } = query
      if (query.unknown === 'error' && !(await recommender().knows(user))) {
        throw new ServiceError(
          'unknown_user',
          `neither the model nor the events know the user ${JSON.stringify(user)}; for a list by popularity leave unknown=error out`,
        )
      }
      return { user, ...(await recommender().recommend(query, signal, client)) }
    },
    recommend_batch: ({ users, ...filters }, signal, client) =>
      recommender().recommendBatch(users, filters, signal, client),
    rerank: async ({ user, items }, signal, client) => {
      const query = { user, only: items, seen: 'allow', limit: items.length } as const
      const list = await recommender().recommend(query, signal, client)
      return { user, ...list, left: leftOf(items, list) }
    },
    explain: async ({ user, items }, signal, client, { isAdmin }) => {
      const { promoted, ...explained } = await recommender().explain(user, items, signal, client)
      return { user, ...explained, left: leftOf(items, explained), ...(isAdmin && promoted && { promoted }) }
    },
    similar: async (query, signal, client) => ({
      item: query.item,
      ...(await recommender().similar(query, signal, client)),
    }),
  }
}

/** Those of `asked` that the list lacks, each once. */
function leftOf(asked: readonly string[], { items }: Pick<Recommendations, 'items'>): string[] {
  const found = new Set(items.map(({ item }) => String(item)))
  return [...new Set(asked)].filter(item => !found.has(item))
}
