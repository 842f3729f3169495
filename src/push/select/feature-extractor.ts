/** What is known of an article when it is decided whether it is pushed, as features by name: of any language, NaN where it is not known. */
import type { PushArticle } from '../data/article.ts'
import type { ArticleSurroundings } from '../data/decision.ts'
import { isTimeZone, minuteOfDay } from '../data/local-time.ts'
import type { LinearRow } from '../text/linear-model.ts'
import { styleNames, styleOf } from '../text/style.ts'
import { directionOf, dotProduct, type TextVectors } from '../text/vectors.ts'
import { hashedWords, hashOf } from '../text/word-hashes.ts'
import { nearestCosine, type RecentArticle, usualEarlyReads } from './recent-articles.ts'

export interface FeatureExtractorOptions {
  /** Of words; without, texts are known by their words alone. */
  readonly vectors?: TextVectors | undefined
  /** Each is a feature of its own. */
  readonly categories?: readonly string[] | undefined
  /** IANA, of hour and weekday. Default: UTC. */
  readonly timeZone?: string | undefined
}

/** What an article is seen beside. */
export interface ArticleMoment {
  /** In ms since 1970. An article that says to be of later than this is taken for new. */
  readonly now: number
  readonly recent?: readonly RecentArticle[] | undefined
  /** In its first 30 minutes. */
  readonly earlyReads?: number | undefined
}

export interface ArticleRow extends LinearRow {
  /** (hashes) What each is of. */
  readonly names: readonly string[]
}

const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
const moments = [
  ...['hour', 'hour (sine)', 'hour (cosine)', 'weekday', 'weekend'],
  ...['recent articles', 'most similar recent article', 'early reads', 'early reads beside recent'],
]
/** Characters of a body that are looked at: more say little of whether a title is clicked. */
const longestBody = 20_000
/** Beside the other features', which have a standard deviation of 1. */
const [vectorScale, categoryScale] = [5, 2]

export class FeatureExtractor {
  readonly vectors: TextVectors | undefined
  readonly categories: readonly string[]
  readonly timeZone: string
  /** (dense) */
  readonly names: readonly string[]
  /** (dense) As `LinearModel.fit` wants them. */
  readonly scales: Float32Array

  readonly #weekday: Intl.DateTimeFormat

  /** @throws RangeError when the time zone is unknown. */
  constructor({ vectors, categories = [], timeZone = 'UTC' }: FeatureExtractorOptions = {}) {
    if (!isTimeZone(timeZone))
      throw new RangeError(`timeZone must be an IANA time zone such as Asia/Seoul, got ${timeZone}`)
    this.vectors = vectors
    this.categories = [...new Set(categories)]
    this.timeZone = timeZone
    this.#weekday = new Intl.DateTimeFormat('en-US', { timeZone, weekday: 'short' })
    const plain = [
      ...styleNames.map(name => `title: ${name}`),
      ...styleNames.map(name => `body: ${name}`),
      ...['body', 'title beside body', ...moments],
    ]
    const factors = vectors?.factors ?? 0
    this.names = [
      ...plain,
      ...this.categories.map(category => `category: ${category}`),
      // All of a vector are one feature to those who read contributions.
      ...new Array<string>(factors).fill('title vector'),
      ...new Array<string>(factors).fill('body vector'),
    ]
    this.scales = Float32Array.from(this.names, name =>
      name.endsWith(' vector') ? vectorScale : name.startsWith('category: ') ? categoryScale : 0,
    )
  }

  /** What a later article is compared with: the direction of the title's and the body's words. */
  directionOf({ title, body = '' }: Pick<PushArticle, 'title' | 'body'>): Float32Array {
    const { vectors } = this
    return vectors ? directionOf(vectors.textVector(`${title} ${body.slice(0, longestBody)}`)) : new Float32Array(0)
  }

  surroundingsOf(
    article: Pick<PushArticle, 'title' | 'body'>,
    { recent = [], earlyReads = Number.NaN }: Pick<ArticleMoment, 'recent' | 'earlyReads'>,
  ): ArticleSurroundings {
    return {
      recent: recent.length,
      nearest: nearestCosine(this.directionOf(article), recent),
      reads: earlyReads,
      usualReads: usualEarlyReads(recent),
    }
  }

  /** {@link rowOf} of the article beside the recent ones. */
  of(article: PushArticle, { now, recent, earlyReads }: ArticleMoment): ArticleRow {
    return this.rowOf(article, now, this.surroundingsOf(article, { recent, earlyReads }))
  }

  /** @param now In ms since 1970. An article that says to be of later than this is taken for new. */
  rowOf(article: PushArticle, now: number, surroundings: ArticleSurroundings): ArticleRow {
    const { title, category } = article
    const body = article.body?.trim().slice(0, longestBody) ?? ''
    const [ofTitle, ofBody] = [this.#vectorOf(title), this.#vectorOf(body)]
    const created = Number.isFinite(article.createdAt) ? Math.min(article.createdAt, now) : now
    const reads = Math.log1p(surroundings.reads)
    const dense = Float32Array.from([
      ...styleOf(title),
      ...(body === '' ? styleNames.map(() => Number.NaN) : styleOf(body)),
      Number(body !== ''),
      dotProduct(ofTitle, ofBody),
      ...this.#hourOf(created),
      Math.log1p(surroundings.recent),
      surroundings.nearest,
      reads,
      reads - surroundings.usualReads,
      ...this.categories.map(each => Number(each === category)),
      ...ofTitle,
      ...ofBody,
    ])
    const words = hashedWords(title)
    const hashes = words.map(({ hash }) => hash)
    const names = words.map(({ text }) => `title: ${text}`)
    if (category !== undefined && !this.categories.includes(category)) {
      hashes.push(hashOf(`category\n${category}`))
      names.push(`category: ${category}`)
    }
    return { dense, hashes: Uint32Array.from(hashes), names }
  }

  /** NaN where no word is known. */
  #vectorOf(text: string): Float32Array {
    if (!this.vectors) return new Float32Array(0)
    const direction = directionOf(this.vectors.textVector(text))
    return direction.some(value => value !== 0) ? direction : direction.fill(Number.NaN)
  }

  #hourOf(time: number): number[] {
    const minute = minuteOfDay(this.timeZone, time)
    const angle = (2 * Math.PI * minute) / 1440
    const weekday = weekdays.indexOf(this.#weekday.format(time))
    return [minute / 60, Math.sin(angle), Math.cos(angle), weekday, Number(weekday >= 5)]
  }
}
