import { type IdMap, plainId } from '../../storage/ids.ts'

/** Ids of items as they are given out. Some are kept: most lists hold the same popular items, and to read an id takes long. */
export class KeptIds {
  readonly #ids: Pick<IdMap, 'at'>
  /** Each where the lower bits of its row say, and those rows. */
  readonly #kept: (string | number)[]
  readonly #rows: Int32Array

  /** `most`: how many are kept, a power of 2. */
  constructor(ids: Pick<IdMap, 'at'>, most = 65_536) {
    this.#ids = ids
    this.#kept = Array(most).fill('')
    this.#rows = new Int32Array(most).fill(-1)
  }

  /** @throws RangeError when there is no such row. */
  at(row: number): string | number {
    const place = row & (this.#rows.length - 1)
    if (this.#rows[place] !== row) {
      this.#kept[place] = plainId(this.#ids.at(row))
      this.#rows[place] = row
    }
    return this.#kept[place]!
  }
}
