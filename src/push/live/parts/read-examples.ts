import { hasBit, sharedBitmap } from '../../../search/bitmap.ts'
import { randomNumbers } from '../../../storage/random.ts'
import type { PushArticle } from '../../data/article.ts'
import type { PreferenceModel } from '../../prefer/preference-model.ts'
import type { PreferenceResponses } from '../../prefer/preference-types.ts'
import { placesLeft, rowsOf, usersOf } from './send-rounds.ts'

const [hour, day] = [3_600_000, 86_400_000]
/** So long after its first read it is learned from who reads an article. */
const [learnedFor, keptFor] = [5 * hour, 7 * day]
/** Readers before, so that there is something to tell others by; and how many of them are looked at. */
const [leastReaders, mostReaders] = [3, 2000]
/** Of an hour of the clock: articles, readers of each, and others for each reader. */
const [mostArticles, mostPositives, negatives] = [5, 200, 5]
/** Reads of inactive users that the first learning waits for: of fewer a slope is chance. */
const leastPositives = 100

export interface Read {
  readonly user: number
  readonly article: string
  readonly time: number
}

/**
 * Who, of users who had not come for a while, read an article by themselves: what ranks until there are clicks on pushes. Features are taken
 * before the reads are known to the preference.
 */
export class ReadExamples {
  readonly #preference: PreferenceModel
  readonly #inactive: number
  readonly #random: () => number
  /** By article, for some hours. */
  readonly #readers = new Map<string, { readonly since: number; readonly users: Set<number> }>()
  /** How many readers of each article were learned from in the latest hour. */
  readonly #taken = new Map<string, number>()
  #hour = Number.NEGATIVE_INFINITY
  #waiting: PreferenceResponses[] = []
  #isBegun = false

  /** @param isBegun Whether the preference has learned from reads. */
  constructor(preference: PreferenceModel, options: { inactiveDays: number; isBegun: boolean; seed: number }) {
    this.#preference = preference
    this.#inactive = options.inactiveDays * day
    this.#isBegun = options.isBegun
    this.#random = randomNumbers(options.seed)
  }

  /** Learns from reads of one hour of the clock, before the preference knows them; how often in the hour makes no more of it. */
  async learn(reads: readonly Read[], articleOf: (id: string) => PushArticle | undefined): Promise<void> {
    const now = reads[0]!.time
    this.#goTo(Math.floor(now / hour))
    const examples = [...Map.groupBy(reads, ({ article }) => article)]
      .map(([id, of]) => ({ id, users: this.#returning(id, of, now) }))
      .filter(({ users }) => users.length > 0)
      .sort((a, b) => b.users.length - a.users.length)
    for (const { id, users } of examples) {
      const before = this.#taken.get(id)
      if (before === undefined && this.#taken.size >= mostArticles) continue
      const article = articleOf(id)
      const positives = users.slice(0, mostPositives - (before ?? 0))
      if (!article || positives.length === 0) continue
      this.#taken.set(id, (before ?? 0) + positives.length)
      await this.#example(article, positives, { reads, now })
    }
  }

  /** Notes reads as those of readers before others. */
  add(reads: readonly Read[]): void {
    for (const { article, user, time } of reads) {
      let readers = this.#readers.get(article)
      if (!readers) {
        readers = { since: time, users: new Set() }
        this.#readers.set(article, readers)
      }
      if (readers.users.size < mostReaders) readers.users.add(user)
    }
    const latest = reads.at(-1)?.time ?? 0
    // In the order of their first reads. They are kept for longer than they are learned from, so that nobody takes them for new.
    for (const [article, { since }] of this.#readers) {
      if (since >= latest - keptFor) break
      this.#readers.delete(article)
    }
  }

  /** Readers who had not come for a while. */
  #returning(article: string, reads: readonly Read[], now: number): number[] {
    const readers = this.#readers.get(article)
    if (!readers || readers.users.size < leastReaders || now > readers.since + learnedFor) return []
    const users = new Set(reads.map(({ user }) => user))
    return [...users].filter(user => !readers.users.has(user) && this.#isReturning(user, now))
  }

  #goTo(hour: number): void {
    if (hour === this.#hour) return
    this.#hour = hour
    this.#taken.clear()
  }

  #isReturning(user: number, now: number): boolean {
    const last = this.#preference.activity.lastVisits[user] ?? Number.NEGATIVE_INFINITY
    return Number.isFinite(last) && last < now - this.#inactive
  }

  async #example(
    article: PushArticle,
    positives: readonly number[],
    { reads, now }: { readonly reads: readonly Read[]; readonly now: number },
  ): Promise<void> {
    const { size } = this.#preference.users
    const others: number[] = []
    const came = sharedBitmap(size, false)
    for (const { user } of reads) if (user < size) came[user >>> 5]! |= 1 << (user & 31)
    for (
      let draws = 0;
      draws < 20 * negatives * positives.length && others.length < negatives * positives.length;
      draws++
    ) {
      const user = Math.floor(this.#random() * size)
      if (!hasBit(came, user) && this.#isReturning(user, now)) others.push(user)
    }
    if (others.length === 0) return
    const users = Uint32Array.from([...positives, ...others])
    const early = this.#readers.get(article.id)!.users
    const { values } = await this.#preference.featureValues(article, [...early], { users, now })
    const clicked = Uint8Array.from(users, (_, at) => Number(at < positives.length))
    this.#take({ article, at: now, users, values, clicked })
  }

  /** Nothing of a user is left. */
  forget(user: number): void {
    for (const { users } of this.#readers.values()) users.delete(user)
    this.#waiting = this.#waiting.map(responses => {
      const { users, values, clicked } = responses
      const places = placesLeft(users, each => each === user)
      if (places.length === users.length) return responses
      const left = { users: usersOf(users, places), values: rowsOf(values, places) }
      return Object.assign({}, responses, left, { clicked: Uint8Array.from(places, place => clicked[place]!) })
    })
  }

  #take(responses: PreferenceResponses): void {
    this.#waiting.push(responses)
    const positives = this.#waiting.reduce((sum, { clicked }) => sum + clicked.reduce((all, one) => all + one, 0), 0)
    if (!this.#isBegun && positives < leastPositives) return
    this.#isBegun = true
    for (const each of this.#waiting) this.#preference.learnReads(each)
    this.#waiting = []
  }
}
