/** Not in any list: beyond every cut. */
const nowhere = 0xffff

/** Which items lists have, and how far from the top. */
export class Coverage {
  /** (items) The best place that it had in any list, counted from 0. */
  readonly #best: Uint16Array

  constructor(items: number) {
    this.#best = new Uint16Array(items).fill(nowhere)
  }

  /** What the lists of all `parts` together have: they are of as many items. */
  static union(parts: readonly Coverage[]): Coverage {
    if (parts.length === 1) return parts[0]
    const all = new Coverage(parts[0].#best.length)
    for (const part of parts) {
      part.#best.forEach((place, item) => {
        if (place < all.#best[item]) all.#best[item] = place
      })
    }
    return all
  }

  add(list: Uint32Array): void {
    list.forEach((item, place) => {
      if (place < this.#best[item]) this.#best[item] = place
    })
  }

  /** The share of all items that are among the first `cut` of a list. */
  share(cut: number): number {
    let count = 0
    for (const place of this.#best) if (place < cut) count++
    return count / this.#best.length
  }
}
