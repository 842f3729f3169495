import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { openDatabase, transact } from '../storage/sqlite.ts'
import { catalogueBounds } from './bounds.ts'
import { catalogueFormat } from './format.ts'
import {
  assertItem,
  assertUser,
  CatalogueError,
  type ItemFields,
  type ItemInput,
  type ItemPatch,
  refusal,
  type UserLabels,
} from './item.ts'
import { LabelIndex } from './label-index.ts'
import type { PinInput, Promoted } from './promotions/promotion.ts'
import { PromotionTables } from './promotions/tables.ts'
import { CatalogueReader } from './reader.ts'
import { type ItemRow, type ItemState, itemOf, stateColumns, stateOf } from './rows.ts'
import { TitleIndex } from './title-index.ts'

/** What a change changed. */
export interface Changed {
  /** The items, as they are now. */
  readonly items: readonly ItemState[]
  /** Items of the call that came again later in it: only the last one counts. */
  readonly duplicates: number
  /** Of items whose promotions went with them: that they have none. */
  readonly promoted?: Promoted
}

/** Writes and reads the file of a catalogue. What a method changed is on disk when it returns; a call is carried out whole or not at all. */
export class CatalogueStore extends CatalogueReader {
  readonly #database: DatabaseSync
  readonly #promotions: PromotionTables
  readonly #labels: LabelIndex
  readonly #titles: TitleIndex
  readonly #find: StatementSync
  readonly #write: StatementSync

