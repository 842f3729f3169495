/** A loop, and users who click as often as their scores and the article let expect. */

import type { PushArticle } from '../../src/push/data/article.ts'
import { PushUsers } from '../../src/push/data/users.ts'
import type { MadeRound, PlannedSend, PushAction, PushObservation } from '../../src/push/loop/actions.ts'
import type { PushLoopOptions } from '../../src/push/loop/options.ts'
import type { Preference } from '../../src/push/loop/preference.ts'
import { PushLoop } from '../../src/push/loop/push-loop.ts'
import type { ArticleFeatures } from '../../src/push/loop/selection.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { minute, noon } from './ledger-of.ts'

export const usualCtr = 0.05

/** What becomes of a round; default: all is made, and delivered at once. */
export type Making = (
  round: Extract<PushAction, { kind: 'send' }>,
  now: number,
) => MadeRound & { readonly isDelivered?: boolean }

const all: Making = ({ sends, holdOuts }) => ({ sends, holdOuts, refused: [] })

interface Sent extends PlannedSend {
  readonly article: string
  readonly time: number
}

export class SmallWorld {
  readonly users: PushUsers
  readonly loop: PushLoop
  readonly actions: { readonly action: PushAction; readonly time: number }[] = []
  readonly sends: Sent[] = []
  readonly made: (MadeRound & { readonly article: string; readonly time: number })[] = []
  highestPrice = 0
  make = all
  readonly #random = randomNumbers(77)
  readonly #lifts = new Map<string, number>()
  #clicks: Extract<PushObservation, { kind: 'click' }>[] = []
  #now = noon

  constructor(
    options: Partial<PushLoopOptions> = {},
    given: { readonly size?: number; readonly titles?: number } = {},
  ) {
    const { size = 2000, titles: count = 2 } = given
    this.users = new PushUsers(size)
    this.users.reachable.fill(1)
    const titlesOf = ({ title }: PushArticle) =>
      Array.from({ length: count }, (_, at) => ({ title: `${title} ${at}`, factor: 1 }))
    const titles = { of: titlesOf, deviation: 0.275 }
    const chosen = Object.assign({ usualCtr, target: 1.5, holdOut: 0.05 }, options)
    this.loop = new PushLoop(this.users, { preference, features, titles }, chosen)
  }

  get now(): number {
    return this.#now
  }

  /** @param lift of its clicks beside the usual CTR and the scores. */
  add(id: string, lift: number, more: Partial<PushArticle> = {}): void {
    this.#lifts.set(id, lift)
    const article = Object.assign({ id, title: `About ${id}`, createdAt: this.#now }, more)
    this.loop.observe([{ kind: 'article', article }])
  }

  /** Steps every few minutes until then. */
  async run(until: number, every = 5 * minute): Promise<void> {
    for (; this.#now < until; this.#now += every) {
      const due = this.#clicks.filter(({ time }) => time <= this.#now)
      this.#clicks = this.#clicks.filter(({ time }) => time > this.#now)
      this.loop.observe(due.sort((a, b) => a.time - b.time))
      for (const action of await this.loop.step(this.#now)) this.#do(action)
      this.highestPrice = Math.max(this.highestPrice, this.loop.price)
    }
  }

  roundsOf(article: string): number[] {
    const rounds: number[] = []
    for (const { action } of this.actions) {
      if (action.kind === 'send' && action.article === article) rounds.push(action.sends.length)
    }
    return rounds
  }

  kindsOf(article: string): string[] {
    return this.actions.filter(({ action }) => action.article === article).map(({ action }) => action.kind)
  }

  #do(action: PushAction): void {
    const [time, { article }] = [this.#now, action]
    this.actions.push({ action, time })
    if (action.kind !== 'send') return
    const { isDelivered = true, ...made } = this.make(action, time)
    this.loop.sent(article, made, time)
    this.made.push(Object.assign({ article, time }, made))
    if (!isDelivered) return
    this.loop.observe(made.sends.map(({ user }) => ({ kind: 'delivered', user, article, time })))
    for (const send of made.sends) {
      this.sends.push(Object.assign({ article, time }, send))
      const rate = usualCtr * this.#lifts.get(article)! * Math.exp(scoreOf(send.user))
      const delay = -20 * minute * Math.log(1 - this.#random())
      if (this.#random() < rate) this.#clicks.push({ kind: 'click', user: send.user, article, time: time + delay })
    }
  }
}

/** Of any article; from 0.5 to −0.5. */
export const scoreOf = (user: number) => 0.5 - (user % 1000) / 1000

const preference: Preference = {
  rank: async (_, { eligible, limit }) => {
    const users: number[] = []
    for (let user = 0; user < eligible.length * 32; user++)
      if ((eligible[user >> 5]! >> (user & 31)) & 1) users.push(user)
    users.sort((a, b) => scoreOf(b) - scoreOf(a) || a - b)
    const most = Uint32Array.from(users.slice(0, limit))
    return { users: most, scores: Float32Array.from(most, scoreOf) }
  },
}

const features: ArticleFeatures = {
  features: [
    { name: 'all', mean: 0.3, deviation: 0.7 },
    { name: 'reads', mean: 0.3, deviation: 0.1 },
  ],
  valuesOf: (_, { reads }) => Float64Array.of(1, reads),
}
