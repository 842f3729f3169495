import { minuteOfDay } from '../data/local-time.ts'
import { type SendState, sendStates } from '../send/send.ts'
import { ClickDelay, type DelayCurve } from '../statistics/click-delay.ts'
import { CalibrationTable } from './calibration.ts'
import { bandOf } from './depth-bands.ts'
import { Follow, heldArm } from './follow.ts'
import type { AnalysisInput, HoldOutColumns, SendColumns } from './input.ts'
import { OutcomeTable } from './outcome-table.ts'

export const week = 7 * 86_400_000
const minute = 60_000
/** In ms: zones change their offset at multiples of it. */
const quarter = 15 * minute

/** In ms from 1970: dates end there. */
const mostTime = 8.64e15

/** Pushes that went out, or may have. */
const isOut = sendStates.map(state => state === 'handed' || state === 'delivered' || state === 'unknown')
/** Fields of an open send. */
const stride = 9

/** A send that went out, as it is counted. */
interface CountedSend {
  readonly article: number
  readonly segment: number
  readonly title: number
  readonly band: number
  readonly round: number
  readonly usual: number
  readonly expected: number
  readonly time: number
  readonly isClicked: boolean
  readonly hasOptedOut: boolean
}

/** What {@link OutcomeTable} takes of a send. */
interface MutableSend {
  usual: number
  share: number
  isClicked: boolean
  hasOptedOut: boolean
  minute: number | undefined
}

/** Adds up sends in one pass, in columns; those that may still be clicked are counted when all clicks are known. */
export class Tally {
  readonly total = new OutcomeTable(1)
  readonly articles: OutcomeTable
  readonly segments: OutcomeTable
  readonly bands = new OutcomeTable()
  readonly rounds = new OutcomeTable()
  /** First rounds, and later ones. */
  readonly resending = new OutcomeTable(2)
  /** From {@link firstTitles} of its article on. */
  readonly titles: OutcomeTable
  readonly firstTitles: Uint32Array
  readonly calibration = new CalibrationTable()
  readonly follow = new Follow()
  readonly states = new Float64Array(sendStates.length)
  readonly otherClicks = { late: 0, unsent: 0, future: 0 }
  readonly hours = new OutcomeTable(24)
  /** (articles) When the first and the last was sent, and how many rounds there were. */
  readonly firstSent: Float64Array
  readonly lastSent: Float64Array
  readonly roundsOf: Uint32Array
  /** (delay intervals) Clicks. */
  readonly delays: Float64Array
  invalid = 0
  /** Whether all who were held out have a rank. */
  isRanked = true
  readonly #input: AnalysisInput
  readonly #delay: ClickDelay
  readonly #learns: boolean
  readonly #zone: string
  readonly #window: number
  /** Sends that may still be clicked. */
  #open = new Float64Array(0)
  #openSends = 0
  #quarter = Number.NaN
  #hour = 0
  // One for all sends: nothing keeps it.
  readonly #send: MutableSend = { usual: 0, share: 1, isClicked: false, hasOptedOut: false, minute: undefined }

