import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Item, UserLabels } from './item.ts'
import type { LabelKind } from './narrowing.ts'
import { PromotionTables } from './promotions/tables.ts'
import { type ItemRow, type ItemState, isAvailable, itemOf, stateColumns, stateOf } from './rows.ts'
import { type SearchQuery, type SearchResult, searchItems } from './search.ts'

/** Reads the file of a catalogue, also while another connection writes it. */
export class CatalogueReader {
  readonly #database: DatabaseSync
  readonly #promotions: PromotionTables
  readonly #find: StatementSync
  readonly #findState: StatementSync
  readonly #itemsWith: StatementSync
  readonly #findUser: StatementSync

  /** `database` has the format of a catalogue. */
  constructor(database: DatabaseSync) {
    this.#database = database
    this.#promotions = new PromotionTables(database)
    this.#find = database.prepare('SELECT * FROM items WHERE id = ?')
    this.#findState = database.prepare(`SELECT ${stateColumns}, tags, categories FROM items WHERE id = ?`)
    this.#itemsWith = database.prepare(
      'SELECT item FROM item_labels WHERE label = (SELECT number FROM labels WHERE kind = ? AND name = ?) ORDER BY item',
    )
    this.#findUser = database.prepare('SELECT labels FROM users WHERE id = ?')
  }

  /**
   * In the order of `ids`; undefined where nothing is known of one, a promotion neither. `publicAt`, in ms since 1970: only what lists may have then, without
   * vectors and promotions.
   */
  get(ids: readonly string[], publicAt?: number): (Item | undefined)[] {
    return ids.map(id => {
      const row = this.#find.get(id) as unknown as ItemRow | undefined
      const isKnown = row && !row.deleted
      if (publicAt === undefined) return isKnown ? this.#withPromotions(itemOf(row)) : this.#onlyPromoted(id)
      if (!isKnown) return undefined
      return isAvailable(stateOf(row), publicAt) ? itemOf({ ...row, vector: null }) : undefined
    })
  }

  /** Which of these items lists may have; those that nothing is known of are left out. */
  statesOf(ids: readonly string[]): ItemState[] {
    return ids.flatMap(id => {
      const row = this.#findState.get(id) as unknown as ItemRow | undefined
      return row ? stateOf(row) : []
    })
  }

  /** Items by words of their titles and by labels, in the order in which they were first put. */
  search(query: SearchQuery): SearchResult {
    const found = searchItems(this.#database, query)
    if (query.publicAt !== undefined) return found
    return { ...found, items: found.items.map(item => this.#withPromotions(item)) }
  }

  /** The numbers of the items with a label, ascending. */
  itemsWith(kind: LabelKind, name: string): Uint32Array {
    const rows = this.#itemsWith.all(kind, name) as unknown as { item: number }[]
    return Uint32Array.from(rows, ({ item }) => item)
  }

  /** In the order of `ids`; no labels where none are known. */
  getUsers(ids: readonly string[]): UserLabels[] {
    return ids.map(id => {
      const found = this.#findUser.get(id) as { labels: string } | undefined
      return { id, labels: found ? JSON.parse(found.labels) : [] }
    })
  }

  close(): void {
    this.#database.close()
  }

  /** An item that it lacks, or has deleted, where it has promotions all the same. */
  #onlyPromoted(id: string): Item | undefined {
    const item = this.#withPromotions({ id, tags: [], categories: [], hidden: false })
    return item.boost === undefined && item.pin === undefined ? undefined : item
  }

  #withPromotions(item: Item): Item {
    return { ...item, ...this.#promotions.of(item.id) }
  }
}
