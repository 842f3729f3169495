/** What `PreferenceModel` is given, and gives. */
import type { PushArticle } from '../data/article.ts'
import type { BlendOptions } from './blend/blend.ts'
import type { ReaderVectorOptions } from './components/reader-vectors.ts'
import type { RecentReadsOptions } from './components/recent-reads.ts'
import type { CtrModelOptions } from './ctr/ctr-model.ts'

export interface PreferenceOptions {
  /** Values of an article's vector. Default: 0, articles have none. */
  readonly contentFactors?: number
  /** The vector of an article's text, as by `WordVectors.textVector`; zeros say nothing. */
  readonly vectorOf?: (article: PushArticle) => Float32Array
  readonly ctr?: Partial<CtrModelOptions>
  readonly reads?: RecentReadsOptions
  readonly readers?: ReaderVectorOptions
  readonly blend?: BlendOptions
  /** Of which users an article's features are scaled by. Default: 0. */
  readonly seed?: number
}

export interface RankPreference {
  /** At most so many. */
  readonly limit: number
  /** Of the users who may come, a bit each. Default: all. */
  readonly eligible?: Uint32Array | undefined
  /** In ms since 1970. */
  readonly now: number
}

/** Features of users for an article, a row of `featureNames` each, as they were when they were asked for. */
export interface FeatureValues {
  readonly names: readonly string[]
  /** (users × names) */
  readonly values: Float32Array
}

/** Users, best first. */
export interface PreferredUsers {
  readonly users: Uint32Array
  /** The natural log of how much likelier a click is than by the user's usual CTR. */
  readonly scores: Float32Array
  /** What `learn` is to be given with the response. */
  readonly features: FeatureValues
}

/** What came of an article for users, one place each. */
export interface PreferenceResponses {
  readonly article: PushArticle
  /** When the features were taken, in ms since 1970. */
  readonly at: number
  readonly users: Uint32Array
  /** (users × features) From {@link PreferredUsers} or `PreferenceModel.featureValues`. */
  readonly values: Float32Array
  /** 1 where it was clicked (or read), else 0. */
  readonly clicked: Uint8Array
  /** As of `CtrOutcomes`: of one without a click, how much of its click delay has passed, and had when it was last learned from. */
  readonly shares?: Float32Array | undefined
  readonly before?: Float32Array | undefined
  readonly weights?: Float32Array | undefined
}
