import type { PlannedSend, PushObservation } from '../../loop/actions.ts'
import type { PushArticle } from '../../loop/article.ts'
import type { Preference as LoopPreference, RankedUsers, RankFor } from '../../loop/preference.ts'
import type { PreferenceModel } from '../../prefer/preference-model.ts'
import { type Read, ReadExamples } from './read-examples.ts'
import { SendResponses } from './send-responses.ts'

const hour = 3_600_000

type Seen = Extract<PushObservation, { readonly kind: 'read' | 'visit' | 'click' }>

export interface LivePreferenceOptions {
  /** Users that an article is ranked for, at most. */
  readonly mostUsers: number
  readonly inactiveDays: number
  readonly seed: number
  /** What happened until then was learned from before. */
  readonly learnedUntil: number
  /** What is known of an item that no article was said of. */
  readonly articleOf: (id: string) => PushArticle | undefined
}

/** The preference of the loop, kept up to date with what users do. */
export class LivePreference implements LoopPreference {
  readonly #preference: PreferenceModel
  readonly #options: LivePreferenceOptions
  readonly #examples: ReadExamples
  readonly #responses: SendResponses
  /** Articles that the preference knows, and items that are none. */
  readonly #known = new Map<string, PushArticle | undefined>()
  #waiting: Seen[] = []

  constructor(preference: PreferenceModel, options: LivePreferenceOptions) {
    const { inactiveDays, seed } = options
    this.#preference = preference
    this.#options = options
    const isBegun = preference.blend.state.positives > 0
    this.#examples = new ReadExamples(preference, { inactiveDays, isBegun, seed })
    this.#responses = new SendResponses(preference, seed)
  }

  add(article: PushArticle): void {
    this.#known.set(article.id, article)
    this.#preference.article(article)
  }

  /** What users did; it is known from the next {@link takeIn} on. */
  observe(observations: readonly PushObservation[]): void {
    for (const observation of observations) {
      if (observation.kind !== 'article' && observation.kind !== 'opt-out') this.#waiting.push(observation)
    }
  }

  /** Takes in what was observed, hour by hour, and learns from who read what. */
  async takeIn(signal?: AbortSignal): Promise<void> {
    const waiting = this.#waiting.sort((a, b) => a.time - b.time)
    this.#waiting = []
    for (let first = 0; first < waiting.length; ) {
      signal?.throwIfAborted()
      const end = waiting[first]!.time + hour
      let last = first + 1
      while (last < waiting.length && waiting[last]!.time < end) last++
      await this.#takeHour(waiting.slice(first, last))
      first = last
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

  /** Learns from pushes whose clicks are in. */
  learnDue(now: number): void {
    this.#responses.learnDue(now)
  }

  async #takeHour(seen: readonly Seen[]): Promise<void> {
    const reads: Read[] = seen.filter(observation => observation.kind === 'read')
    for (const { article } of reads) this.#know(article)
    const latest = reads.filter(({ time }) => time > this.#options.learnedUntil)
    if (latest.length > 0) await this.#examples.learn(latest, id => this.#known.get(id))
    this.#examples.add(reads)
    for (const one of seen) {
      if (one.kind === 'read') this.#preference.read(one.user, one.article, one.time)
      else this.#preference.visit(one.user, one.time)
      if (one.kind === 'click') this.#responses.click(one.article, one.user)
    }
  }

  #know(id: string): void {
    if (this.#known.has(id)) return
    const article = this.#options.articleOf(id)
    if (article) this.add(article)
    else this.#known.set(id, undefined)
  }
}
