import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { catalogueFile, catalogueFormat } from '../../../catalogue/format.ts'
import { type ItemRow, itemOf } from '../../../catalogue/rows.ts'
import { isMade, openReadOnly, transact } from '../../../storage/sqlite.ts'
import type { PushArticle } from '../../data/article.ts'
import { webAddress } from '../../send/catalogue-article.ts'

/** Which items of the catalogue are articles. */
export interface ArticleRules {
  /** In ms: an item is new for so long from when it appears. */
  readonly within: number
  /** Items that have any of these categories or tags. Neither: all items. */
  readonly categories?: readonly string[] | undefined
  readonly tags?: readonly string[] | undefined
}

/** Items without a time of their own that are put between two looks: more are an import of old ones, and none of them is new. */
const mostFresh = 1000

/** Articles that were taken and are given again, the newest: their bodies are in memory at once. */
const mostTaken = 10_000

/** The setting that has the number of the last item that was looked at. */
const lastItem = 'catalogue-item'

/**
 * New articles, from the catalogue of a state, which a server may write meanwhile. An item appears when its `availableFrom` comes, or, without
 * one, when it is first put while somebody looks, unless a thousand others are at the same time. It is taken once: as soon as it is visible and has a title.
 */
export class ArticleIntake {
  readonly #file: string
  readonly #database: DatabaseSync
  readonly #rules: ArticleRules
  #catalogue: DatabaseSync | undefined

  /** `database` is that of the ledger, which keeps what was taken. */
  constructor(state: string, database: DatabaseSync, rules: ArticleRules) {
    this.#file = join(state, catalogueFile)
    this.#database = database
    this.#rules = rules
  }

  /** What is in the catalogue by now, and appeared before the rules' time, is not new. */
  begin(now: number): void {
    const setting = this.#database.prepare('SELECT value FROM settings WHERE name = ?').get(lastItem)
    if (setting !== undefined) return
    const catalogue = this.#open()
    transact(this.#database, () => {
      if (catalogue) this.#note(catalogue, now)
      else this.#database.prepare('INSERT INTO settings VALUES (?, 0)').run(lastItem)
    })
  }

  /** The articles that are new at `now`; from then on they have been taken. */
  take(now: number): PushArticle[] {
    const catalogue = this.#open()
    if (!catalogue) return []
    const articles: PushArticle[] = []
    transact(this.#database, () => {
      this.#note(catalogue, now)
      const pending = this.#database
        .prepare(
          'SELECT id, created FROM articles WHERE created > ? AND created <= ? AND observed IS NULL ORDER BY created',
        )
        .all(now - this.#rules.within, now) as { id: string; created: number }[]
      const observe = this.#database.prepare('UPDATE articles SET observed = ? WHERE id = ?')
      for (const { id, created } of pending) {
        const article = this.#articleOf(catalogue, id, { created, now })
        if (!article) continue
        observe.run(now, id)
        articles.push(article)
      }
    })
    return articles
  }

  /** The articles that were taken and appeared at `since` or later, as the catalogue has them now, the newest 10,000; oldest first. */
  taken(since: number, now: number): PushArticle[] {
    const catalogue = this.#open()
    if (!catalogue) return []
    const rows = this.#database
      .prepare(
        'SELECT id, created FROM articles WHERE created >= ? AND observed IS NOT NULL ORDER BY created DESC LIMIT ?',
      )
      .all(since, mostTaken) as { id: string; created: number }[]
    return rows.reverse().flatMap(({ id, created }) => this.#articleOf(catalogue, id, { created, now }) ?? [])
  }

  close(): void {
    this.#catalogue?.close()
  }

  #open(): DatabaseSync | undefined {
    if (this.#catalogue || !isMade(this.#file)) return this.#catalogue
    this.#catalogue = openReadOnly(this.#file, catalogueFormat)
    return this.#catalogue
  }

  /** Notes since when items are there: what was in the catalogue before anybody looked is not new. */
  #note(catalogue: DatabaseSync, now: number): void {
    const setting = this.#database.prepare('SELECT value FROM settings WHERE name = ?').get(lastItem)
    const { newest } = catalogue.prepare('SELECT coalesce(max(number), 0) AS newest FROM items').get() as {
      newest: number
    }
    const last = (setting?.value as number | undefined) ?? newest
    const add = this.#database.prepare('INSERT INTO articles (id, created) VALUES (?, ?) ON CONFLICT DO NOTHING')
    const due = catalogue.prepare(
      'SELECT id, available_from FROM items WHERE available_from > ? AND available_from <= ?',
    )
    for (const row of due.all(now - this.#rules.within, now) as { id: string; available_from: number }[]) {
      add.run(row.id, row.available_from)
    }
    if (newest > last) {
      const fresh = catalogue.prepare(
        'SELECT id FROM items WHERE number > ? AND number <= ? AND available_from IS NULL',
      )
      const found = fresh.all(last, newest) as { id: string }[]
      if (found.length <= mostFresh) for (const { id } of found) add.run(id, now)
    }
    if (setting === undefined || newest !== last) {
      this.#database.prepare('INSERT OR REPLACE INTO settings VALUES (?, ?)').run(lastItem, newest)
    }
  }

  /** Undefined while lists may not have the item, while it has no title, or where it is none of those that are pushed. */
  #articleOf(
    catalogue: DatabaseSync,
    id: string,
    { created, now }: { readonly created: number; readonly now: number },
  ): PushArticle | undefined {
    const row = catalogue
      .prepare('SELECT * FROM items WHERE id = ? AND hidden = 0 AND deleted = 0')
      .get(id) as unknown as ItemRow | undefined
    if (!row) return undefined
    const { title, text: body, url, categories, tags, availableFrom = 0, availableUntil } = itemOf(row)
    if (!title || availableFrom > now || (availableUntil !== undefined && availableUntil <= now)) return undefined
    if (!this.#isPushed({ categories: categories ?? [], tags: tags ?? [] })) return undefined
    const [category, tag] = [categories?.[0], tags?.[0]]
    const target = url === undefined ? undefined : webAddress(url)
    return {
      id,
      title,
      createdAt: created,
      ...(body && { body }),
      ...(category !== undefined && { category }),
      ...(target !== undefined && { url: target }),
      ...(tag !== undefined && { values: { tag } }),
    }
  }

  #isPushed(item: { readonly categories: readonly string[]; readonly tags: readonly string[] }): boolean {
    const { categories, tags } = this.#rules
    if (categories === undefined && tags === undefined) return true
    const hasCategory = item.categories.some(category => categories?.includes(category))
    return hasCategory || item.tags.some(tag => tags?.includes(tag))
  }
}
