import { grown } from '../../../storage/shared-array.ts'
import type { PushArticle } from '../../data/article.ts'
import { fnv1a } from '../../text/word-hashes.ts'

export interface ArticleItemsOptions {
  /** Values of an article's vector; 0: articles have none. */
  readonly factors: number
  /** The vector of an article's text; zeros say nothing. */
  readonly vectorOf?: ((article: PushArticle) => Float32Array) | undefined
  /** There must be room for so many items from now on. */
  readonly onGrow: (capacity: number) => void
}

/** What is known of articles by their ids: a row each, a category and a vector. */
export class ArticleItems {
  readonly #options: ArticleItemsOptions
  readonly #rows = new Map<string, number>()
  readonly #categoryNumbers = new Set<number>()
  readonly #vectors = new Map<number, Float32Array>()
  /** (items) See {@link categoryNumber}. Shared. */
  categories = new Uint32Array(0)

  constructor(options: ArticleItemsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#rows.size
  }

  /** Those of the articles so far. */
  get categoryNumbers(): Iterable<number> {
    return this.#categoryNumbers
  }

  /** The row of an article, a new one where there is none. */
  rowOf(id: string): number {
    const known = this.#rows.get(id)
    if (known !== undefined) return known
    const row = this.#rows.size
    this.#rows.set(id, row)
    if (row >= this.categories.length) {
      const capacity = Math.max(1024, Math.ceil(1.5 * (row + 1)))
      this.categories = grown(Uint32Array, this.categories, capacity)
      this.#options.onGrow(capacity)
    }
    return row
  }

  /** The row of an article of which this is known. @throws RangeError when its vector has another length. */
  add(article: PushArticle): number {
    const row = this.rowOf(article.id)
    const { category } = article
    if (category !== undefined) {
      const number = categoryNumber(category)
      this.#categoryNumbers.add(number)
      this.categories[row] = number
    }
    const { factors, vectorOf } = this.#options
    if (!vectorOf || this.#vectors.has(row)) return row
    const vector = vectorOf(article)
    if (vector.length !== factors) {
      throw new RangeError(`the vector of an article must have ${factors} values, got ${vector.length}`)
    }
    this.#vectors.set(row, vector)
    return row
  }

  vectorOf(row: number): Float32Array | undefined {
    return this.#vectors.get(row)
  }
}

/** The same in all processes, as what is learned by it is kept; 0: none. */
export function categoryNumber(category: string | undefined): number {
  return category === undefined ? 0 : fnv1a(category) || 1
}
