import { randomNumbers } from '../../storage/random.ts'
import { drawNormal } from '../statistics/distributions.ts'
import { type ArticleTruth, drawArticles, type SimulatedArticle } from './articles.ts'
import { geometric, placeIn, runningSums, type Uniform } from './draws.ts'
import { type WorldParameters, worldParameters } from './parameters.ts'
import { drawUsers, type UserTruth } from './users.ts'
import { minutesInDay, minutesInHour, VisitTimes } from './visits.ts'

/** What is seen of the world, in order of time. */
export interface Observed {
  readonly kind: 'visit' | 'read' | 'click' | 'opt-out'
  readonly user: number
  /** Minutes since the beginning. */
  readonly time: number
  /** Of a read. */
  readonly article?: number
  /** Of a click: which {@link World.send} it answers. */
  readonly send?: number
}

/** What a user did before the beginning. */
export interface Past {
  /** (users) Minutes since the beginning, below 0. */
  readonly lastVisits: Float64Array
  /** (users × topics) Reads. */
  readonly reads: Uint16Array
  /** (users) Pushes of articles that were chosen at random, and clicks on them. */
  readonly pushes: Uint16Array
  readonly clicks: Uint16Array
}

/** In minutes: the world goes on in steps of this. */
export const step = 10
/** Hours after which an article is not read any more. */
const longestRead = 24

/**
 * Users who come and read by themselves, and perhaps when something is pushed to them, over some weeks. Only what is {@link Observed},
 * the {@link past} and the articles that have appeared are for whoever decides what is pushed; the rest is the truth.
 *
 * The same seed and the same sends make the same world.
 */
export class World {
  readonly parameters: WorldParameters
  readonly past: Past
  readonly #articles: readonly SimulatedArticle[]
  readonly #articleTruth: readonly ArticleTruth[]
  readonly #users: UserTruth
  readonly #random: Uniform
  readonly #visitTimes: VisitTimes
  /** (days × topics) What the click rate is multiplied by. */
  readonly #drift: Float64Array
  /** (steps) Users who come then, unless they came before for another reason. */
  readonly #visits: number[][]
  /** (users) When each comes next. */
  readonly #next: Float64Array
  readonly #last: Float64Array
  /** (steps) Sends that are clicked then. */
  readonly #clicks: Send[][]
  /** (users) The fatigue of each after the last push, in pushes, and when that was. */
  readonly #fatigue: Float64Array
  readonly #pushed: Float64Array
  readonly #optedOut: Uint8Array
  #sends = 0
  #now = 0
  #appeared = 0
  /** Articles that are read now, by topic, with running sums of how often each is. */
  #readable: { readonly articles: readonly number[]; readonly sums: Float64Array }[] = []

  constructor(seed: number, parameters: WorldParameters = worldParameters) {
    this.parameters = parameters
    const { users, days, topics, topicDrift } = parameters
    // Each part has numbers of its own: what one draws more or less changes no other.
    const [ofUsers, ofArticles, ofDrift, ofPast, ofTime] = [1, 2, 3, 4, 5].map(part => randomNumbers(seed * 8 + part))
    this.#random = ofTime
    this.#users = drawUsers(parameters, ofUsers)
    const { articles, truths } = drawArticles(parameters, ofArticles)
    this.#articles = articles
    this.#articleTruth = truths
    this.#drift = new Float64Array(days * topics).fill(1)
    for (let at = topics; at < this.#drift.length; at++) {
      this.#drift[at] = this.#drift[at - topics] * Math.exp(topicDrift * drawNormal(ofDrift))
    }
    this.#visitTimes = new VisitTimes(parameters)
    const steps = (days * minutesInDay) / step
    this.#visits = Array.from({ length: steps }, () => [])
    this.#clicks = Array.from({ length: steps }, () => [])
    this.#next = new Float64Array(users)
    this.#last = new Float64Array(users)
    this.#fatigue = new Float64Array(users)
    this.#pushed = new Float64Array(users)
    this.#optedOut = new Uint8Array(users)
    this.past = this.#drawPast(ofPast)
  }

