import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { Item } from './item.ts'
import { demandsOf, type Narrowing } from './narrowing.ts'
import { type ItemRow, itemOf } from './rows.ts'
import { searchWords } from './title-index.ts'

/** What items are looked for. */
export interface SearchQuery extends Narrowing {
  /** Words of the title or the id; the last may be the beginning of one. Default: any item. */
  readonly text?: string | undefined
  /** Whether hidden ones. Default: both. */
  readonly hidden?: boolean | undefined
  /** In ms since 1970: only what lists may have then, without vectors. Default: all. */
  readonly publicAt?: number | undefined
  readonly limit: number
  /** `next` of the page before. Default: from the beginning. */
  readonly after?: number | undefined
}

export interface SearchResult {
  readonly items: readonly Item[]
  /** Where the next page begins, if there may be one. */
  readonly next?: number
}

/**
 * Items that are looked at for one page at most, of those that meet the rarest condition: what is beyond them is left to the next page.
 */
const mostCandidates = 50_000

/** What an item must meet. */
interface Condition {
  /** Of `items.number`, found by an index. */
  readonly sql: string
  readonly values: readonly SQLInputValue[]
  /** Where an index has the items that meet it. */
  readonly source?: Source | undefined
}

/** A table of which a part names items. */
interface Source {
  readonly table: string
  /** The column of the items' numbers. */
  readonly column: 'number' | 'item'
  readonly where: string
  readonly values: readonly SQLInputValue[]
  /** Whether the index has the numbers ascending, each once. */
  readonly isOrdered: boolean
}

const allItems: Source = { table: 'items', column: 'number', where: 'TRUE', values: [], isOrdered: true }

/**
 * One page of the items that have all of it, in the order of their numbers. Where the candidates of one page were looked at and others are
 * left, it has fewer items than `limit`, or none, and `next` all the same.
 */
export function searchItems(database: DatabaseSync, query: SearchQuery, most = mostCandidates): SearchResult {
  const { limit, after = 0, publicAt } = query
  const conditions = conditionsOf(database, query)
  const candidates = candidatesOf(database, conditions, { after, most })
  const rows = database
    .prepare(
      `SELECT items.* FROM (${candidates.sql}) AS candidates CROSS JOIN items ON items.number = candidates.number
       WHERE ${conditions.map(({ sql }) => sql).join(' AND ')} LIMIT ?`,
    )
    .all(...candidates.values, ...conditions.flatMap(({ values }) => values), limit + 1) as unknown as ItemRow[]
  const items = rows.slice(0, limit).map(row => itemOf(publicAt === undefined ? row : { ...row, vector: null }))
  if (rows.length > limit) return { items, next: rows[limit - 1]!.number }
  const { count, last } = database
    .prepare(`SELECT count(*) AS count, max(number) AS last FROM (${candidates.sql})`)
    .get(...candidates.values) as { count: number; last: number | null }
  return count < most || last === null ? { items } : { items, next: last }
}

function conditionsOf(
  database: DatabaseSync,
  { text = '', hidden, publicAt, ...narrowing }: SearchQuery,
): readonly Condition[] {
  const conditions: Condition[] = [{ sql: 'deleted = 0', values: [] }]
  if (hidden === true) {
    const source: Source = { ...allItems, where: 'hidden <> 0' }
    conditions.push({ sql: 'hidden <> 0', values: [], source })
  } else if (hidden === false) conditions.push({ sql: 'hidden = 0', values: [] })
  if (publicAt !== undefined) {
    const isFrom = '(available_from IS NULL OR available_from <= ?)'
    const isUntil = '(available_until IS NULL OR ? < available_until)'
    conditions.push({ sql: `hidden = 0 AND ${isFrom} AND ${isUntil}`, values: [publicAt, publicAt] })
  }
  const words = searchWords(text)
  const last = words.pop()
  for (const word of words) conditions.push(among('words', 'word = ?', [word], true))
  // Every word that begins with it comes before it with the highest character after it.
  if (last !== undefined) {
    conditions.push(among('words', 'word >= ? AND word < ?', [last, `${last}\u{10ffff}`], false))
  }
  const find = database.prepare('SELECT number FROM labels WHERE kind = ? AND name = ?')
  for (const { kind, names, needs } of demandsOf(narrowing)) {
    const numbers = names.map(name => (find.get(kind, name) as { number: number } | undefined)?.number ?? -1)
    const marks = numbers.map(() => '?').join(', ')
    const any = among('item_labels', `label IN (${marks})`, numbers, numbers.length === 1)
    if (needs === 'any') conditions.push(any)
    else if (needs === 'none') conditions.push({ sql: `NOT ${any.sql}`, values: numbers })
    else conditions.push(...numbers.map(number => among('item_labels', 'label = ?', [number], true)))
  }
  return conditions
}

/** That `table` names the item where it meets `where`. */
function among(table: string, where: string, values: readonly SQLInputValue[], isOrdered: boolean): Condition {
  const sql = `EXISTS (SELECT 1 FROM ${table} WHERE ${where} AND item = items.number)`
  return { sql, values, source: { table, column: 'item', where, values, isOrdered } }
}

/** The numbers of items after `after`, ascending: all that meet the rarest condition, or the first of these. */
function candidatesOf(
  database: DatabaseSync,
  conditions: readonly Condition[],
  { after, most }: { readonly after: number; readonly most: number },
) {
  let [best, least] = [allItems, most]
  for (const { source } of conditions) {
    if (!source) continue
    const { table, column, where, values, isOrdered } = source
    // What an index has in another order is counted whole and sorted, so that it must be few.
    const rest = isOrdered ? `AND ${column} > ? ` : ''
    const { count } = database
      .prepare(`SELECT count(*) AS count FROM (SELECT 1 FROM ${table} WHERE ${where} ${rest}LIMIT ${least + 1})`)
      .get(...values, ...(isOrdered ? [after] : [])) as { count: number }
    const isBetter = count < least || (best === allItems && isOrdered)
    if (isBetter) [best, least] = [source, Math.min(count, least)]
  }
  const { table, column, where, values, isOrdered } = best
  const distinct = isOrdered ? '' : 'DISTINCT '
  return {
    sql: `SELECT ${distinct}${column} AS number FROM ${table} WHERE ${where} AND ${column} > ? ORDER BY ${column} LIMIT ${most}`,
    values: [...values, after],
  }
}
