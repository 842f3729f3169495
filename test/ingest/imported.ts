import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ImportOptions, importDataset } from '../../src/ingest/import.ts'
import { Dataset } from '../../src/storage/dataset.ts'
import type { Id } from '../../src/storage/ids.ts'
import { sequenceOf } from '../../src/storage/sequences.ts'

/** What an import of `text`, a file called `name` in `folder`, leaves on disk; columns are `user` and `item`. */
export async function imported(
  folder: string,
  text: string | Uint8Array,
  options: Partial<ImportOptions> = {},
  name = 'source.csv',
): Promise<Dataset> {
  const source = join(folder, name)
  writeFileSync(source, text)
  const out = join(folder, 'out')
  await importDataset({ sources: [source], user: 'user', item: 'item', out, replace: true, ...options })
  return Dataset.open(out, { verify: true })
}

/** All pairs of a dataset, in its order: user, item, weight. */
export function pairsOf({ byUser, users, items }: Dataset): Id[][] {
  const pairs: Id[][] = []
  for (let user = 0; user < byUser.rows; user++) {
    for (let at = Number(byUser.indptr[user]); at < byUser.indptr[user + 1]!; at++) {
      pairs.push([users.at(user), items.at(byUser.indices[at]!), byUser.weights[at]!])
    }
  }
  return pairs
}

/** One event by the names that the source has for everything. */
export interface NamedEvent {
  readonly user: Id
  readonly item: Id
  readonly time: number
  /** Absent where all events weigh 1. */
  readonly weight?: number | undefined
  readonly kind?: string | undefined
}

/** All events of a dataset, in its order. */
export function eventsOf({ events, users, items, manifest }: Dataset): NamedEvent[] {
  if (!events) throw new Error('the dataset has no events')
  return Array.from({ length: events.rows }, (_, row) => {
    const sequence = sequenceOf(events, row)
    const user = users.at(row)
    return Array.from(sequence.items, (item, at) => ({
      user,
      item: items.at(item),
      time: Number(sequence.times[at]),
      weight: sequence.weights?.[at],
      kind: sequence.kinds && manifest.kinds?.[sequence.kinds[at]!],
    }))
  }).flat()
}
