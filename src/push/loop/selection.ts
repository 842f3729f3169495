import type { PushArticle } from '../data/article.ts'
import type { AppealFeature } from '../select/online-appeal.ts'

/** What was seen of an article until it is decided about. */
export interface EarlyReads {
  readonly reads: number
  /** Reads of all articles in the same time. */
  readonly allReads: number
}

/** What tells the appeal of an article before it is pushed. */
export interface ArticleFeatures {
  /** The first is 1 of every article. */
  readonly features: readonly AppealFeature[]
  /** (features) */
  valuesOf(article: PushArticle, early: EarlyReads): Float64Array
}
