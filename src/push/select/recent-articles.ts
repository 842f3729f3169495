import type { ArticleSurroundings } from '../data/decision.ts'
import { dotProduct } from '../text/vectors.ts'

export interface RecentArticle {
  readonly id: string
  /** In ms since 1970. */
  readonly createdAt: number
  /** Of length 1, or all 0. */
  readonly direction: Float32Array
  /** In its first 30 minutes; undefined while these are not over. */
  readonly earlyReads?: number | undefined
}

export const unknownSurroundings: ArticleSurroundings = {
  recent: Number.NaN,
  nearest: Number.NaN,
  reads: Number.NaN,
  usualReads: Number.NaN,
}

const hour = 3_600_000

/** The articles of the latest hours: what a new one is compared with. */
export class RecentArticles {
  readonly hours: number
  readonly #articles = new Map<string, RecentArticle>()

  /** @throws RangeError when there are no hours. */
  constructor({ hours = 24 }: { readonly hours?: number } = {}) {
    if (!(hours > 0)) throw new RangeError(`hours must be a number above 0, got ${hours}`)
    this.hours = hours
  }

  /** Adds an article, or has it in place of what was known of it. */
  set(article: RecentArticle): void {
    if (Number.isFinite(article.createdAt)) this.#articles.set(article.id, article)
  }

  /** Says how often an article that is known was read. */
  setReads(id: string, earlyReads: number): void {
    const known = this.#articles.get(id)
    if (known) this.#articles.set(id, Object.assign({}, known, { earlyReads }))
  }

  /** Drops those that are too old at `now` for any article to come. */
  prune(now: number): void {
    for (const [id, { createdAt }] of this.#articles) if (createdAt < now - this.hours * hour) this.#articles.delete(id)
  }

  /** Those of the hours before `now`, but for the article `id`; of the future, none. */
  before(now: number, id?: string): RecentArticle[] {
    const since = now - this.hours * hour
    return [...this.#articles.values()].filter(
      article => article.id !== id && article.createdAt >= since && article.createdAt <= now,
    )
  }
}

/** The cosine of the article most like this one: NaN where there is none to compare with. */
export function nearestCosine(direction: Float32Array, articles: readonly RecentArticle[]): number {
  let nearest = Number.NaN
  for (const article of articles) {
    const cosine = dotProduct(direction, article.direction)
    if (!(cosine <= nearest)) nearest = cosine
  }
  return nearest
}

/** The mean of ln(1 + reads) of the first 30 minutes: NaN where none is known. */
export function usualEarlyReads(articles: readonly RecentArticle[]): number {
  let [sum, count] = [0, 0]
  for (const { earlyReads } of articles) {
    if (earlyReads === undefined) continue
    sum += Math.log1p(earlyReads)
    count++
  }
  return sum / count
}
