/** The loop itself in the simulated world: it sees what is observed there, and its actions are done. */
import type { PushObservation } from '../loop/actions.ts'
import { minute } from '../loop/article-run.ts'
import type { PushLoopOptions } from '../loop/options.ts'
import type { Preference, RankFor, RankedUsers } from '../loop/preference.ts'
import { PushLoop } from '../loop/push-loop.ts'
import type { ArticleFeatures, EarlyReads } from '../loop/selection.ts'
import { PushUsers } from '../loop/users.ts'
import { type SimulatedArticle, textFeatures } from './articles.ts'
import type { PushPolicy, PushView } from './run.ts'
import type { World } from './world.ts'

export function fullLoop(options: Partial<PushLoopOptions> = {}): (world: World) => PushPolicy {
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
    const titles = Array.from({ length: parameters.titles }, (_, at) => ({ title: `title ${at}`, factor: 1 }))
    const features = featuresOf(parameters.topics, articles)
    const loop = new PushLoop(users, { preference, features, titlesOf: () => titles }, options)
    const sends = new Map<number, string>()
    let known = 0
    return {
      act: async (view, observed) => {
        const seen: PushObservation[] = []
        for (const { kind, user, time: minutes, article, send } of observed) {
          const time = minutes * minute
          if (kind === 'visit' || kind === 'click') users.lastVisit[user] = time
          if (kind === 'click') seen.push({ kind, user, article: sends.get(send!)!, time })
          else if (kind === 'read') {
            preference.addRead(user, view.articles[article!]!.topic)
            seen.push({ kind, user, article: String(article), time })
          } else if (kind === 'visit') seen.push({ kind, user, time })
        }
        for (const article of view.articles.slice(known)) {
          articles.set(String(article.id), article)
          const { id, createdAt } = article
          seen.push({ kind: 'article', article: { id: String(id), title: '', createdAt: createdAt * minute } })
          known++
        }
        loop.observe(seen)
        const now = view.now * minute
        if (process.env.DEBUG && view.now % 1440 === 0) console.log('day', view.now / 1440, loop.debug())
        for (const action of await loop.step(now)) {
          if (action.kind !== 'send') continue
          const made = action.sends.filter(({ user }) => !view.hasOptedOut(user))
          for (const { user, title } of action.sends) {
            if (view.hasOptedOut(user)) users.reachable[user] = 0
            else sends.set(view.send(user, Number(action.article), title), action.article)
          }
          loop.sent(action.article, made, now)
        }
      },
    }
  }
}

/** Numbers of the text, the reads so far, and the topic. */
function featuresOf(topics: number, articles: ReadonlyMap<string, SimulatedArticle>): ArticleFeatures {
  return {
    features: [
      { name: 'all', deviation: 1, dailyMove: 0.02 },
      ...Array.from({ length: textFeatures }, (_, at) => ({ name: `text ${at}`, deviation: 0.2 })),
      { name: 'reads', deviation: 0.2 },
      ...Array.from({ length: topics }, (_, at) => ({ name: `topic ${at}`, deviation: 0.2, dailyMove: 0.1 })),
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
const cachedFor = 1440 * minute

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

  #orderOf(topic: number): RankedUsers {
    const count = this.#totals.length
    const keys = new Float64Array(count)
    const shareOf = (user: number) =>
      (this.#reads[user * this.#topics + topic]! + priorReads) / (this.#totals[user]! + priorReads * this.#topics)
    // Share and user in one number, which sorts fast.
    for (let user = 0; user < count; user++) keys[user] = Math.round((1 - shareOf(user)) * 2 ** 28) * 2 ** 24 + user
    keys.sort()
    const users = Uint32Array.from(keys, key => key % 2 ** 24)
    return { users, scores: Float32Array.from(users, user => 0.4 * Math.log(this.#topics * shareOf(user))) }
  }
}
