/** The rows of the source as ordered events, in tables of DuckDB; see pairs.ts for `events`, indices.ts for `users`. */
import { mostKinds } from '../storage/dataset.ts'
import { type Database, identifier } from './database.ts'
import type { TableReader } from './faults.ts'
import { SourceError } from './source-error.ts'

/** The events of users and items that have indices. */
export interface Events {
  readonly count: number
  /** The earliest and the latest time, in ms since 1970; null where there is no event. */
  readonly first: number | null
  readonly last: number | null
  /** Whether some weigh other than 1. */
  readonly hasWeights: boolean
  /** Names of the kinds in the source, ascending; their places are the codes. */
  readonly kinds: readonly string[] | undefined
}

/**
 * Says what the events are that {@link eventsInOrder} selects, if the source has times. Makes `kinds` (name, code) if it
 * has kinds.
 *
 * @param isWhole whether all users and items of the rows in `events` have indices.
 */
export async function describeEvents(
  db: Database,
  readers: readonly TableReader[],
  isWhole: boolean,
): Promise<Events | undefined> {
  const [reader] = readers
  if (!reader?.time) return undefined
  return {
    ...(await countEvents(db, isWhole)),
    hasWeights: reader.weight !== undefined && (await db.rows('select 1 from events where w != 1 limit 1')).length > 0,
    kinds: reader.kind && (await listKinds(db, reader.kind.column)),
  }
}

async function countEvents(db: Database, isWhole: boolean): Promise<Pick<Events, 'count' | 'first' | 'last'>> {
  const kept = isWhole ? '' : 'semi join users on users.code = u semi join items on items.code = i'
  const [found] = await db.rows<Pick<Events, 'count' | 'first' | 'last'>>(
    `select count(*)::double as "count", min(t)::double as "first", max(t)::double as "last" from events ${kept}`,
  )
  return found!
}

async function listKinds(db: Database, column: string): Promise<string[]> {
  const kinds = await db.rows<{ name: string }>(
    `select distinct k as name from events order by name limit ${mostKinds + 1}`,
  )
  if (kinds.length > mostKinds) {
    throw new SourceError(
      `column ${identifier(column)} must have at most ${mostKinds} different kinds, got more: merge some by --query`,
    )
  }
  await db.run(
    `create table kinds as
     select k as name, (row_number() over (order by k) - 1)::utinyint as code from (select distinct k from events)`,
  )
  return kinds.map(({ name }) => name)
}

/**
 * SQL that selects the user, the item, the time and, where there are such, weight and code of kind of each event, by
 * user, then time, then place in the source.
 */
export function eventsInOrder({ hasWeights, kinds }: Events): string {
  return `select users.index, items.index, t ${hasWeights ? ', w::float' : ''} ${kinds ? ', kinds.code' : ''}
    from events join users on users.code = u join items on items.code = i ${kinds ? 'join kinds on kinds.name = k' : ''}
    order by users.index, t, events.rowid`
}
