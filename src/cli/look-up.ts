import type { ItemList } from '../models/algorithm.ts'
import type { Id, IdMap } from '../storage/ids.ts'
import { UsageError } from './command.ts'
import { table } from './terminal/table.ts'

/** One line of a list, as `--json` prints it. */
export interface ListedItem {
  /** The id as it was imported; integers beyond ±2^53 are strings, since JSON readers round them. */
  readonly item: string | number
  readonly score: number
}

/**
 * The row of each id.
 *
 * @throws UsageError with exit code 3 naming those that are unknown.
 */
export function knownRows(map: IdMap, kind: 'user' | 'item', ids: readonly string[]): number[] {
  const rows = ids.map(id => map.indexOf(id))
  const unknown = ids.filter((_, at) => rows[at] < 0)
  if (unknown.length > 0) {
    const names = unknown.map(id => JSON.stringify(id)).join(', ')
    throw new UsageError(
      `the model knows no ${kind} ${names}: it learned ${map.size} ${kind}s, whose ids are ${map.kind}s like ${printable(map.at(0))}`,
      3,
    )
  }
  return rows
}

/** A list with ids. */
export function listed({ items, scores }: ItemList, ids: IdMap): ListedItem[] {
  return Array.from(items, (row, at) => ({ item: printable(ids.at(row)), score: scores[at] }))
}

/** Prints one list: a JSON object on a line of its own, or a table for people. */
export function print(kind: 'user' | 'item', id: Id, items: readonly ListedItem[], title: string, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ [kind]: printable(id), items })}\n`)
    return
  }
  const rows = items.map(({ item, score }, at) => [at + 1, `${item}`, Number(score).toFixed(4)])
  process.stdout.write(`${title}\n${rows.length > 0 ? table(rows) : '(nothing is left to list)\n'}`)
}

function printable(id: Id): string | number {
  return typeof id === 'bigint' ? `${id}` : id
}
