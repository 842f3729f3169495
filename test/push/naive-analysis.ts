/** The sums of an analysis by plain loops over rows, each written down anew. */
import { ClickDelay } from '../../src/push/statistics/click-delay.ts'
import { correctedCtr } from '../../src/push/statistics/corrected-ctr.ts'
import { SendOutcomes } from '../../src/push/statistics/send-outcomes.ts'
import { day, type HeldRow, minute, type SendRow, type VisitRow } from './analysis-rows.ts'

const week = 7 * day

export class NaiveAnalysis {
  readonly sends: readonly SendRow[]
  readonly out: readonly SendRow[]
  readonly from: number
  readonly now: number

  constructor(sends: readonly SendRow[], from: number, now: number) {
    this.from = from
    this.now = now
    this.sends = sends
    this.out = sends.filter(({ state, sentAt }) => ['handed', 'delivered', 'unknown'].includes(state) && sentAt >= from)
  }

  isClicked({ clickedAt, sentAt }: SendRow): boolean {
    return clickedAt <= this.now && clickedAt - sentAt <= day
  }

  get curve() {
    const delay = new ClickDelay()
    for (const row of this.out) if (this.isClicked(row)) delay.addClick(row.sentAt / minute, row.clickedAt / minute)
    return delay.curve(this.now / minute)
  }

  /** What `Outcome` says of the rows, but for the effect. */
  outcome(rows: readonly SendRow[]) {
    const clicked = rows.filter(row => this.isClicked(row))
    const outcomes = new SendOutcomes()
    for (const { sentAt, usualCtr } of rows) outcomes.addSends(sentAt / minute, [usualCtr])
    for (const { sentAt } of clicked) outcomes.addClick(sentAt / minute)
    const { curve, now } = this
    const { lift, normal, sequence } = outcomes.lift(now / minute, curve)
    const aged = rows.map(({ sentAt }) => ({ age: now / minute - Math.floor(sentAt / minute), sends: 1, clicks: 0 }))
    const optedOut = rows.filter(
      ({ sentAt, optedOutAt }) => optedOutAt >= sentAt && optedOutAt <= Math.min(now, sentAt + week),
    )
    return {
      sends: rows.length,
      clicks: clicked.length,
      ctr: clicked.length / rows.length,
      correctedCtr: Math.min(1, correctedCtr([...aged, { age: day, sends: 0, clicks: clicked.length }], curve).ctr),
      usualCtr: rows.reduce((sum, { usualCtr }) => sum + usualCtr, 0) / rows.length,
      lift,
      normal,
      sequence,
      optOuts: optedOut.length,
    }
  }

  /** Those who were not held out within the week before already. */
  heldOnce(held: readonly HeldRow[]): HeldRow[] {
    const kept: HeldRow[] = []
    for (const row of held.toSorted((a, b) => a.time - b.time)) {
      const last = kept.findLast(({ user }) => user === row.user)
      if (!last || row.time - last.time >= week) kept.push(row)
    }
    return kept
  }

  /** Pairs of pushes to a user that follow each other too soon, the later one in the range. */
  violations(): number {
    const out = this.sends.filter(({ state }) => ['handed', 'delivered', 'unknown'].includes(state))
    let count = 0
    for (const user of new Set(out.map(row => row.user))) {
      const times = out.filter(row => row.user === user).map(({ sentAt }) => sentAt)
      times.sort((a, b) => a - b)
      for (let at = 1; at < times.length; at++)
        count += Number(times[at]! >= this.from && times[at]! - times[at - 1]! < week)
    }
    return count
  }

  /** When the next push of the user goes out, in ms after `time`; the end of the week, or of what is known, where that is sooner. */
  end({ user, time }: VisitRow): number {
    const out = this.sends.filter(({ state }) => ['handed', 'delivered', 'unknown'].includes(state))
    const later = out.filter(row => row.user === user && row.sentAt > time).map(({ sentAt }) => sentAt)
    return Math.min(week, Math.min(...later, this.now) - time)
  }

  /** The shares of the followed that have a visit by the end of a week, and their mean visits, each user looked at by itself. */
  lifeTable(followed: readonly VisitRow[], visits: readonly VisitRow[], priors: readonly number[] = []) {
    const users = followed.map(each => {
      const end = this.end(each)
      const own = visits
        .filter(({ user, time }) => user === each.user && time >= each.time && time <= this.now)
        .map(({ time }) => time - each.time)
        .filter(since => since <= end)
      return { end, first: Math.min(...own), count: own.length }
    })
    let [staying, mean] = [1, 0]
    const rates: number[] = []
    const ends = [...[1, 3, 10, 30, 60, 120].map(end => end * minute)]
    for (let part = 1; part <= 28; part++) ends.push((part * week) / 28)
    for (const [part, end] of ends.entries()) {
      const [from, to] = [ends[part - 1] ?? 0, end === week ? Number.POSITIVE_INFINITY : end]
      const come = users.filter(({ first }) => first >= from && first < to)
      const spans = users.map(({ first, end }) => Math.max(0, Math.min(first, end, week, to) - from))
      const time = spans.reduce((sum, span) => sum + span, 0) / (end - from)
      rates.push(come.length / time || 0)
      const rate = (come.length + 2 * (priors[part] ?? 0)) / (time + 2)
      const leaving = staying * (1 - Math.exp(-rate))
      if (come.length > 0) mean += (leaving / come.length) * come.reduce((sum, { count }) => sum + count, 0)
      staying -= leaving
    }
    return { active: 1 - staying, visits: mean, rates }
  }

  /** Visits and active users more than without the pushes: as of one stratum. Of `all` held out are the rates where few are followed. */
  effect(
    rows: readonly SendRow[],
    held: readonly HeldRow[],
    { visits, all }: { readonly visits: readonly VisitRow[]; readonly all: readonly HeldRow[] },
  ) {
    const { rates } = this.lifeTable(all, visits)
    const pushed = rows.map(({ user, sentAt }) => ({ user, time: sentAt }))
    const sent = this.lifeTable(pushed, visits, rates)
    const without = this.lifeTable(held, visits, rates)
    return {
      sends: rows.length,
      heldOut: held.length,
      visits: rows.length * (sent.visits - without.visits),
      active: rows.length * (sent.active - without.active),
    }
  }
}
