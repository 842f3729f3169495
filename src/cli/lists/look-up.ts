import { Option } from 'commander'
import { type ItemList, type ItemSource, itemSources } from '../../models/algorithm.ts'
import { type IdMap, plainId } from '../../storage/ids.ts'
import { UsageError } from '../command.ts'
import { table } from '../terminal/table.ts'

/** One line of a list, as `--json` prints it. */
export interface ListedItem {
  /** The id as it was imported; integers beyond ±2^53 are strings, since JSON readers round them. */
  readonly item: string | number
  readonly score: number
  /** What it rests on, in lists for users. */
  readonly source?: ItemSource
}

/**
 * Says which of `ids` the model does not have.
 *
 * @throws UsageError with exit code 3 naming them.
 */
export function refuseUnknown(map: IdMap, kind: 'user' | 'item', ids: readonly string[]): void {
  const unknown = ids.filter(id => map.indexOf(id) < 0)
  if (unknown.length === 0) return
  const names = unknown.map(id => JSON.stringify(id)).join(', ')
  const size = map.size.toLocaleString('en')
  throw new UsageError(
    `the model has no ${kind} ${names}: its ${size} ${kind}s have ids such as ${JSON.stringify(plainId(map.at(0)))}`,
    3,
  )
}

/** An option that arguments have taken the place of: using it says how to write it now. */
export function nowPositional(flags: string, usage: string): Option {
  return new Option(flags).hideHelp().argParser(() => {
    throw new UsageError(`${flags.split(' ', 1)[0]} is not an option: give ids as arguments, as in ${usage}`)
  })
}

/** A list with ids. */
export function listed({ items, scores, sources }: ItemList, ids: IdMap): ListedItem[] {
  return Array.from(items, (row, at) => {
    const named = { item: plainId(ids.at(row)), score: scores[at] }
    return sources ? { ...named, source: itemSources[sources[at]] } : named
  })
}

/** Prints one list: a JSON object on a line of its own, with the fields of `about` first, or a table for people. */
export function print(
  about: Readonly<Record<string, unknown>>,
  items: readonly ListedItem[],
  title: string,
  json: boolean,
): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...about, items })}\n`)
    return
  }
  const rows = items.map(({ item, score, source }, at) => [at + 1, `${item}`, Number(score).toFixed(4), source ?? ''])
  process.stdout.write(`${title}\n${rows.length > 0 ? table(rows) : '(nothing is left to list)\n'}`)
}
