import type { PushArticle } from '../data/article.ts'

/** Users and how well an article suits them, best first. */
export interface RankedUsers {
  readonly users: Uint32Array
  /** ln of how much likelier they are thought to click it than an article like any other. */
  readonly scores: Float32Array
}

export interface RankFor {
  /** At most so many. */
  readonly limit: number
  /** Of the users who may get it, a bit each. */
  readonly eligible: Uint32Array
  /** Who has read it by now, in order of time. */
  readonly readers: readonly number[]
  readonly now: number
}

/** Who will like an article. */
export interface Preference {
  rank(article: PushArticle, options: RankFor): Promise<RankedUsers>
}
