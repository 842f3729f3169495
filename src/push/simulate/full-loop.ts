/** The loop itself in the simulated world: it sees what is observed there, and its actions are done. */

import { PushUsers } from '../data/users.ts'
import type { PushAction, PushObservation } from '../loop/actions.ts'
import { minute } from '../loop/article-run.ts'
import type { PushLoopOptions } from '../loop/options.ts'
import type { Preference, RankedUsers, RankFor } from '../loop/preference.ts'
import { PushLoop } from '../loop/push-loop.ts'
import type { ArticleFeatures, EarlyReads } from '../loop/selection.ts'
import { TitlePrior } from '../title/text-prior.ts'
import { type SimulatedArticle, textFeatures } from './articles.ts'
import type { PushPolicy } from './run.ts'
import type { World } from './world.ts'

/** @param watch is given each action before it is done. */
export function fullLoop(
  options: Partial<PushLoopOptions> = {},
  watch?: (action: PushAction, loop: PushLoop) => void,
): (world: World) => PushPolicy {
  return ({ past, parameters }) => {
    const users = new PushUsers(parameters.users)
    users.reachable.fill(1)
    users.pushes.set(past.pushes)
    users.clicks.set(past.clicks)
    past.lastVisits.forEach((time, user) => {
      users.lastVisit[user] = time * minute
    })
    const articles = new Map<string, SimulatedArticle>()
    const preference = new TopicPreference(parameters.topics, past.reads, articles)
    const guessed = Array.from({ length: parameters.titles }, (_, at) => ({ title: `title ${at}`, factor: 1 }))
    const titles = { of: () => guessed, deviation: TitlePrior.none().deviation }
    const features = featuresOf(parameters.topics, articles)
    const loop = new PushLoop(users, { preference, features, titles }, options)
    const sends = new Map<number, string>()
    let known = 0
    return {
      act: async (view, observed) => {
        const seen: PushObservation[] = []
        const { articles: appeared } = view
        for (const { kind, user, time: minutes, article, send } of observed) {
          const time = minutes * minute
          if (kind === 'visit' || kind === 'click') users.lastVisit[user] = time
          if (kind === 'click') seen.push({ kind, user, article: sends.get(send!)!, time })
          else if (kind === 'read') {
            preference.addRead(user, appeared[article!]!.topic)
            seen.push({ kind, user, article: String(article), time })
          } else if (kind === 'visit') seen.push({ kind, user, time })
        }
        for (const article of appeared.slice(known)) {
          articles.set(String(article.id), article)
          const { id, createdAt } = article
          seen.push({ kind: 'article', article: { id: String(id), title: '', createdAt: createdAt * minute } })
          known++
        }
        loop.observe(seen)
        const now = view.now * minute
        for (const action of await loop.step(now)) {
          watch?.(action, loop)
          if (action.kind !== 'send') continue
          const made = action.sends.filter(({ user }) => !view.hasOptedOut(user))
          for (const { user, title } of action.sends) {
            if (view.hasOptedOut(user)) users.reachable[user] = 0
            else sends.set(view.send(user, Number(action.article), title), action.article)
          }
          loop.sent(action.article, { sends: made, holdOuts: action.holdOuts, refused: [] }, now)
          loop.observe(made.map(({ user }) => ({ kind: 'delivered', user, article: action.article, time: now })))
        }
      },
    }
  }
}

/** Numbers of the text, the reads so far, and the topic. */
function featuresOf(topics: number, articles: ReadonlyMap<string, SimulatedArticle>): ArticleFeatures {
  return {
    features: [
      { name: 'all', deviation: 0.5, dailyMove: 0.02 },
      ...Array.from({ length: textFeatures }, (_, at) => ({ name: `text ${at}`, deviation: 0.1 })),
      { name: 'reads', deviation: 0.1 },
      ...Array.from({ length: topics }, (_, at) => ({ name: `topic ${at}`, deviation: 0.1, dailyMove: 0.08 })),
    ],
    valuesOf: ({ id }, { reads, allReads }: EarlyReads) => {
      const { text, topic } = articles.get(id)!
      const topicOf = new Float64Array(topics)
      topicOf[topic] = 1
      return Float64Array.of(1, ...text, Math.log((reads + 0.3) / (allReads / 500 + 1)), ...topicOf)
    },
  }
}

/** Half of the read counts' pseudo-counts by topic: what a Dirichlet prior has. */
const priorReads = 0.54
/** How much of ln share is taken for ln click rate until the loop has learned better. */
const tasteBefore = 0.4
/** How long an order is kept. */
const cachedFor = 1440 * minute
const buckets = 4096

/** Users by how much of what they read is of the article's topic. */
class TopicPreference implements Preference {
  readonly #topics: number
  readonly #reads: Float32Array
  readonly #totals: Float32Array
  readonly #articles: ReadonlyMap<string, SimulatedArticle>
  /** Users by topic, best first, for a while. */
  readonly #orders: { readonly users: Uint32Array; readonly scores: Float32Array; readonly at: number }[] = []

  constructor(topics: number, reads: ArrayLike<number>, articles: ReadonlyMap<string, SimulatedArticle>) {
    this.#topics = topics
    this.#reads = Float32Array.from(reads)
    this.#totals = new Float32Array(reads.length / topics)
    for (let user = 0; user < this.#totals.length; user++) {
      for (let topic = 0; topic < topics; topic++) this.#totals[user]! += reads[user * topics + topic]!
    }
    this.#articles = articles
  }

  addRead(user: number, topic: number): void {
    this.#reads[user * this.#topics + topic]!++
    this.#totals[user]!++
  }

  async rank({ id }: { readonly id: string }, { eligible, limit, now }: RankFor): Promise<RankedUsers> {
    const { topic } = this.#articles.get(id)!
    let order = this.#orders[topic]
    if (!order || now - order.at >= cachedFor) {
      order = { ...this.#orderOf(topic), at: now }
      this.#orders[topic] = order
    }
    const users = new Uint32Array(Math.min(limit, order.users.length))
    const scores = new Float32Array(users.length)
    let count = 0
    for (let at = 0; at < order.users.length && count < users.length; at++) {
      const user = order.users[at]!
      if (((eligible[user >> 5]! >> (user & 31)) & 1) === 0) continue
      users[count] = user
      scores[count++] = order.scores[at]!
    }
    return { users: users.subarray(0, count), scores: scores.subarray(0, count) }
  }

  /** By counting, since shares need not be told apart by less than a bucket. */
  #orderOf(topic: number): RankedUsers {
    const count = this.#totals.length
    const bucketOf = (user: number) => {
      const reads = this.#reads[user * this.#topics + topic]! + priorReads
      return Math.floor((1 - reads / (this.#totals[user]! + priorReads * this.#topics)) * buckets)
    }
    const places = new Uint32Array(buckets + 1)
    for (let user = 0; user < count; user++) places[bucketOf(user) + 1]!++
    for (let bucket = 0; bucket < buckets; bucket++) places[bucket + 1]! += places[bucket]!
    const users = new Uint32Array(count)
    const scores = new Float32Array(count)
    for (let user = 0; user < count; user++) {
      const bucket = bucketOf(user)
      const place = places[bucket]!++
      users[place] = user
      scores[place] = tasteBefore * Math.log(this.#topics * (1 - (bucket + 0.5) / buckets))
    }
    return { users, scores }
  }
}
