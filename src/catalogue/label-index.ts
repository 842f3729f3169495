import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { LabelKind } from './narrowing.ts'

/** Which items have which tags and categories. */
export class LabelIndex {
  readonly #find: StatementSync
  readonly #make: StatementSync
  readonly #add: StatementSync
  readonly #remove: StatementSync
  readonly #removeUnused: StatementSync
  readonly #count: StatementSync
  #size = 0

  constructor(database: DatabaseSync) {
    this.#find = database.prepare('SELECT number FROM labels WHERE kind = ? AND name = ?')
    this.#make = database.prepare('INSERT INTO labels (kind, name) VALUES (?, ?) RETURNING number')
    this.#add = database.prepare('INSERT OR IGNORE INTO item_labels VALUES (?, ?)')
    this.#remove = database.prepare('DELETE FROM item_labels WHERE label = ? AND item = ?')
    this.#removeUnused = database.prepare(
      'DELETE FROM labels WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM item_labels WHERE label = ?1)',
    )
    this.#count = database.prepare('SELECT count(*) AS count FROM labels')
    this.recount()
  }

  /** Different labels. */
  get size(): number {
    return this.#size
  }

  /** To be called where a transaction was rolled back. */
  recount(): void {
    this.#size = (this.#count.get() as { count: number }).count
  }

  /** The item of this number has `after` instead of `before`. */
  replace(item: number, kind: LabelKind, before: readonly string[], after: readonly string[]): void {
    const [former, next] = [new Set(before), new Set(after)]
    for (const name of next) {
      if (former.has(name)) continue
      let number = this.#numberOf(kind, name)
      if (number === undefined) {
        number = (this.#make.get(kind, name) as { number: number }).number
        this.#size++
      }
      this.#add.run(number, item)
    }
    for (const name of former) {
      const number = next.has(name) ? undefined : this.#numberOf(kind, name)
      if (number === undefined) continue
      this.#remove.run(number, item)
      this.#size -= Number(this.#removeUnused.run(number).changes)
    }
  }

  #numberOf(kind: LabelKind, name: string): number | undefined {
    return (this.#find.get(kind, name) as { number: number } | undefined)?.number
  }
}
