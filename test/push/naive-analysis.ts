/** The sums of an analysis by plain loops over rows, each written down anew. */
import { ClickDelay } from '../../src/push/statistics/click-delay.ts'
import { correctedCtr } from '../../src/push/statistics/corrected-ctr.ts'
import { SendOutcomes } from '../../src/push/statistics/send-outcomes.ts'
import { day, type HeldRow, minute, type SendRow, type VisitRow } from './analysis-rows.ts'

const week = 7 * day

export class NaiveAnalysis {
  readonly sends: readonly SendRow[]
  readonly out: readonly SendRow[]
  readonly now: number

  constructor(sends: readonly SendRow[], from: number, now: number) {
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
      correctedCtr: correctedCtr([...aged, { age: day, sends: 0, clicks: clicked.length }], curve).ctr,
      usualCtr: rows.reduce((sum, { usualCtr }) => sum + usualCtr, 0) / rows.length,
      lift,
      normal,
      sequence,
      optOuts: optedOut.length,
    }
  }

  /** Pairs of pushes to a user that follow each other too soon. */
  violations(): number {
    const out = this.sends.filter(({ state }) => ['handed', 'delivered', 'unknown'].includes(state))
    let count = 0
    for (const user of new Set(out.map(row => row.user))) {
      const times = out.filter(row => row.user === user).map(({ sentAt }) => sentAt)
      times.sort((a, b) => a - b)
      for (let at = 1; at < times.length; at++) count += Number(times[at]! - times[at - 1]! < week)
    }
    return count
  }

  visitsAfter({ user, time }: VisitRow, visits: readonly VisitRow[]): number {
    return visits.filter(
      visit => visit.user === user && visit.time >= time && visit.time - time <= week && visit.time <= this.now,
    ).length
  }

  /** Visits and active users more than without the pushes: as of one stratum. */
  effect(rows: readonly SendRow[], held: readonly HeldRow[], visits: readonly VisitRow[]) {
    const of = (users: readonly VisitRow[]) => users.map(each => this.visitsAfter(each, visits))
    const [sent, without] = [of(rows.map(({ user, sentAt }) => ({ user, time: sentAt }))), of(held)]
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    const active = (values: readonly number[]) => mean(values.map(value => Number(value > 0)))
    return {
      sends: sent.length,
      heldOut: without.length,
      visits: sent.length * (mean(sent) - mean(without)),
      active: sent.length * (active(sent) - active(without)),
    }
  }
}