  constructor(input: AnalysisInput) {
    const { articles, segments, delay, zone = 'UTC', window = week } = input
    this.#input = input
    this.#delay = delay ?? new ClickDelay()
    this.#learns = delay === undefined
    this.#zone = zone
    this.#window = window
    this.articles = new OutcomeTable(articles.length)
    this.segments = new OutcomeTable(segments.length)
    this.firstTitles = new Uint32Array(articles.length + 1)
    articles.forEach(({ titles }, at) => {
      this.firstTitles[at + 1] = this.firstTitles[at]! + titles.length
    })
    this.titles = new OutcomeTable(this.firstTitles[articles.length])
    this.firstSent = new Float64Array(articles.length).fill(Number.NaN)
    this.lastSent = new Float64Array(articles.length).fill(Number.NaN)
    this.roundsOf = new Uint32Array(articles.length)
    this.delays = new Float64Array(this.#delay.ends.length)
  }

  get ends(): readonly number[] {
    return this.#delay.ends
  }

  addSends(sends: SendColumns): void {
    const { from, now } = this.#input
    const { users, articles, segments, titles, rounds, ranks, usualCtrs, expectedCtrs } = sends
    const { sentAt, states, clickedAt, optedOutAt } = sends
    const horizon = this.#delay.horizon
    for (let at = 0; at < users.length; at++) {
      const [article, segment, title, state] = [articles[at]!, segments[at]!, titles[at]!, states[at]!]
      const [time, usual, clicked] = [sentAt[at]!, usualCtrs[at]!, clickedAt[at]!]
      const isKnown = article < this.firstSent.length && state < isOut.length
      if (!isKnown || (isOut[state]! && !(Math.abs(time) <= mostTime))) {
        this.invalid++
        continue
      }
      if (!isOut[state]!) {
        this.states[state]!++
        if (!Number.isNaN(clicked)) this.otherClicks.unsent++
        continue
      }
      const [band, round] = [bandOf(ranks[at]!), rounds[at]!]
      const isIn = time >= from
      const makesSense = !(usual < 0 || usual > 1) && segment < this.#input.segments.length
      const isCounted = isIn && makesSense && this.firstTitles[article]! + title < this.firstTitles[article + 1]!
      this.follow.add({ user: users[at]!, time, article, segment, band, arm: round === 0 ? 0 : 1, isCounted })
      if (!isIn) continue
      if (!isCounted) {
        this.invalid++
        continue
      }
      this.states[state]!++
      const delay = Math.max(0, (clicked - time) / minute)
      const isClicked = clicked <= now && delay <= horizon
      if (isClicked) this.#addClick(time, delay)
      else if (clicked > now) this.otherClicks.future++
      else if (clicked <= now) this.otherClicks.late++
      const hasOptedOut = optedOutAt[at]! >= time && optedOutAt[at]! <= Math.min(now, time + this.#window)
      this.#addTimes(article, time, round)
      const expected = expectedCtrs[at]!
      const send = { article, segment, title, band, round, usual, expected, time, isClicked, hasOptedOut }
      if ((now - time) / minute < horizon + 1) this.#keepOpen(send)
      else this.#count(send)
    }
  }

  addHoldOuts({ users, articles, times, segments, ranks }: HoldOutColumns): void {
    const { from, now } = this.#input
    if (!ranks) this.isRanked = false
    for (let at = 0; at < users.length; at++) {
      const [article, segment, time] = [articles[at]!, segments?.[at] ?? 0, times[at]!]
      const isKnown = article < this.firstSent.length && segment < this.#input.segments.length
      if (!isKnown || !(Math.abs(time) <= mostTime)) {
        this.invalid++
        continue
      }
      const isCounted = time >= from && time <= now
      if (!isCounted) continue
      const band = bandOf(ranks?.[at] ?? 0)
      this.follow.add({ user: users[at]!, time, article, segment, band, arm: heldArm, isCounted })
    }
  }

  /** To be called when all sends are added: counts those that may still be clicked, and gives the curve that they are counted by. */
  close(): DelayCurve {
    const { now } = this.#input
    const curve = this.#delay.curve(now / minute)
    for (let at = 0; at < this.#openSends; at++) {
      const send = this.#openSend(at)
      const sentAt = Math.floor(send.time / minute)
      this.#count(send, { share: curve.share(now / minute - sentAt), minute: sentAt })
    }
    this.#open = new Float64Array(0)
    this.#openSends = 0
    return curve
  }

  countOf(state: SendState): number {
    return this.states[sendStates.indexOf(state)]!
  }

  /** `open`: of one that may still be clicked, which share of its clicks has come, and the minute that it is counted under. */
  #count(
    { article, segment, title, band, round, usual, expected, time, isClicked, hasOptedOut }: CountedSend,
    open?: { readonly share: number; readonly minute: number },
  ): void {
    const send = this.#send
    send.usual = usual
    send.share = open?.share ?? 1
    send.isClicked = isClicked
    send.hasOptedOut = hasOptedOut
    send.minute = open?.minute
    this.total.add(0, send)
    this.articles.add(article, send)
    this.segments.add(segment, send)
    this.bands.add(band, send)
    this.rounds.add(round, send)
    this.resending.add(round === 0 ? 0 : 1, send)
    this.titles.add(this.firstTitles[article]! + title, send)
    this.hours.add(this.#hourOf(time), send)
    this.calibration.add(expected, send.share, isClicked)
  }

  #addClick(time: number, delay: number): void {
    if (this.#learns) this.#delay.addClick(time / minute, time / minute + delay)
    const { ends } = this.#delay
    let at = 0
    while (at < ends.length - 1 && ends[at]! < delay) at++
    this.delays[at]!++
  }

  #addTimes(article: number, time: number, round: number): void {
    if (!(this.firstSent[article]! <= time)) this.firstSent[article] = time
    if (!(this.lastSent[article]! >= time)) this.lastSent[article] = time
    if (round >= this.roundsOf[article]!) this.roundsOf[article] = round + 1
  }

  #keepOpen({
    article,
    segment,
    title,
    band,
    round,
    usual,
    expected,
    time,
    isClicked,
    hasOptedOut,
  }: CountedSend): void {
    const begin = this.#openSends++ * stride
    if (begin === this.#open.length) {
      const next = new Float64Array(Math.max(stride * 1024, this.#open.length * 2))
      next.set(this.#open)
      this.#open = next
    }
    const open = this.#open
    open[begin] = article
    open[begin + 1] = segment
    open[begin + 2] = title
    open[begin + 3] = band
    open[begin + 4] = round
    open[begin + 5] = usual
    open[begin + 6] = expected
    open[begin + 7] = time
    open[begin + 8] = Number(isClicked) + 2 * Number(hasOptedOut)
  }

  #openSend(at: number): CountedSend {
    const begin = at * stride
    const field = (place: number) => this.#open[begin + place]!
    return {
      article: field(0),
      segment: field(1),
      title: field(2),
      band: field(3),
      round: field(4),
      usual: field(5),
      expected: field(6),
      time: field(7),
      isClicked: (field(8) & 1) === 1,
      hasOptedOut: (field(8) & 2) === 2,
    }
  }

  #hourOf(time: number): number {
    const at = Math.floor(time / quarter)
    if (at !== this.#quarter) {
      this.#quarter = at
      this.#hour = Math.floor(minuteOfDay(this.#zone, at * quarter) / 60)
    }
    return this.#hour
  }
}
