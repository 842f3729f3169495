import type { Pool } from '../../parallel/pool.ts'
import { sharedCounter, workerModuleUrl } from '../../parallel/pool.ts'
import { sharedArray } from '../../storage/shared-array.ts'
import type { PushArticle } from '../data/article.ts'
import type { PushUsers } from '../data/users.ts'
import type { BetaPrior, UsualCtrPriors } from '../statistics/usual-ctr.ts'
import { type ArticleFacts, articleQuery } from './article-query.ts'
import { Audience } from './audience/audience.ts'
import { scoringComponents } from './audience/scoring-components.ts'
import { Blend } from './blend/blend.ts'
import { ArticleItems, categoryNumber } from './components/article-items.ts'
import { ContentProfiles } from './components/content-profiles.ts'
import { ItemValues, RecentReads } from './components/recent-reads.ts'
import { UserActivity } from './components/user-activity.ts'
import { type TrainedUsers, UserFactors } from './components/user-factors.ts'
import { CtrModel } from './ctr/ctr-model.ts'
import { ctrRows, recencyColumn } from './ctr/ctr-rows.ts'
import { type ArticleQuery, featureCount, featureNames, featuresOf, type SharedUsers } from './features.ts'
import { type BaseArgs, shiftOf, type values } from './preference-jobs.ts'
import type {
  FeatureValues,
  PreferenceOptions,
  PreferenceResponses,
  PreferredUsers,
  RankPreference,
} from './preference-types.ts'

const jobs = workerModuleUrl('./preference-jobs', import.meta.url)

/** Users whom a worker takes at once. */
const chunkRows = 8192

/**
 * Ranks users by how much they will like an article: what they read about, the click model, look-alikes of the early readers, the
 * article's factors folded in from these, how active they are. Learned from responses as they come, and from reads before.
 *
 * Users are rows of `PushUsers`; call {@link read} and {@link visit} as they come, in order of time. One article is ranked at a time.
 */
export class PreferenceModel {
  readonly users: PushUsers
  readonly profiles: ContentProfiles
  readonly ctr: CtrModel
  readonly reads: RecentReads
  readonly activity: UserActivity
  readonly blend: Blend
  readonly items: ArticleItems
  readonly #pool: Pool
  readonly #options: PreferenceOptions
  readonly #seed: number
  readonly #itemValues = new ItemValues()
  #factors: UserFactors
  #priors: Float64Array = Float64Array.of(0.02, 50)
  #capacity = 0
  #audience: { readonly users: number; readonly ranking: Audience; readonly base: Float32Array } | undefined
  #running: Promise<unknown> = Promise.resolve()

