import type { PushArticle } from '../../data/article.ts'
import type { PlannedSend, PushObservation } from '../../loop/actions.ts'
import type { Preference, RankedUsers, RankFor } from '../../loop/preference.ts'
import type { PreferenceModel } from '../../prefer/preference-model.ts'
import type { DelayCurve } from '../../statistics/click-delay.ts'
import { type Read, ReadExamples } from './read-examples.ts'
import type { SendResponses } from './send-responses.ts'

const hour = 3_600_000
/** Items that are remembered to be known to the preference, or to be no articles. */
const mostKnown = 20_000
/** Sends that are learned from in a step: more wait for the next ones. */
const learnedAtOnce = 20_000

type Seen = Extract<PushObservation, { readonly kind: 'read' | 'visit' | 'click' | 'delivered' }>

export interface LivePreferenceOptions {
  /** Users that an article is ranked for, at most. */
  readonly mostUsers: number
  readonly inactiveDays: number
  readonly seed: number
  /** What happened until then was learned from before. */
  readonly learnedUntil: number
  /** What users were like when they were sent pushes. */
  readonly responses: SendResponses
  /** What is known of an item that no article was said of. */
  readonly articleOf: (id: string) => PushArticle | undefined
}

/** The preference of the loop, kept up to date with what users do. */
export class LivePreference implements Preference {
  readonly #preference: PreferenceModel
  readonly #options: LivePreferenceOptions
  readonly #examples: ReadExamples
  readonly #responses: SendResponses
  /** Articles that the preference knows, and items that are none, those seen last at the end. Without bodies: of these vectors are left. */
  readonly #known = new Map<string, PushArticle | undefined>()
  #waiting: Seen[] = []

  constructor(preference: PreferenceModel, options: LivePreferenceOptions) {
    const { inactiveDays, seed, responses } = options
    this.#preference = preference
    this.#options = options
    const isBegun = preference.blend.state.positives > 0
    this.#examples = new ReadExamples(preference, { inactiveDays, isBegun, seed })
    this.#responses = responses
  }

  add(article: PushArticle): void {
    this.#preference.article(article)
    const { id, title, createdAt, category } = article
    this.#remember(id, { id, title, createdAt, category })
  }

  /** What users did; it is known from the next {@link takeIn} on. */
  observe(observations: readonly PushObservation[]): void {
    for (const observation of observations) {
      const { kind } = observation
      if (kind !== 'article' && kind !== 'opt-out' && kind !== 'unsent') this.#waiting.push(observation)
    }
  }

  /**
   * Takes in what was observed, by hours of the clock, and learns from who read what. Where that fails, hours that were not taken in are at
   * the next call.
   */
  async takeIn(signal?: AbortSignal): Promise<void> {
    const waiting = this.#waiting.sort((a, b) => a.time - b.time)
    this.#waiting = []
    let first = 0
    try {
      while (first < waiting.length) {
        signal?.throwIfAborted()
        const end = (Math.floor(waiting[first]!.time / hour) + 1) * hour
        let last = first + 1
        while (last < waiting.length && waiting[last]!.time < end) last++
        const seen = waiting.slice(first, last)
        first = last
        await this.#takeHour(seen)
      }
    } finally {
      this.#waiting = [...waiting.slice(first), ...this.#waiting]
    }
  }

  async rank(article: PushArticle, { limit, eligible, readers, now }: RankFor): Promise<RankedUsers> {
    this.#responses.ranked(article, readers)
    const most = Math.min(limit, this.#options.mostUsers)
    const { users, scores } = await this.#preference.rank(article, readers, { limit: most, eligible, now })
    return { users, scores }
  }

  sent(article: string, sends: readonly PlannedSend[], now: number): Promise<void> {
    return this.#responses.sent(article, sends, now)
  }

  /** Learns from pushes by what has come of them; clicks come as `curve` says. */
  learnDue(now: number, curve: DelayCurve): void {
    for (let learned = 0; learned < learnedAtOnce; ) {
      const sends = this.#responses.learnDue(now, curve)
      if (sends === 0) return
      learned += sends
    }
  }

  /** Nothing of a user is left. */
  forget(user: number): Promise<void> {
    this.#waiting = this.#waiting.filter(seen => seen.user !== user)
    this.#examples.forget(user)
    this.#preference.forget(user)
    return this.#responses.forget(each => each === user)
  }

  async #takeHour(seen: readonly Seen[]): Promise<void> {
    const reads: Read[] = seen.filter(observation => observation.kind === 'read')
    for (const { article } of reads) this.#know(article)
    const latest = reads.filter(({ time }) => time > this.#options.learnedUntil)
    try {
      if (latest.length > 0) await this.#examples.learn(latest, id => this.#known.get(id))
    } finally {
      // Whether it was learned from or not, it is known from now on, and once.
      this.#examples.add(reads)
      for (const one of seen) {
        if (one.kind === 'delivered') {
          this.#responses.deliver(one.article, one.user, one.time)
          continue
        }
        if (one.kind === 'read') this.#preference.read(one.user, one.article, one.time)
        else this.#preference.visit(one.user, one.time)
        if (one.kind === 'click') this.#responses.click(one.article, one.user, one.time)
      }
    }
  }

  #know(id: string): void {
    if (this.#known.has(id)) {
      this.#remember(id, this.#known.get(id))
      return
    }
    const article = this.#options.articleOf(id)
    if (article) this.add(article)
    else this.#remember(id, undefined)
  }

  #remember(id: string, article: PushArticle | undefined): void {
    this.#known.delete(id)
    this.#known.set(id, article)
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= mostKnown) return
      this.#known.delete(oldest)
    }
  }
}
