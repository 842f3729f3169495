import type { IdMap } from '../../storage/ids.ts'

/** Numbers ids: those of a dataset by their rows, others after these in the order in which they come. */
export class Numbering {
  readonly #rows: IdMap
  readonly #numbers = new Map<string, number>()
  readonly #added: string[] = []

  constructor(rows: IdMap) {
    this.#rows = rows
  }

  /** Ids that the dataset lacks; the first has the number {@link rows}. */
  get added(): readonly string[] {
    return this.#added
  }

  /** How many ids the dataset has. */
  get rows(): number {
    return this.#rows.size
  }

  get size(): number {
    return this.#rows.size + this.#added.length
  }

  numbersOf(ids: readonly string[]): readonly number[] {
    const unseen = [...new Set(ids)].filter(id => !this.#numbers.has(id))
    const rows = this.#rows.indicesOf(unseen)
    unseen.forEach((id, at) => {
      const row = rows[at]!
      this.#numbers.set(id, row >= 0 ? row : this.#rows.size + this.#added.push(id) - 1)
    })
    return ids.map(id => this.#numbers.get(id)!)
  }

  idOf(number: number): string {
    return number < this.#rows.size ? String(this.#rows.at(number)) : this.#added[number - this.#rows.size]!
  }
}
