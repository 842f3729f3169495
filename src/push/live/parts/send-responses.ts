import { randomNumbers } from '../../../storage/random.ts'
import type { PushArticle } from '../../data/article.ts'
import type { PlannedSend } from '../../loop/actions.ts'
import type { PreferenceModel } from '../../prefer/preference-model.ts'
import type { DelayCurve } from '../../statistics/click-delay.ts'
import { placesLeft, type RoundArticle, rowsOf, type SendRoundFiles, type StoredRound, usersOf } from './send-rounds.ts'

const [minute, day] = [60_000, 86_400_000]
/** Sends of a round that are learned from, drawn at random. */
const mostSends = 20_000
/** A round is learned from again when so much more of its click delay has passed. */
const leastStep = 0.2
/** A round that has reached nobody for so long reaches nobody. */
const deliveredWithin = 2 * day
/** Articles are ranked before their sends, for no longer than this. */
const rankedFor = 2 * day

/** How far a round was learned from. */
export interface RoundProgress {
  readonly number: number
  /** The share of the click delay that had passed. */
  readonly share: number
  /** Users whose clicks were learned from. */
  readonly clickers: readonly number[]
}

export interface ResponseProgress {
  readonly rounds: readonly RoundProgress[]
  /** Of which everything is learned, and which may be on disk still. */
  readonly done: readonly number[]
}

interface OpenRound {
  round: StoredRound
  /** (users) */
  places: Map<number, number>
  readonly clickers: Set<number>
  readonly learnedClickers: Set<number>
  /** Users whom it has reached: others are not learned from. */
  readonly delivered: Set<number>
  /** When it reached the first; NaN: nobody yet. */
  deliveredAt: number
  share: number
}

/**
 * What users were like when pushes were sent to them, and who of them clicked, until all clicks are in. Each round is learned from as its
 * click delay passes: a send without a click is so much of one without a click ever as clicks should have come by then, and its click takes
 * the place of that. Clicks known and part of the delay learned belong together: a click that comes in between waits for the next time.
 *
 * By `npm run bench -- push-ctr` the click model is as good as one that knows at once who will click (log loss above the truth's .00575 of
 * both, weeks 2 to 4), and one that waits a day is worse by 4 % (.00600), and knows nothing on the first day.
 */
export class SendResponses {
  readonly #preference: PreferenceModel
  readonly #files: SendRoundFiles
  readonly #random: () => number
  /** With who had read them then. */
  readonly #ranked = new Map<string, { readonly article: PushArticle; readonly readers: readonly number[] }>()
  readonly #rounds = new Map<number, OpenRound>()
  readonly #done = new Set<number>()
  #next = 0

  constructor(preference: PreferenceModel, files: SendRoundFiles, seed: number) {
    this.#preference = preference
    this.#files = files
    this.#random = randomNumbers(seed)
  }

