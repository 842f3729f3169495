import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { setImmediate as immediate } from 'node:timers/promises'
import { catalogueFile, catalogueFormat } from '../../../catalogue/format.ts'
import type { Pool } from '../../../parallel/pool.ts'
import { isMade, openReadOnly } from '../../../storage/sqlite.ts'
import { trainWords } from '../../../words/train.ts'
import { WordVectors } from '../../../words/word-vectors.ts'
import type { PushArticle } from '../../data/article.ts'

/** Texts from which on words are learned, the latest so many, and characters of each. */
const [leastTexts, mostTexts, longestText] = [1000, 100_000, 3000]
const pageSize = 500
/** Categories that are told apart when articles are chosen. */
const mostCategories = 32

/** What the catalogue of a state says of articles, whatever their age. */
export class CatalogueTexts {
  readonly #file: string
  #database: DatabaseSync | undefined
  #words: WordVectors | undefined

  constructor(state: string) {
    this.#file = join(state, catalogueFile)
  }

  /** What is known of an item as an article; undefined where it is none, or has no title. */
  article(id: string): PushArticle | undefined {
    const row = this.#open()
      ?.prepare(
        `SELECT title, text, json_extract(categories, '$[0]') AS category FROM items WHERE id = ? AND deleted = 0`,
      )
      .get(id) as { title: string | null; text: string | null; category: string | null } | undefined
    if (!row?.title) return undefined
    const { title, text, category } = row
    return { id, title, createdAt: 0, body: text ?? undefined, category: category ?? undefined }
  }

  /** The most frequent first categories of items, in the order of their names. */
  categories(): string[] {
    const rows = (this.#open()
      ?.prepare(
        `SELECT json_extract(categories, '$[0]') AS name FROM items WHERE deleted = 0 AND name IS NOT NULL
         GROUP BY name ORDER BY count(*) DESC, name LIMIT ?`,
      )
      .all(mostCategories) ?? []) as { name: string }[]
    return rows.map(({ name }) => name).sort()
  }

  /** Vectors of words: those in `directory`, or, where texts are enough, learned of them and kept there. */
  async wordVectors(directory: string, pool: Pool, signal: AbortSignal): Promise<WordVectors | undefined> {
    if (!existsSync(directory)) {
      if (this.#size() < leastTexts) return undefined
      await trainWords(this.#texts(), directory, { factors: 64, subwords: 'jamo', buckets: 200_000 }, { pool, signal })
    }
    this.#words = WordVectors.open(directory)
    return this.#words
  }

  /** The word vectors, too. */
  close(): void {
    this.#database?.close()
    this.#words?.close()
    this.#database = undefined
    this.#words = undefined
  }

  #size(): number {
    const counted = this.#open()?.prepare('SELECT count(*) AS count FROM items WHERE title IS NOT NULL AND deleted = 0')
    return (counted?.get() as { count: number } | undefined)?.count ?? 0
  }

  async *#texts(): AsyncGenerator<string[]> {
    const page = this.#open()!.prepare(
      'SELECT number, title, text FROM items WHERE number < ? AND title IS NOT NULL AND deleted = 0 ORDER BY number DESC LIMIT ?',
    )
    let before = Number.MAX_SAFE_INTEGER
    for (let count = 0; count < mostTexts; count += pageSize) {
      const rows = page.all(before, pageSize) as { number: number; title: string; text: string | null }[]
      if (rows.length === 0) return
      before = rows.at(-1)!.number
      yield rows.map(({ title, text }) => `${title} ${text ?? ''}`.slice(0, longestText))
      await immediate()
    }
  }

  #open(): DatabaseSync | undefined {
    if (!this.#database && isMade(this.#file)) this.#database = openReadOnly(this.#file, catalogueFormat)
    return this.#database
  }
}
