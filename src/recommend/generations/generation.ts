import type { Catalogue } from '../../catalogue/catalogue.ts'
import { type RowLookup, Visibility } from '../../catalogue/visibility.ts'
import type { UserEvent } from '../../events/event.ts'
import type { Artifact } from '../../models/artifact/artifact.ts'
import { ModelPool } from '../../models/open/model-pool.ts'
import { noRow, type PlacedItems } from '../../models/open/placed/placed-items.ts'
import type { Pool } from '../../parallel/pool.ts'
import { sharedArray } from '../../storage/shared-array.ts'
import type { PlacingFigures } from '../placing/placer.ts'
import { ItemRows } from './item-rows.ts'
import { KeptIds } from './kept-ids.ts'

/** Items that a generation may learn of or place, beside those of its model: more are not known until the next training. */
const newItems = 65_536
/** In ms: how long after the catalogue could not be read it is asked again. */
const pauseAfterFailure = 1000

export interface GenerationOptions {
  readonly pool: Pool
  readonly background?: Pool
  /** Items that it may learn of or place. Default: 65,536. */
  readonly newItems?: number | undefined
}

/**
 * One published model: its files mapped, open in the workers. Each use of it is counted, and a retired
 * generation is closed when its last use has ended.
 */
export class Generation {
  /** Names the model: another model has another name. */
  readonly name: string
  readonly models: ModelPool
  /** Ids of the model's items, by their rows in it. */
  readonly itemIds: KeptIds
  /** Rows of the model's items, and of new ones that it {@link learns} of or that are placed. */
  readonly itemRows: ItemRows
  /** How well items are placed that the model does not know, once that was found out. */
  placing: PlacingFigures | undefined
  /** Which of the items lists may have: all, until a catalogue is attached. */
  #visibility: Visibility
  #catalogue: Catalogue | undefined
  /** New items that the catalogue is to be asked of. */
  readonly #held: string[] = []
  #admitted: Promise<void> = Promise.resolve()
  /** Of the items that are placed; undefined until any were. */
  #placed: ReadonlySet<string> | undefined
  #placedRows = new Uint32Array(0)
  #isAdmitting = false
  #uses = 0
  #whenUnused: (() => void) | undefined

  /** @throws Error naming the file that is missing or altered. */
  static async open(directory: string, options: GenerationOptions) {
    return new Generation(await ModelPool.open(directory, { ...options, newItems: options.newItems ?? newItems }))
  }

  private constructor(models: ModelPool) {
    this.name = models.artifact.checksum
    this.models = models
    this.itemRows = new ItemRows(models.artifact.items, models.items, id => this.#hold(id))
    this.itemIds = new KeptIds(this.itemRows)
    this.#visibility = new Visibility(this.#rowLookup, () => Promise.resolve(new Uint32Array(0)))
  }

  /** Lists have what `catalogue` says that they may have, from now until the generation is retired. @throws Error when it cannot be read. */
  async attach(catalogue: Catalogue): Promise<void> {
    this.#visibility = await catalogue.attach(this.#rowLookup)
    this.#catalogue = catalogue
  }

  get visibility(): Visibility {
    return this.#visibility
  }

  get artifact(): Artifact {
    return this.models.artifact
  }

  /** Fulfilled once lists may have the new items that it learned of by now, but for those that the catalogue hides. */
  get admitted(): Promise<void> {
    return this.#admitted
  }

  /** Whether it learns from events as they come. */
  get learns(): boolean {
    return this.models.learns
  }

  /** Learns from an event, where it can and the event has an item. */
  learn({ user, item, weight, kind, time }: UserEvent): void {
    if (!this.learns || item === undefined) return
    const counted = this.artifact.weighting?.events.of(weight, kind, time) ?? weight
    const row = counted > 0 ? this.itemRows.add(item, user) : -1
    // A clock that is ahead must not age what others did.
    if (row >= 0) this.models.learn({ user, item: row, weight: counted, time: Math.min(time, Date.now()) })
  }

  /** Whether events of `item` change lists before the next training. */
  countsEventsOf(item: string): boolean {
    const row = this.itemRows.indexOf(item)
    return row >= 0 && (this.learns || row < this.artifact.items.size)
  }

  /** Whether items were placed, be it that none are any more. */
  get hasPlaced(): boolean {
    return this.#placed !== undefined
  }

  /** The row of an item of the model or one that is placed, or -1. */
  rowOfDescribed(item: string): number {
    const row = this.artifact.items.indexOf(item)
    return row < 0 && this.#placed?.has(item) ? this.itemRows.indexOf(item) : row
  }

  /** Items that it may learn of or place. */
  get newItems(): number {
    return this.models.items - this.artifact.items.size
  }

  /** How many items are placed, of those that have a row. */
  get placedItems(): number {
    return this.#placedRows.reduce((count, row) => count + Number(row !== noRow), 0)
  }

  /** Whether items are not placed for lack of rows, some of which are those of items that are not placed any more: another generation has them again. */
  get lacksRows(): boolean {
    const placed = this.placedItems
    return placed < this.#placedRows.length && placed < this.itemRows.addedForNone
  }

  /**
   * Lists have these items, which the model does not know, in place of those that were placed before; where there is no room, the first of them. Without
   * `ids`: they are those of the last call.
   */
  place(ids: readonly string[] | undefined, similar: Pick<PlacedItems, 'similar' | 'bySimilar'>): void {
    if (ids) {
      this.#placed = new Set(ids)
      this.#placedRows = sharedArray(Uint32Array, ids.length)
      // -1 is the row of none.
      this.#placedRows.set(ids.map(id => this.itemRows.add(id)))
    }
    this.models.place({ rows: this.#placedRows, ...similar })
  }

  /** Rows of items by id, with room for those that are learned of. */
  get #rowLookup(): RowLookup {
    return { size: this.models.items, indicesOf: ids => this.itemRows.indicesOf(ids) }
  }

  /** A new item has no place in lists before it is known what the catalogue says of it. */
  #hold(id: string): void {
    if (!this.#catalogue) return
    this.#visibility.hold(this.itemRows.indexOf(id))
    this.#held.push(id)
    this.#admitHeld()
  }

  #admitHeld(): void {
    if (this.#isAdmitting) return
    this.#isAdmitting = true
    this.#admitted = this.#admitted.then(() => this.#admit())
  }

  /** Where the catalogue cannot be read, again later: until then no list has these items. */
  async #admit(): Promise<void> {
    const ids = this.#held.splice(0)
    this.#isAdmitting = false
    if (await this.#catalogue!.admit(this.#visibility, ids)) return
    this.#held.push(...ids)
    setTimeout(() => {
      if (!this.#visibility.isClosed) this.#admitHeld()
    }, pauseAfterFailure).unref()
  }

  /** Keeps the generation open until what `work` promises is settled. */
  async use<Result>(work: (models: ModelPool) => Promise<Result>): Promise<Result> {
    this.#uses++
    try {
      return await work(this.models)
    } finally {
      if (--this.#uses === 0) this.#whenUnused?.()
    }
  }

  /** Closes it once nobody uses it. */
  async retire(): Promise<void> {
    if (this.#uses > 0) {
      await new Promise<void>(resolve => {
        this.#whenUnused = resolve
      })
    }
    this.#catalogue?.detach(this.#visibility)
    await this.models.close()
  }
}
