import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ImportOptions, importDataset } from '../../src/ingest/import.ts'
import { Dataset } from '../../src/storage/dataset.ts'
import type { Id } from '../../src/storage/ids.ts'

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

/** All pairs of a dataset, in its order: user, item, weight and, where there are times, time. */
export function pairsOf({ byUser, users, items, times }: Dataset): (Id | bigint)[][] {
  const pairs: (Id | bigint)[][] = []
  for (let user = 0; user < byUser.rows; user++) {
    for (let at = Number(byUser.indptr[user]); at < byUser.indptr[user + 1]!; at++) {
      pairs.push([users.at(user), items.at(byUser.indices[at]!), byUser.weights[at]!, ...(times ? [times[at]!] : [])])
    }
  }
  return pairs
}
