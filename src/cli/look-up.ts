import { NONE } from '../models/ranker.ts'
import type { Id, IdMap } from '../storage/ids.ts'
import { UsageError } from './command.ts'
import { table } from './terminal/table.ts'

/** One line of a list, as `--json` prints it. */
export interface Listed {
  /** The id as it was imported; integers beyond ±2^53 are strings, since JSON readers round them. */
  readonly item: string | number
  readonly score: number
}

/**
 * The index of each id.
 *
 * @throws UsageError with exit code 3 naming those that are unknown.
 */
export function known(map: IdMap, kind: 'user' | 'item', ids: readonly string[]): Uint32Array {
  const indices = ids.map(id => map.indexOf(id))
  const unknown = ids.filter((_, at) => indices[at]! < 0)
  if (unknown.length > 0) {
    const names = unknown.map(id => JSON.stringify(id)).join(', ')
    throw new UsageError(
      `the model knows no ${kind} ${names}: it learned ${map.size} ${kind}s, whose ids are ${map.kind}s like ${printed(map.at(0))}`,
      3,
    )
  }
  return Uint32Array.from(indices)
}

/** The list at `row` of a search, with ids. */
export function listed(
  found: { readonly items: Uint32Array; readonly scores: Float32Array },
  row: number,
  limit: number,
  ids: IdMap,
): Listed[] {
  const list: Listed[] = []
  for (let at = row * limit; at < (row + 1) * limit && found.items[at] !== NONE; at++) {
    list.push({ item: printed(ids.at(found.items[at]!)), score: found.scores[at]! })
  }
  return list
}

/** Prints one list: a JSON object on a line of its own, or a table for people. */
export function print(kind: 'user' | 'item', id: Id, items: readonly Listed[], title: string, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ [kind]: printed(id), items })}\n`)
    return
  }
  const rows = items.map(({ item, score }, at) => [at + 1, `${item}`, Number(score).toFixed(4)])
  process.stdout.write(`${title}\n${rows.length > 0 ? table(rows) : '(nothing is left to list)\n'}`)
}

function printed(id: Id): string | number {
  return typeof id === 'bigint' ? `${id}` : id
}