  /** @throws Error when `file` is not a catalogue, or of another version. */
  constructor(file: string) {
    const database = openDatabase(file, catalogueFormat)
    super(database)
    this.#database = database
    this.#promotions = new PromotionTables(database)
    // Labels of users who are to be forgotten are overwritten.
    this.#database.exec('PRAGMA secure_delete = ON; PRAGMA cache_size = -65536')
    this.#labels = new LabelIndex(this.#database)
    this.#titles = new TitleIndex(this.#database)
    this.#find = this.#database.prepare('SELECT * FROM items WHERE id = ?')
    this.#write = this.#database.prepare(
      `INSERT INTO items (id, title, tags, categories, text, url, available_from, available_until, vector, hidden, deleted)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
       ON CONFLICT (id) DO UPDATE SET title = ?2, tags = ?3, categories = ?4, text = ?5, url = ?6, available_from = ?7,
         available_until = ?8, vector = ?9, hidden = ?10, deleted = ?11
       RETURNING number`,
    )
  }

  /** Different tags and categories of all items. */
  get distinctLabels(): number {
    return this.#labels.size
  }

  /**
   * Keeps `items` in place of what was known of them; of one id, the last.
   *
   * @throws {CatalogueError} naming the item and what is wrong; Error when the disk failed. Nothing is changed then.
   */
  put(items: readonly ItemInput[]): Changed {
    return this.#change(items, false)
  }

  /** Changes what is given of the fields of items; one that the catalogue lacks is made. @throws as {@link put}. */
  patch(patches: readonly ItemPatch[]): Changed {
    return this.#change(patches, true)
  }

  /** Removes what is known of items, promotions too. They stay out of all lists until they are put again. */
  delete(ids: readonly string[]): Changed {
    const items: ItemState[] = []
    let promoted: Promoted = []
    this.#transact(() => {
      for (const id of new Set(ids)) {
        assertItem({ id })
        items.push(this.#replace(id, this.#row(id), { hidden: true }, true))
      }
      promoted = this.#promotions.remove(ids)
    })
    return { items, duplicates: ids.length - items.length, promoted }
  }

  /** Which of the items after number `after` lists may have, up to `limit` of them; without their labels, which are many. */
  statesAfter(after: number, limit: number): ItemState[] {
    const rows = this.#database
      .prepare(
        `SELECT ${stateColumns}, '[]' AS tags, '[]' AS categories FROM items WHERE number > ? ORDER BY number LIMIT ?`,
      )
      .all(after, limit)
    return (rows as unknown as ItemRow[]).map(stateOf)
  }

  /** The items that become available, or cease to be, after one of two times and up to the other. */
  changingBetween(one: number, other: number): ItemState[] {
    const [after, upTo] = [Math.min(one, other), Math.max(one, other)]
    const rows = this.#database
      .prepare(
        `SELECT ${stateColumns}, tags, categories FROM items WHERE available_from > ?1 AND available_from <= ?2
         UNION SELECT ${stateColumns}, tags, categories FROM items WHERE available_until > ?1 AND available_until <= ?2`,
      )
      .all(after, upTo)
    return (rows as unknown as ItemRow[]).map(stateOf)
  }

  /** When an item next becomes available or ceases to be, after `now`. */
  nextChange(now: number): number | undefined {
    const { next } = this.#database
      .prepare(
        `SELECT min(time) AS next FROM (SELECT min(available_from) AS time FROM items WHERE available_from > ?1
         UNION ALL SELECT min(available_until) FROM items WHERE available_until > ?1)`,
      )
      .get(now) as { next: number | null }
    return next ?? undefined
  }

  /** Keeps the labels of users in place of those that they had. @throws as {@link put}. */
  putUsers(users: readonly UserLabels[]): void {
    transact(this.#database, () => {
      const put = this.#database.prepare('INSERT OR REPLACE INTO users VALUES (?, ?)')
      const remove = this.#database.prepare('DELETE FROM users WHERE id = ?')
      for (const user of users) {
        assertUser(user)
        if (user.labels.length === 0) remove.run(user.id)
        else put.run(user.id, JSON.stringify([...new Set(user.labels)]))
      }
    })
  }

  /** Boosts items; the factor 1 takes boosts away. Gives the promotions of these as they are now. @throws as {@link put}. */
  boost(ids: readonly string[], factor: number): Promoted {
    return this.#promote(() => this.#promotions.boost(ids, factor))
  }

  /** Pins items, in place of their former pins. @throws as {@link put}. */
  pin(pins: readonly PinInput[]): Promoted {
    return this.#promote(() => this.#promotions.pin(pins, Date.now()))
  }

  unpin(ids: readonly string[]): Promoted {
    return this.#promote(() => this.#promotions.unpin(ids))
  }

  /** All promotions that there are. */
  promoted(): Promoted {
    return this.#promotions.all()
  }

  /** Nothing of a user is left, in the file and its log neither. @throws Error while another process reads the catalogue. */
  forgetUser(id: string): void {
    transact(this.#database, () => this.#database.prepare('DELETE FROM users WHERE id = ?').run(id))
    const { busy } = this.#database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() as { busy: number }
    if (busy === 0) return
    throw new Error(
      'another process reads the catalogue, so its log has the user still: do it again when its copy or export is done',
    )
  }

  #promote(work: () => Promoted): Promoted {
    let promoted: Promoted = []
    transact(this.#database, () => {
      promoted = work()
    })
    return promoted
  }

  #transact(work: () => void): void {
    try {
      transact(this.#database, work)
    } catch (error) {
      this.#labels.recount()
      throw error
    }
  }

  #row(id: string): ItemRow | undefined {
    return this.#find.get(id) as unknown as ItemRow | undefined
  }

  /** Patches of one item add up; of items that are put, the last replaces the others. */
  #change(given: readonly (ItemInput | ItemPatch)[], isPatch: boolean): Changed {
    const last = new Map(given.map(item => [item.id, item]))
    const items = new Map<string, ItemState>()
    this.#transact(() => {
      for (const item of given) {
        assertItem(item)
        if (!isPatch && last.get(item.id) !== item) continue
        const row = this.#row(item.id)
        // That it is not hidden does not bring back what is deleted.
        if (isPatch && row?.deleted && isOnlyShown(item)) {
          items.set(item.id, stateOf(row))
          continue
        }
        const base = isPatch && row && !row.deleted ? itemOf(row) : undefined
        items.set(item.id, this.#replace(item.id, row, { ...base, ...givenFields(item) }, false))
      }
    })
    return { items: [...items.values()], duplicates: given.length - items.size }
  }

  #replace(id: string, before: ItemRow | undefined, fields: ItemFields, deleted: boolean): ItemState {
    const { title, text, url, availableFrom, availableUntil, vector, hidden = false } = fields
    const [tags, categories] = [[...new Set(fields.tags)], [...new Set(fields.categories)]]
    if (vector) this.#assertVector(id, vector, before)
    const { number } = this.#write.get(
      id,
      title ?? null,
      JSON.stringify(tags),
      JSON.stringify(categories),
      text ?? null,
      url ?? null,
      availableFrom ?? null,
      availableUntil ?? null,
      vector ? new Uint8Array(Float32Array.from(vector).buffer) : null,
      Number(hidden),
      Number(deleted),
    ) as { number: number }
    const former = before && itemOf(before)
    this.#labels.replace(number, 'tag', former?.tags ?? [], tags)
    this.#labels.replace(number, 'category', former?.categories ?? [], categories)
    if (this.#labels.size > catalogueBounds.distinctLabels) {
      throw new CatalogueError(
        `the catalogue would have more than ${catalogueBounds.distinctLabels} different tags and categories, the first with item ${JSON.stringify(id)}: use fewer, or put what is unique to an item into its text`,
      )
    }
    const isKnown = before !== undefined && !before.deleted
    this.#titles.replace(
      number,
      isKnown ? { id, title: before.title } : undefined,
      deleted ? undefined : { id, title: title ?? null },
    )
    return { number, id, hidden: hidden || deleted, from: availableFrom, until: availableUntil, tags, categories }
  }

  /** @throws {CatalogueError} where other items have vectors of another length. */
  #assertVector(id: string, vector: ArrayLike<number>, before: ItemRow | undefined): void {
    const other = this.#database
      .prepare('SELECT length(vector) AS bytes FROM items WHERE vector IS NOT NULL AND number <> ? LIMIT 1')
      .get(before?.number ?? -1) as { bytes: number } | undefined
    const expected = other && other.bytes / 4
    if (expected === undefined || expected === vector.length) return
    throw refusal(
      id,
      'vector',
      `expected ${expected} numbers, as the vectors of all other items have, got ${vector.length}: make all with one model, or take away those that are there`,
    )
  }
}

/** The fields of an item without its id: null takes one away. */
function givenFields({ id: _, ...fields }: ItemInput | ItemPatch): ItemFields {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given.map(([field, value]) => [field, value ?? undefined]))
}

function isOnlyShown(item: ItemInput | ItemPatch): boolean {
  const fields = Object.entries(givenFields(item))
  return fields.length === 1 && item.hidden === false
}