  constructor(users: PushUsers, pool: Pool, options: PreferenceOptions = {}, ctr = new CtrModel(options.ctr)) {
    this.users = users
    this.#pool = pool
    this.#options = options
    this.#seed = options.seed ?? 0
    this.profiles = new ContentProfiles(options.contentFactors ?? 0)
    this.ctr = ctr
    this.reads = new RecentReads(options.reads)
    this.activity = new UserActivity()
    this.blend = new Blend(options.blend, this.#seed)
    this.items = new ArticleItems({
      factors: options.contentFactors ?? 0,
      vectorOf: options.vectorOf,
      onGrow: capacity => {
        this.reads.growItems(capacity)
        this.#itemValues.grow(capacity)
      },
    })
    this.#factors = UserFactors.none(0)
    this.#grow()
  }

  /** What is known of each segment's usual CTR; until it is set, all users' are 2 % for 50 pushes. */
  setUsualCtr({ segments, unknown }: Pick<UsualCtrPriors, 'segments' | 'unknown'>): void {
    const flat = ({ mean, strength }: BetaPrior) => [mean, strength]
    this.#priors = Float64Array.from([...segments, unknown].flatMap(flat))
  }

  /** From now on users have the factors of a new generation. @throws RangeError when a row is none of the model. */
  async setFactors(trained: TrainedUsers): Promise<void> {
    this.#factors = await UserFactors.of(trained, this.#pool)
    this.#grow()
  }

  /** Has users from `first` on, who were added since {@link setFactors}, take their vectors of the same model. */
  addFactors({ data, first, rows }: Pick<TrainedUsers, 'data' | 'rows'> & { readonly first: number }): void {
    this.#grow()
    for (const [at, row] of rows.entries()) if (row >= 0) this.#factors.add(first + at, data, row)
  }

  /** What is known of an article, of which users may have read others before; it may be said again when more is. */
  article(article: PushArticle): void {
    this.items.add(article)
  }

  /** The user read an article, which need not be known. */
  read(user: number, article: string, time: number): void {
    this.visit(user, time)
    const item = this.items.rowOf(article)
    if (!this.reads.read(user, item)) return
    const vector = this.items.vectorOf(item)
    if (vector) this.profiles.read(user, vector)
  }

  /** The user came. */
  visit(user: number, time: number): void {
    if (user >= this.#capacity) this.#grow()
    if (!(user < this.users.size)) {
      throw new RangeError(`user must be a row below ${this.users.size}, those of the users, got ${user}`)
    }
    this.activity.visit(user, time)
  }

  /**
   * The users who will like an article most, by what those who read it first have in common with them.
   *
   * @param earlyReaders Users; none, where there are none yet: then what users read about and how active they are rank alone.
   */
  rank(article: PushArticle, earlyReaders: ArrayLike<number>, options: RankPreference): Promise<PreferredUsers> {
    return this.#inTurn(async () => {
      const { limit, eligible, now } = options
      const features = this.#articleQuery(article, earlyReaders, { eligible, now })
      const { coefficients } = this.blend
      const users = this.#shared()
      const { ranking, base } = this.#audienceOf(this.users.size)
      const next = sharedCounter()
      const args: Omit<BaseArgs, 'next'> = {
        users,
        article: features,
        coefficients,
        shift: shiftOf(features, coefficients),
        base,
        eligible,
        chunkRows,
      }
      await this.#pool.phase(jobs, 'base', args, next)
      const components = scoringComponents(users, features, { coefficients, size: this.users.size })
      const ranked = await ranking.rank(components, { limit, eligible, base })
      return this.#scored(ranked.users, await this.#values(users, features, ranked.users))
    })
  }

