import type { PushArticle } from '../../data/article.ts'
import type { ArticleSurroundings, SelectDecision } from '../../data/decision.ts'
import type { ArticleFeatures, EarlyReads } from '../../loop/selection.ts'
import { AppealModel } from '../../select/appeal-model.ts'
import type { ArticleRow, FeatureExtractor } from '../../select/feature-extractor.ts'
import type { AppealFeature } from '../../select/online-appeal.ts'
import { RecentArticles, unknownSurroundings } from '../../select/recent-articles.ts'
import { styleNames, styleOf } from '../../text/style.ts'

/** What of the style says most of titles, each about as much as it differs between articles. */
const styles = ['characters', 'numbers', 'question marks', 'exclamation marks', 'quotes', 'colons and dashes'] as const
const stylePlaces = styles.map(name => styleNames.indexOf(name))
/** Articles whose surroundings are remembered: more than live at a time. */
const mostRemembered = 10_000
/** ln(1 + characters) of a usual title. */
const usualLength = Math.log1p(30)

/** The few features that the loop learns by, day by day, over what the daily model of many says. */
export class ArticleValues implements ArticleFeatures {
  readonly features: readonly AppealFeature[]
  readonly texts: FeatureExtractor
  /** Says ln lift by all features; a new one may take its place. */
  model: AppealModel
  readonly #recent = new RecentArticles()
  /** Of articles that were decided about of late, by id. */
  readonly #surroundings = new Map<string, ArticleSurroundings>()
  readonly #selectAfter: number

  /** @param selectAfter in ms: when articles are decided about. */
  constructor(texts: FeatureExtractor, selectAfter: number) {
    this.texts = texts
    this.model = AppealModel.prior(texts)
    this.#selectAfter = selectAfter
    this.features = [
      { name: 'all', deviation: 1, dailyMove: 0.02 },
      // Right as it is where it was trained on as much as it says; its mean is that of `all`.
      { name: 'daily model', mean: 1, deviation: 0.3 },
      { name: 'early reads beside recent', deviation: 0.2 },
      ...texts.categories.map(category => ({ name: `category: ${category}`, deviation: 0.2, dailyMove: 0.03 })),
      ...styles.map(style => ({ name: `title: ${style}`, deviation: 0.1 })),
    ]
  }

  /** An article has appeared. */
  add({ id, title, body, createdAt }: PushArticle): void {
    this.#recent.set({ id, createdAt, direction: this.texts.directionOf({ title, body }) })
    this.#recent.prune(createdAt)
  }

  valuesOf(article: PushArticle, { reads }: EarlyReads): Float64Array {
    const recent = this.#recent.before(article.createdAt + this.#selectAfter, article.id)
    const surroundings = this.texts.surroundingsOf(article, { recent, earlyReads: reads })
    this.#remember(article.id, surroundings)
    const { logLift } = this.model.predict(this.rowOf(article, surroundings))
    const besideRecent = Math.log1p(reads) - surroundings.usualReads
    this.#recent.setReads(article.id, reads)
    const style = styleOf(article.title)
    return Float64Array.from([
      1,
      logLift - this.model.parts.mean,
      Number.isNaN(besideRecent) ? 0 : besideRecent,
      ...this.texts.categories.map(category => Number(category === article.category)),
      ...stylePlaces.map((place, at) => (at === 0 ? style[place]! - usualLength : style[place]!)),
    ])
  }

  /** What the daily model goes by, and learns from once it is known what came of the article. */
  rowOf(article: PushArticle, surroundings: ArticleSurroundings = unknownSurroundings): ArticleRow {
    return this.texts.rowOf(article, article.createdAt + this.#selectAfter, surroundings)
  }

  /** What an article was seen beside when it was decided about. */
  surroundingsOf(article: string): ArticleSurroundings | undefined {
    return this.#surroundings.get(article)
  }

  /** A former process decided about an article that has appeared. */
  restore(article: string, surroundings: ArticleSurroundings): void {
    this.#remember(article, surroundings)
    this.#recent.setReads(article, surroundings.reads)
  }

  #remember(article: string, surroundings: ArticleSurroundings): void {
    this.#surroundings.delete(article)
    this.#surroundings.set(article, surroundings)
    if (this.#surroundings.size > mostRemembered) this.#surroundings.delete(this.#surroundings.keys().next().value!)
  }
}

/** As it is stored with a decision; undefined where it is not. */
export function storedSurroundings({
  surroundings,
}: Pick<SelectDecision, 'surroundings'>): ArticleSurroundings | undefined {
  if (!surroundings) return undefined
  const { recent, nearest, reads, usualReads } = surroundings
  const known = (value: number | null) => value ?? Number.NaN
  return { recent: known(recent), nearest: known(nearest), reads: known(reads), usualReads: known(usualReads) }
}