  /** Minutes since the beginning. */
  get now(): number {
    return this.#now
  }

  /** Whether the days are over. */
  get hasEnded(): boolean {
    return this.#now >= this.parameters.days * minutesInDay
  }

  /** Those that have appeared. */
  get articles(): readonly SimulatedArticle[] {
    return this.#articles.slice(0, this.#appeared)
  }

  /** Goes on by one {@link step}, and tells what was seen in it. */
  advance(): Observed[] {
    if (this.hasEnded) throw new RangeError(`the world ends after ${this.parameters.days} days`)
    if (this.#now % minutesInHour === 0) this.#renewReadable()
    const at = this.#now / step
    const observed: Observed[] = []
    for (const { user, id, time, isReported } of this.#clicks[at]) {
      if (isReported) observed.push({ kind: 'click', user, time, send: id })
      this.#visit(user, time, observed)
    }
    for (const user of this.#visits[at]) {
      const time = this.#next[user]
      if (Math.floor(time / step) === at) this.#visit(user, time, observed)
    }
    this.#now += step
    while (this.#articles[this.#appeared]?.createdAt < this.#now) this.#appeared++
    return observed.sort((a, b) => a.time - b.time)
  }

  /**
   * Pushes an article under one of its titles to a user. What comes of it is seen later, if ever.
   *
   * @returns what a click will name it by; an opt-out has no name.
   * @throws RangeError where the user has opted out, or the article has not appeared.
   */
  send(user: number, article: number, title: number): number {
    if (this.#optedOut[user] === 1) throw new RangeError(`user ${user} has opted out`)
    if (article >= this.#appeared) throw new RangeError(`article ${article} has not appeared`)
    const random = this.#random
    const { clickDelay, logSpreadOfDelay, lostClicks, optOutRate } = this.parameters
    const id = this.#sends++
    const isClicked = random() < this.clickRate(user, article, title)
    this.#fatigue[user] = this.#fatigueOf(user) + 1
    this.#pushed[user] = this.#now
    if (isClicked) {
      const time = this.#now + clickDelay * Math.exp(logSpreadOfDelay * drawNormal(random))
      const click = { id, user, time, isReported: random() >= lostClicks }
      this.#clicks[Math.floor(time / step)]?.push(click)
    } else if (random() < optOutRate) this.#optedOut[user] = 1
    return id
  }

  /** Whether a user takes no pushes any more: an app knows that. */
  hasOptedOut(user: number): boolean {
    return this.#optedOut[user] === 1
  }

  /** The truth: the probability of a click, were it pushed now. */
  clickRate(user: number, article: number, title: number): number {
    const { topic } = this.#articles[article]
    const { fatigue } = this.parameters
    const rate = this.articleRate(article, title) * this.userFactor(user, topic) * fatigue ** this.#fatigueOf(user)
    return Math.min(0.9, rate)
  }

  /** The truth: the click rate of an article for the mean user now. */
  articleRate(article: number, title: number): number {
    const { clickRate, articleHalfLife, hours, hourExponent } = this.parameters
    const { topic, createdAt } = this.#articles[article]
    const { appeal, titles } = this.#articleTruth[article]
    const age = (this.#now - createdAt) / minutesInHour
    const hour = Math.floor(this.#now / minutesInHour) % 24
    const daily = (24 * hours[hour]) ** hourExponent * this.#driftOf(topic)
    return clickRate * appeal * titles[title] * 2 ** (-age / articleHalfLife) * daily
  }

  /** The truth: what a user multiplies the click rates of a topic by who has had no push. */
  userFactor(user: number, topic: number): number {
    const { topics, tasteExponent } = this.parameters
    const { taste, propensity, meanOfTaste } = this.#users
    return (propensity[user] * (topics * taste[user * topics + topic]) ** tasteExponent) / meanOfTaste
  }

  /** The truth: users who came within the last seven days. */
  get weeklyActive(): number {
    const from = this.#now - 7 * minutesInDay
    return this.#last.reduce((count, time) => count + Number(time >= from), 0)
  }

  #driftOf(topic: number): number {
    const { topics } = this.parameters
    return this.#drift[Math.floor(this.#now / minutesInDay) * topics + topic]
  }

  /** In pushes, those before counting less by their age. */
  #fatigueOf(user: number): number {
    const { fatigueHalfLife } = this.parameters
    return this.#fatigue[user] * 2 ** ((this.#pushed[user] - this.#now) / (fatigueHalfLife * minutesInDay))
  }

  #visit(user: number, time: number, observed: Observed[]): void {
    const random = this.#random
    this.#last[user] = time
    observed.push({ kind: 'visit', user, time })
    const { topics, readsPerVisit } = this.parameters
    const taste = this.#users.taste.subarray(user * topics, (user + 1) * topics)
    const sums = runningSums(taste)
    for (let left = 1 + geometric(readsPerVisit - 1, random); left > 0; left--) {
      const { articles, sums: weights } = this.#readable[placeIn(sums, random)]
      if (articles.length === 0) continue
      observed.push({ kind: 'read', user, time, article: articles[placeIn(weights, random)] })
    }
    this.#plan(user, this.#visitTimes.drawNext(Math.floor(time / minutesInDay) * minutesInDay, 0, random))
  }

  #plan(user: number, time: number): void {
    this.#next[user] = time
    this.#visits[Math.floor(time / step)]?.push(user)
  }

  #renewReadable(): void {
    const { topics, readsByAge } = this.parameters
    const byTopic = Array.from({ length: topics }, () => ({ articles: [] as number[], weights: [] as number[] }))
    for (let id = this.#appeared - 1; id >= 0; id--) {
      const { createdAt, topic } = this.#articles[id]
      const age = Math.floor((this.#now - createdAt) / minutesInHour)
      if (age >= longestRead) break
      const { early, later } = this.#articleTruth[id]
      byTopic[topic].articles.push(id)
      byTopic[topic].weights.push(readsByAge[age] * (age === 0 ? early : later))
    }
    this.#readable = byTopic.map(({ articles, weights }) => ({ articles, sums: runningSums(weights) }))
  }

  #drawPast(random: Uniform): Past {
    const { users, topics, readsPerVisit, pastPushes, clickRate, logSpreadOfArticles } = this.parameters
    const past: Past = {
      lastVisits: new Float64Array(users),
      reads: new Uint16Array(users * topics),
      pushes: new Uint16Array(users),
      clicks: new Uint16Array(users),
    }
    for (let user = 0; user < users; user++) {
      const age = this.#visitTimes.drawAge(random)
      this.#last[user] = -(age + random()) * minutesInDay
      past.lastVisits[user] = this.#last[user]
      this.#plan(user, this.#visitTimes.drawNext(-minutesInDay, age, random))
      const sums = runningSums(this.#users.taste.subarray(user * topics, (user + 1) * topics))
      // Who came of late came often: visits are as many as the last gap is short.
      const visits = 1 + geometric(20 / (1 + age), random)
      for (let left = visits + geometric(visits * (readsPerVisit - 1), random); left > 0; left--) {
        past.reads[user * topics + placeIn(sums, random)]++
      }
      past.pushes[user] = geometric(pastPushes, random)
      for (let push = 0; push < past.pushes[user]; push++) {
        const rate = clickRate * this.#users.propensity[user] * Math.exp(logSpreadOfArticles * drawNormal(random))
        past.clicks[user] += Number(random() < rate)
      }
    }
    return past
  }
}

interface Send {
  readonly id: number
  readonly user: number
  readonly time: number
  /** Whether it is reported. */
  readonly isReported: boolean
}