  /** The features of some users for an article, as {@link rank} has them. */
  featureValues(
    article: PushArticle,
    earlyReaders: ArrayLike<number>,
    options: Omit<RankPreference, 'limit'> & { readonly users: Uint32Array },
  ): Promise<FeatureValues> {
    return this.#inTurn(async () => {
      const features = this.#articleQuery(article, earlyReaders, options)
      return { names: featureNames, values: await this.#values(this.#shared(), features, options.users) }
    })
  }

  /** Learns from the responses to pushes; a push without a click may be learned from again as its click delay passes. */
  learn(responses: PreferenceResponses): void {
    this.blend.learn(responses)
    this.learnCtr(responses)
  }

  /**
   * Learns from who, of users who were not sent the article, read it (1) and did not (0), by features of before: what ranks until there are
   * responses.
   */
  learnReads(responses: PreferenceResponses): void {
    this.blend.learnReads(responses)
    this.learnCtr(responses)
  }

  /** Learns the click model alone. */
  learnCtr({ article, at, users, values, clicked, shares, before, weights }: PreferenceResponses): void {
    const recency = featureNames.indexOf('recency')
    const rows = ctrRows(this.users, users, {
      now: at,
      category: categoryNumber(article.category),
      // The last visit itself may be the click's by now.
      recency: Uint32Array.from(users, (_, row) => recencyColumn(values[row * featureCount + recency]!)),
    })
    const all = shares ?? new Float32Array(users.length).fill(1)
    this.ctr.learn(rows, { clicked, shares: all, ...(before && { before }), ...(weights && { weights }) })
  }

  /** Nothing of a user is left. */
  forget(user: number): void {
    if (user >= this.#capacity) return
    this.activity.forget(user)
    this.reads.forget(user)
    this.profiles.forget(user)
    this.#factors.forget(user)
    this.ctr.forget('user', user, { category: [0, ...this.items.categoryNumbers] })
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#running.then(work)
    this.#running = done.catch(() => {})
    return done
  }

  #articleQuery(
    article: PushArticle,
    earlyReaders: ArrayLike<number>,
    { eligible, now }: Omit<RankPreference, 'limit'>,
  ): ArticleQuery {
    this.#grow()
    const item = this.items.add(article)
    this.#itemValues.set(this.reads, earlyReaders, this.items.categories, this.items.categories[item]!)
    const facts: ArticleFacts = {
      now,
      category: this.items.categories[item]!,
      itemValues: this.#itemValues.values,
      priors: this.#priors,
      ctr: this.ctr.shared,
      content: this.profiles.centred(this.items.vectorOf(item) ?? new Float32Array(this.profiles.factors)),
    }
    return articleQuery(facts, earlyReaders, {
      users: this.#shared(),
      size: this.users.size,
      factors: this.#factors,
      readers: this.#options.readers,
      eligible,
      seed: this.#seed,
    })
  }

  async #values(users: SharedUsers, article: ArticleQuery, rows: Uint32Array): Promise<Float32Array> {
    if (rows.length <= chunkRows) return featuresOf(users, article, rows)
    const all = new Float32Array(rows.length * featureCount)
    const shared = sharedArray(Uint32Array, rows.length)
    shared.set(rows)
    const args = { users, article, rows: shared, chunkRows }
    for (const parts of await this.#pool.phase<ReturnType<typeof values>>(jobs, 'values', args)) {
      for (const { first, values } of parts) all.set(values, first * featureCount)
    }
    return all
  }

  #scored(users: Uint32Array, values: Float32Array): PreferredUsers {
    const logLifts = this.blend.logLifts(values)
    const order = Uint32Array.from(users.keys()).sort((a, b) => logLifts[b]! - logLifts[a]! || a - b)
    const ordered = new Float32Array(values.length)
    order.forEach((from, to) => {
      ordered.set(values.subarray(from * featureCount, (from + 1) * featureCount), to * featureCount)
    })
    return {
      users: Uint32Array.from(order, at => users[at]!),
      scores: Float32Array.from(order, at => logLifts[at]!),
      features: { names: featureNames, values: ordered },
    }
  }

  #shared(): SharedUsers {
    return {
      lastVisits: this.activity.lastVisits,
      visits: this.activity.visits,
      ringLength: this.reads.length,
      rings: this.reads.rings,
      reads: this.reads.counts,
      segments: this.users.segments,
      zones: this.users.zones,
      pushes: this.users.pushes,
      clicks: this.users.clicks,
      isKnown: this.#factors.isKnown,
      factors: this.#factors.data,
      factorStride: this.#factors.stride,
      profiles: this.profiles.data,
      profileStride: this.profiles.stride,
    }
  }

  #audienceOf(users: number) {
    if (this.#audience?.users !== users) {
      this.#audience = { users, ranking: new Audience(users, this.#pool), base: sharedArray(Float32Array, users) }
    }
    return this.#audience
  }

  /** Room for all users. */
  #grow(): void {
    const { size } = this.users
    if (size > this.#capacity) {
      this.#capacity = Math.max(size, this.#capacity === 0 ? 0 : Math.ceil(1.25 * this.#capacity))
      this.profiles.grow(this.#capacity)
      this.reads.grow(this.#capacity)
      this.activity.grow(this.#capacity)
    }
    if (this.#factors.users < this.#capacity) this.#factors = this.#factors.grown(this.#capacity)
  }
}
