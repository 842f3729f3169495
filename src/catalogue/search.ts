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
  readonly limit: number
  /** `next` of the page before. Default: from the beginning. */
  readonly after?: number | undefined
}

export interface SearchResult {
  readonly items: readonly Item[]
  /** Where the next page begins, if there is one. */
  readonly next?: number
}

/** One page of the items that have all of it, in the order of their numbers. */
export function searchItems(database: DatabaseSync, query: SearchQuery): SearchResult {
  const { text = '', hidden, limit, after = 0 } = query
  const conditions = ['items.number > ?', 'items.deleted = 0']
  const values: SQLInputValue[] = [after]
  const add = (condition: string, ...given: SQLInputValue[]) => {
    conditions.push(condition)
    values.push(...given)
  }
  if (hidden !== undefined) add('items.hidden = ?', Number(hidden))
  const words = searchWords(text)
  words.slice(0, -1).forEach(word => {
    add('EXISTS (SELECT 1 FROM words WHERE word = ? AND item = items.number)', word)
  })
  const last = words.at(-1)
  // Every word that begins with it comes before it with the highest character after it.
  if (last !== undefined) {
    add('items.number IN (SELECT item FROM words WHERE word >= ? AND word < ?)', last, `${last}\u{10ffff}`)
  }
  for (const { kind, names, needs } of demandsOf(query)) {
    const marks = names.map(() => '?').join(', ')
    const found = `items.number IN (SELECT item FROM item_labels JOIN labels ON labels.number = label WHERE kind = ? AND name IN (${marks}))`
    if (needs === 'any') add(found, kind, ...names)
    else if (needs === 'none') add(`NOT ${found}`, kind, ...names)
    else for (const name of names) add(found.replace(`(${marks})`, '(?)'), kind, name)
  }
  const rows = database
    .prepare(`SELECT * FROM items WHERE ${conditions.join(' AND ')} ORDER BY items.number LIMIT ?`)
    .all(...values, limit + 1) as unknown as ItemRow[]
  const items = rows.slice(0, limit).map(itemOf)
  return rows.length > limit ? { items, next: rows[limit - 1]!.number } : { items }
}
