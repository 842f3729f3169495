/** The loop in a simulated world, with all that it does and that comes of it kept: for an analysis, and to be looked at meanwhile. */
import type { AnalysedArticle, AnalysisInput } from '../../analyse/input.ts'
import type { PlannedSend, PushAction } from '../../loop/actions.ts'
import type { PushLoopOptions } from '../../loop/options.ts'
import type { PushLoop } from '../../loop/push-loop.ts'
import { ClickDelay, type DelayCurve } from '../../statistics/click-delay.ts'
import type { LiftSums } from '../../statistics/lift.ts'
import { SendOutcomes } from '../../statistics/send-outcomes.ts'
import { fullLoop } from '../full-loop.ts'
import { type PushPolicy, type PushView, type SimulationResult, viewOf } from '../run.ts'
import { minutesInDay, minutesInHour } from '../visits.ts'
import type { Observed, World } from '../world.ts'
import { awaySegment, awaySegments, type HeldOut, holdOutColumns, type Sent, sendColumns } from './columns.ts'

const minute = 60_000
/** The world's beginning, a Sunday. */
const begin = Date.UTC(2026, 0, 4)

/** One article from its first send on. */
export interface RecordedCampaign {
  readonly article: string
  readonly topic: number
  /** Minutes since the world's beginning. */
  readonly createdAt: number
  readonly outcomes: SendOutcomes
  /** (titles) Sends and clicks. */
  readonly sends: number[]
  readonly clicks: number[]
  rounds: number
  /** Why no more is sent. */
  stopped: string | undefined
}

