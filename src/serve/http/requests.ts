import { z } from 'zod'
import { WireError } from '../../protocol/errors.ts'
import { limits } from '../../protocol/limits.ts'
import { Event, FilterIds } from '../../protocol/messages.ts'

const truth = z.enum(['true', 'false']).transform(word => word === 'true')
const limit = z.coerce.number().int().min(1).max(limits.listItems).default(10)

/** `/v1/recommend/:user`; `exclude` and `only` may be repeated. */
export const RecommendQuery = z.strictObject({
  limit,
  seen: truth.default(false),
  exclude: FilterIds.default([]),
  only: FilterIds.optional(),
  /** What a user whom nobody knows gets: an error, or the most popular items. */
  unknown: z.enum(['error', 'popular']).default('error'),
})

export const SimilarQuery = z.strictObject({ limit })

/** One event, or many. */
export const EventsBody = z.union([Event.transform(event => [event]), z.array(Event).min(1).max(limits.events)], {
  error: issue => (Array.isArray(issue.input) ? undefined : 'expected an event or an array of events'),
})

const lists = new Set(['exclude', 'only'])

/**
 * The parameters of a query string, those that may be repeated as arrays.
 *
 * @throws {WireError} `bad_message` for one that is given twice and must not be.
 */
export function parseQuery(query: string): Record<string, string | string[]> {
  const parameters: Record<string, string | string[]> = Object.create(null)
  for (const [name, value] of new URLSearchParams(query)) {
    const former = parameters[name]
    if (Array.isArray(former)) former.push(value)
    else if (former !== undefined) throw new WireError('bad_message', `${name}: expected once`)
    else parameters[name] = lists.has(name) ? [value] : value
  }
  return { ...parameters }
}
