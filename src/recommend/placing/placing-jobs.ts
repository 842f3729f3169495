/** What the worker that places items does: it keeps what it learned, for one generation at a time. */
import { join } from 'node:path'
import { catalogueFile, catalogueFormat } from '../../catalogue/format.ts'
import { storedItems } from '../../catalogue/idle-catalogue.ts'
import type { Item } from '../../catalogue/item.ts'
import { type ItemRow, itemOf } from '../../catalogue/rows.ts'
import { OpenModel } from '../../models/open-model.ts'
import { closedOnError } from '../../storage/closing.ts'
import { openReadOnly } from '../../storage/sqlite.ts'
import { mostPlaced, type Placement, Placer } from './placer.ts'

export interface PlacingJob {
  /** Of the state, whose catalogue is read. */
  readonly state: string
  readonly model: { readonly directory: string; readonly checksum: string }
  /** Items that the catalogue has changed since the last job; the first takes all. */
  readonly changed: readonly string[]
}

/** Of the items that others are placed by: when so many have changed, what was learned is learned anew. */
const staleShare = 0.2

interface Learned {
  readonly checksum: string
  readonly model: OpenModel
  readonly placer: Placer
  /** Items of the model that have changed since. */
  readonly changed: Set<string>
}

let learned: Learned | undefined

/** Places what the model does not know. @throws Error where the catalogue or the model cannot be read. */
export function place({ state, model, changed }: PlacingJob): Placement {
  const file = join(state, catalogueFile)
  if (learned?.checksum !== model.checksum) release()
  for (const id of changed) if (learned?.placer.knows(id)) learned.changed.add(id)
  const isStale = learned && learned.changed.size > staleShare * learned.placer.figures.known
  if (!learned || isStale) {
    // Another model may have taken the place of the one that is open.
    learned = learned
      ? learn(learned.model, state)
      : closedOnError(OpenModel.open(model.directory, { verify: false, checksum: model.checksum }), open =>
          learn(open, state),
        )
  } else {
    const found = itemsOf(file, changed)
    const ids = new Set(found.map(({ id }) => id))
    learned.placer.remove(changed.filter(id => !ids.has(id)))
    learned.placer.place(found)
  }
  return learned.placer.placement
}

function release(): void {
  learned?.model.close()
  learned = undefined
}

function learn(model: OpenModel, state: string): Learned {
  const placer = new Placer(model, storedItems(state))
  placer.place(unknownItems(state, placer))
  return { checksum: model.artifact.checksum, model, placer, changed: new Set() }
}

/** The items that were put last of those that the model lacks. */
function unknownItems(state: string, placer: Placer): Item[] {
  const items: Item[] = []
  for (const item of storedItems(state)) {
    if (placer.knows(item.id)) continue
    items.push(item)
    if (items.length >= 2 * mostPlaced) items.splice(0, items.length - mostPlaced)
  }
  return items.slice(-mostPlaced)
}

function itemsOf(file: string, ids: readonly string[]): Item[] {
  const database = openReadOnly(file, catalogueFormat)
  try {
    const find = database.prepare('SELECT * FROM items WHERE id = ? AND deleted = 0')
    return ids.flatMap(id => {
      const row = find.get(id) as unknown as ItemRow | undefined
      return row ? itemOf(row) : []
    })
  } finally {
    database.close()
  }
}
