/** What the worker that places items does: it keeps what it learned, for one generation at a time. */
import { join } from 'node:path'
import { catalogueFile, catalogueFormat } from '../../catalogue/format.ts'
import { storedItems } from '../../catalogue/idle-catalogue.ts'
import type { Item } from '../../catalogue/item.ts'
import { type ItemRow, itemOf } from '../../catalogue/rows.ts'
import { OpenModel } from '../../models/open/open-model.ts'
import { closedOnError } from '../../storage/closing.ts'
import { openReadOnly } from '../../storage/sqlite.ts'
import { type Placement, Placer } from './placer.ts'

export interface PlacingJob {
  /** Of the state, whose catalogue is read. */
  readonly state: string
  readonly model: { readonly directory: string; readonly checksum: string }
  /** Items that the catalogue has changed since the last job; the first takes all. */
  readonly changed: readonly string[]
  readonly mostPlaced: number
  /** What the generation has; absent where it has nothing yet. */
  readonly since?: PlacementVersion | undefined
  /** In shared memory: not 0 once nobody wants the result any more. */
  readonly cancelled: Int32Array
}

/** Names a placement among those of one worker. */
export interface PlacementVersion {
  /** What was learned. */
  readonly learned: number
  readonly placed: number
}

export interface PlacingResult {
  readonly version: PlacementVersion
  /** Absent where it is the one that the generation has. */
  readonly placement?: Placement
}

/** Of the items that others are placed by: when so many have changed, what was learned is learned anew. */
const staleShare = 0.2

interface Learned {
  readonly id: number
  readonly checksum: string
  readonly model: OpenModel
  readonly placer: Placer
  /** Items of the model that have changed since. */
  readonly changed: Set<string>
}

let learned: Learned | undefined
let lastId = 0

/** Places what the model does not know. @throws Error where the catalogue or the model cannot be read, or it is cancelled. */
export function place(job: PlacingJob): PlacingResult {
  const { state, model, changed, since } = job
  const file = join(state, catalogueFile)
  if (learned?.checksum !== model.checksum) release()
  for (const id of changed) if (learned?.placer.knows(id)) learned.changed.add(id)
  const isStale = learned && learned.changed.size > staleShare * learned.placer.figures.known
  if (!learned || isStale) {
    // Another model may have taken the place of the one that is open.
    learned = learned
      ? learn(learned.model, job)
      : closedOnError(OpenModel.open(model.directory, { verify: false, checksum: model.checksum }), open =>
          learn(open, job),
        )
  } else {
    const found = itemsOf(file, changed)
    const ids = new Set(found.map(({ id }) => id))
    learned.placer.remove(changed.filter(id => !ids.has(id)))
    learned.placer.place(unlessCancelled(found, job))
  }
  const { id, placer } = learned
  const version = { learned: id, placed: placer.version }
  if (since?.learned !== id) return { version, placement: placer.placement() }
  return since.placed === version.placed ? { version } : { version, placement: placer.placement(since.placed) }
}

function* unlessCancelled(items: Iterable<Item>, { cancelled }: PlacingJob): Generator<Item> {
  for (const item of items) {
    if (Atomics.load(cancelled, 0) !== 0) throw new Error('the items are not to be placed any more')
    yield item
  }
}

function release(): void {
  learned?.model.close()
  learned = undefined
}

function learn(model: OpenModel, job: PlacingJob): Learned {
  const placer = new Placer(model, unlessCancelled(storedItems(job.state), job), job)
  placer.place(unlessCancelled(unknownItems(job, placer), job))
  return { id: ++lastId, checksum: model.artifact.checksum, model, placer, changed: new Set() }
}

/** The items that were put last of those that the model lacks. */
function unknownItems(job: PlacingJob, placer: Placer): Item[] {
  const { mostPlaced } = job
  const items: Item[] = []
  for (const item of unlessCancelled(storedItems(job.state), job)) {
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
