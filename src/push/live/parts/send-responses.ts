import { randomNumbers } from '../../../storage/random.ts'
import type { PlannedSend } from '../../loop/actions.ts'
import type { PushArticle } from '../../loop/article.ts'
import type { PreferenceModel } from '../../prefer/preference-model.ts'
import type { FeatureValues } from '../../prefer/preference-types.ts'

const day = 86_400_000
/** Sends of a round that are learned from, drawn at random. */
const mostSends = 20_000

interface Round {
  readonly at: number
  readonly users: Uint32Array
  readonly values: FeatureValues['values']
  readonly clicked: Uint8Array
  /** (users) */
  readonly places: ReadonlyMap<number, number>
}

interface SentArticle {
  readonly article: PushArticle
  readonly readers: readonly number[]
  readonly rounds: Round[]
}

/** What users were like when pushes were sent to them, until their clicks are in, and it is learned who clicked. */
export class SendResponses {
  readonly #preference: PreferenceModel
  readonly #random: () => number
  readonly #articles = new Map<string, SentArticle>()

  constructor(preference: PreferenceModel, seed: number) {
    this.#preference = preference
    this.#random = randomNumbers(seed)
  }

  /** An article was ranked, by what these readers have in common. */
  ranked(article: PushArticle, readers: readonly number[]): void {
    this.#articles.set(article.id, { article, readers, rounds: [] })
  }

  async sent(id: string, sends: readonly PlannedSend[], now: number): Promise<void> {
    const known = this.#articles.get(id)
    if (!known || sends.length === 0) return
    const share = mostSends / sends.length
    const users = Uint32Array.from(sends.filter(() => this.#random() < share).map(({ user }) => user))
    const { values } = await this.#preference.featureValues(known.article, [...known.readers], { users, now })
    const places = new Map(Array.from(users, (user, at) => [user, at]))
    known.rounds.push({ at: now, users, values, clicked: new Uint8Array(users.length), places })
  }

  click(article: string, user: number): void {
    for (const { places, clicked } of this.#articles.get(article)?.rounds ?? []) {
      const place = places.get(user)
      if (place !== undefined) clicked[place] = 1
    }
  }

  /** Learns from articles whose last sends are a day old; those that nobody got are forgotten. */
  learnDue(now: number): void {
    for (const [id, { article, rounds }] of this.#articles) {
      const last = rounds.at(-1)?.at ?? article.createdAt
      if (now < last + day) continue
      for (const { at, users, values, clicked } of rounds) {
        if (users.length > 0) this.#preference.learn({ article, at, users, values, clicked })
      }
      this.#articles.delete(id)
    }
  }
}