/** Records one run. */
export class PushRecording {
  readonly campaigns: RecordedCampaign[] = []
  /** Minutes since the world's beginning: what came until then is recorded. */
  now = 0
  /** The lift that a send must be worth now; NaN before the first send. */
  price = Number.NaN
  readonly #places = new Map<string, number>()
  readonly #articles: AnalysedArticle[] = []
  readonly #decisions = new Map<string, AnalysedArticle['decision']>()
  readonly #delay = new ClickDelay()
  #curve: DelayCurve = this.#delay.curve(0)
  /** (sends) */
  readonly #sent: Sent[] = []
  readonly #held: HeldOut[] = []
  readonly #visits = { users: [] as number[], times: [] as number[] }
  readonly #prices = { times: [] as number[], prices: [] as number[] }
  /** Of the round that is being made, by user. */
  #planned = new Map<number, PlannedSend>()
  #round = { article: '', round: 0 }
  #lastVisits = new Float64Array(0)
  #topicOf: (article: string) => { readonly topic: number; readonly createdAt: number } = () => {
    throw new Error('expected a run of the policy, got none')
  }

  /** The loop, recorded. @param onStep is given what was seen since the step before, once it is recorded; the world waits for it. */
  policyIn(
    options: Partial<PushLoopOptions> = {},
    onStep: (world: World) => Promise<void> | void = () => {},
  ): (world: World) => PushPolicy {
    return world => {
      const { past, articles } = world
      this.#lastVisits = past.lastVisits.slice()
      let appeared = articles
      this.#topicOf = id => {
        if (appeared.length <= Number(id)) appeared = world.articles
        return appeared[Number(id)]!
      }
      const loop = fullLoop(options, (action, steps) => this.#act(action, steps))(world)
      let recorded: PushView | undefined
      return {
        act: async (view, observed) => {
          this.#see(view.now, observed)
          recorded ??= this.#recordedView(view)
          await loop.act(recorded, observed)
          await onStep(world)
        },
      }
    }
  }

  /** What came of the sends of a campaign until now. */
  sums({ outcomes }: RecordedCampaign): LiftSums {
    return outcomes.sums(this.now, this.#curve)
  }

  /** What came of all sends, for an analysis; with what came of doing nothing in the same world, if that is known. */
  analysisInput(result: SimulationResult, baseline?: SimulationResult): AnalysisInput {
    const timeOf = (minutes: number) => begin + minutes * minute
    const followed = new Uint8Array(this.#lastVisits.length)
    for (const { user } of [...this.#sent, ...this.#held]) followed[user] = 1
    const visits = Uint32Array.from(this.#visits.users.keys()).filter(at => followed[this.#visits.users[at]!] === 1)
    return {
      from: begin,
      now: timeOf(this.now),
      articles: [...this.#pushed(), ...this.#refused()],
      segments: awaySegments,
      sends: [sendColumns(this.#sent, timeOf)],
      holdOuts: [holdOutColumns(this.#held, timeOf)],
      visits: [
        {
          users: visits.map(at => this.#visits.users[at]!),
          times: Float64Array.from(visits, at => timeOf(this.#visits.times[at]!)),
        },
      ],
      weeklyActive: {
        times: result.weeklyActive.map((_, day) => timeOf((day + 1) * minutesInDay)),
        users: result.weeklyActive,
        baseline: baseline?.weeklyActive,
      },
      prices: { times: this.#prices.times.map(timeOf), prices: this.#prices.prices },
    }
  }

  #pushed(): AnalysedArticle[] {
    return this.#articles.map((article, at) =>
      Object.assign({}, article, { stopped: this.campaigns[at]!.stopped, decision: this.#decisions.get(article.id) }),
    )
  }

  #refused(): AnalysedArticle[] {
    return [...this.#decisions]
      .filter(([id]) => !this.#places.has(id))
      .map(([id, decision]) => ({ id, titles: [], createdAt: begin + this.#topicOf(id).createdAt * minute, decision }))
  }

  #see(now: number, observed: readonly Observed[]): void {
    for (const { kind, user, time, send } of observed) {
      if (kind !== 'visit' && kind !== 'click') continue
      this.#lastVisits[user] = time
      // A click is followed by the visit that it makes.
      if (kind === 'visit') {
        this.#visits.users.push(user)
        this.#visits.times.push(time)
        continue
      }
      const sent = this.#sent[send!]!
      sent.clickedAt = time
      const { outcomes, clicks } = this.campaigns[sent.article]!
      outcomes.addClick(sent.sentAt)
      clicks[sent.title]!++
      this.#delay.addClick(sent.sentAt, time)
    }
    this.now = now
    this.#curve = this.#delay.curve(now)
    if (now % minutesInHour !== 0 || Number.isNaN(this.price)) return
    this.#prices.times.push(now)
    this.#prices.prices.push(this.price)
  }

  #act(action: PushAction, loop: PushLoop): void {
    this.price = loop.price
    const { article } = action
    switch (action.kind) {
      case 'decision':
        this.#decisions.set(article, action.decision)
        break
      case 'campaign': {
        // Again where none of its first round could be sent.
        if (this.#places.has(article)) break
        const { topic, createdAt } = this.#topicOf(article)
        this.#places.set(article, this.campaigns.length)
        const none = () => action.titles.map(() => 0)
        const outcomes = new SendOutcomes()
        this.campaigns.push({
          article,
          topic,
          createdAt,
          outcomes,
          sends: none(),
          clicks: none(),
          rounds: 0,
          stopped: undefined,
        })
        this.#articles.push({
          id: article,
          titles: action.titles.map(title => `article ${article}, ${title}`),
          category: `topic ${topic}`,
          createdAt: begin + createdAt * minute,
          target: action.target,
        })
        break
      }
      case 'send': {
        const place = this.#places.get(article)!
        for (const { user, rank } of action.holdOuts) {
          this.#held.push({ user, article: place, rank, time: this.now, segment: this.#segmentOf(user) })
        }
        this.#planned = new Map(action.sends.map(send => [send.user, send]))
        this.#round = { article, round: action.round }
        this.campaigns[place]!.rounds++
        break
      }
      case 'stop':
        this.campaigns[this.#places.get(article)!]!.stopped = action.reason
        break
    }
  }

  #recordedView(view: PushView): PushView {
    return viewOf(view, (user, article, title) => {
      const id = view.send(user, article, title)
      this.#addSend(id, user, view.hasOptedOut(user))
      return id
    })
  }

  #addSend(id: number, user: number, hasOptedOut: boolean): void {
    const { title, rank, usualCtr, expectedCtr } = this.#planned.get(user)!
    const { article, round } = this.#round
    const place = this.#places.get(article)!
    this.#sent[id] = {
      user,
      article: place,
      segment: this.#segmentOf(user),
      title,
      round,
      rank,
      usualCtr,
      expectedCtr,
      sentAt: this.now,
      clickedAt: Number.NaN,
      optedOutAt: hasOptedOut ? this.now : Number.NaN,
    }
    const { outcomes, sends } = this.campaigns[place]!
    outcomes.addSends(this.now, [usualCtr])
    sends[title]!++
  }

  #segmentOf(user: number): number {
    return awaySegment((this.now - this.#lastVisits[user]!) / minutesInDay)
  }
}
