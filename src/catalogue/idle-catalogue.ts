/** The catalogue of a state that no server uses, and what can be read of one that a server uses. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { withLockedStore } from '../storage/directory-lock.ts'
import { openReadOnly } from '../storage/sqlite.ts'
import { catalogueFile, catalogueFormat } from './format.ts'
import type { Item } from './item.ts'
import { itemsAfter } from './rows.ts'
import { CatalogueStore } from './store.ts'

/**
 * Does `work` with the catalogue in the state `directory`, which is made if need be.
 *
 * @throws Error when a server uses the state, and what `work` throws.
 */
export function withCatalogue<Result>(
  directory: string,
  work: (store: CatalogueStore) => Promise<Result>,
): Promise<Result> {
  return withLockedStore(directory, () => new CatalogueStore(join(directory, catalogueFile)), work)
}

/** Whether the state `directory` has a catalogue. */
export function hasCatalogue(directory: string): boolean {
  return existsSync(join(directory, catalogueFile))
}

/** Items that are read at a time. */
const pageSize = 1000

/** All items of the catalogue in the state `directory`, which a server may use meanwhile, in the order in which they were first put. */
export function* storedItems(directory: string): Generator<Item> {
  const database = openReadOnly(join(directory, catalogueFile), catalogueFormat)
  try {
    for (let after = 0; ; ) {
      const page = itemsAfter(database, after, pageSize)
      yield* page.items
      if (page.items.length < pageSize) return
      after = page.last
    }
  } finally {
    database.close()
  }
}