  /** When the oldest round was sent that clicks may still come of; undefined where there is none. */
  get since(): number | undefined {
    const times = Array.from(this.#rounds.values(), ({ round }) => round.at)
    return times.length > 0 ? Math.min(...times) : undefined
  }

  /** How far all was learned, to be kept with what was learned. */
  get progress(): ResponseProgress {
    const begun = [...this.#rounds.values()].filter(
      ({ share, learnedClickers }) => share > 0 || learnedClickers.size > 0,
    )
    return {
      rounds: begun.map(({ round: { number }, share, learnedClickers }) => {
        return { number, share, clickers: [...learnedClickers] }
      }),
      done: [...this.#done],
    }
  }

  /** Goes on with the rounds on disk, from where `progress` had come. */
  async open(progress: ResponseProgress | undefined): Promise<void> {
    const known = new Map(progress?.rounds.map(each => [each.number, each]))
    const done = new Set(progress?.done)
    this.#next = 1 + Math.max(-1, ...known.keys(), ...done)
    for (const round of await this.#files.read()) {
      this.#next = Math.max(this.#next, round.number + 1)
      if (done.has(round.number)) await this.#files.remove(round.number)
      else this.#add(round, known.get(round.number))
    }
  }

  /** An article was ranked, by what these readers have in common. */
  ranked(article: PushArticle, readers: readonly number[]): void {
    this.#ranked.set(article.id, { article, readers: [...readers] })
  }

  /** Keeps what users were like; on disk once it is fulfilled. */
  async sent(id: string, sends: readonly PlannedSend[], now: number): Promise<void> {
    const known = this.#ranked.get(id)
    if (!known || sends.length === 0) return
    const share = mostSends / sends.length
    const users = Uint32Array.from(sends.filter(() => this.#random() < share).map(({ user }) => user))
    const { values } = await this.#preference.featureValues(known.article, known.readers, { users, now })
    const round = { number: this.#next++, article: known.article, at: now, users, values }
    this.#add(round, undefined)
    await this.#files.write(round)
  }

  /** A push has arrived, or may have. */
  deliver(article: string, user: number, time: number): void {
    for (const open of this.#roundsWith(article, user)) {
      open.delivered.add(user)
      if (!(open.deliveredAt <= time)) open.deliveredAt = time
    }
  }

  /** What is clicked has arrived. */
  click(article: string, user: number, time: number): void {
    for (const open of this.#roundsWith(article, user)) {
      if (!open.delivered.has(user)) this.deliver(article, user, time)
      open.clickers.add(user)
    }
  }

  #roundsWith(article: string, user: number): OpenRound[] {
    return [...this.#rounds.values()].filter(({ round, places }) => round.article.id === article && places.has(user))
  }

  /** Learns from a round of which more is known than when it was learned from last; gives of how many sends, 0 where there is none. */
  learnDue(now: number, curve: DelayCurve): number {
    for (const [id, { article }] of this.#ranked) if (article.createdAt < now - rankedFor) this.#ranked.delete(id)
    for (const open of this.#rounds.values()) {
      if (Number.isNaN(open.deliveredAt)) {
        // As in a dry run: it reaches nobody any more.
        if (now - open.round.at >= deliveredWithin) this.#end(open)
        continue
      }
      const share = Math.fround(curve.share((now - open.deliveredAt) / minute))
      // A curve that is learned anew may say less than before.
      if (share < Math.min(1, open.share + leastStep)) continue
      this.#learn(open, share)
      if (share >= 1) this.#end(open)
      return Math.max(1, open.round.users.length)
    }
    return 0
  }

  /** What was learned was kept with this progress: rounds that have nothing more to tell are removed. */
  async kept({ done }: ResponseProgress): Promise<void> {
    for (const number of done) {
      await this.#files.remove(number)
      this.#done.delete(number)
    }
  }

  /** Nothing of such users is left, on disk neither. */
  async forget(isGone: (user: number) => boolean): Promise<void> {
    for (const [id, { article, readers }] of this.#ranked) {
      this.#ranked.set(id, { article, readers: readers.filter(user => !isGone(user)) })
    }
    for (const open of this.#rounds.values()) {
      const { users, values } = open.round
      const places = placesLeft(users, isGone)
      if (places.length === users.length) continue
      const round = { users: usersOf(users, places), values: rowsOf(values, places) }
      open.round = Object.assign({}, open.round, round)
      open.places = placesOf(round.users)
      for (const known of [open.clickers, open.learnedClickers, open.delivered]) {
        for (const user of known) if (isGone(user)) known.delete(user)
      }
      await this.#files.write(open.round)
    }
  }

  /** The users of all rounds. */
  users(): Set<number> {
    return new Set([...this.#rounds.values()].flatMap(({ round }) => [...round.users]))
  }

  #add(given: StoredRound, progress: RoundProgress | undefined): void {
    const { id, title, createdAt, category } = given.article
    const article: RoundArticle = { id, title, createdAt, category }
    const round = Object.assign({}, given, { article })
    const clickers = new Set(progress?.clickers)
    this.#rounds.set(round.number, {
      round,
      places: placesOf(round.users),
      clickers,
      learnedClickers: new Set(clickers),
      delivered: new Set(clickers),
      deliveredAt: Number.NaN,
      share: progress?.share ?? 0,
    })
  }

  #end({ round: { number } }: OpenRound): void {
    this.#rounds.delete(number)
    this.#done.add(number)
  }

  #learn(open: OpenRound, share: number): void {
    const { article, at, users: all, values } = open.round
    const places = placesLeft(all, user => open.learnedClickers.has(user) || !open.delivered.has(user))
    const users = usersOf(all, places)
    const clicked = Uint8Array.from(users, user => Number(open.clickers.has(user)))
    const before = new Float32Array(users.length).fill(open.share)
    // Before it is learned: what fails would fail again.
    for (const user of open.clickers) open.learnedClickers.add(user)
    open.share = share
    if (users.length === 0) return
    const shares = new Float32Array(users.length).fill(share)
    this.#preference.learn({ article, at, users, values: rowsOf(values, places), clicked, shares, before })
  }
}

function placesOf(users: Uint32Array): Map<number, number> {
  return new Map(Array.from(users, (user, place) => [user, place]))
}
