/** What is recorded of sends and of users held out, as the columns that are analysed. Times in minutes since the world's beginning. */
import type { HoldOutColumns, SendColumns } from '../../analyse/input.ts'
import { sendStates } from '../../send/send.ts'

export interface Sent {
  readonly user: number
  /** Places of the articles that are analysed. */
  readonly article: number
  readonly segment: number
  readonly title: number
  readonly round: number
  readonly rank: number
  readonly usualCtr: number
  readonly expectedCtr: number
  readonly sentAt: number
  /** NaN: not yet. */
  clickedAt: number
  readonly optedOutAt: number
}

export interface HeldOut {
  readonly user: number
  readonly article: number
  readonly rank: number
  readonly time: number
  readonly segment: number
}

/** Users by the days since their last visit. */
export const awaySegments = ['away 1 to 2 weeks', 'away 2 to 4 weeks', 'away 4 to 12 weeks', 'away longer']
const ends = [14, 28, 84]

export function awaySegment(days: number): number {
  const at = ends.findIndex(end => days < end)
  return at < 0 ? ends.length : at
}

export function sendColumns(sent: readonly Sent[], timeOf: (minutes: number) => number): SendColumns {
  return {
    users: Uint32Array.from(sent, ({ user }) => user),
    articles: Uint32Array.from(sent, ({ article }) => article),
    segments: Uint8Array.from(sent, ({ segment }) => segment),
    titles: Uint8Array.from(sent, ({ title }) => title),
    rounds: Uint16Array.from(sent, ({ round }) => round),
    ranks: Uint32Array.from(sent, ({ rank }) => rank),
    usualCtrs: Float32Array.from(sent, ({ usualCtr }) => usualCtr),
    expectedCtrs: Float32Array.from(sent, ({ expectedCtr }) => expectedCtr),
    sentAt: Float64Array.from(sent, ({ sentAt }) => timeOf(sentAt)),
    // The simulated world loses no push.
    states: new Uint8Array(sent.length).fill(sendStates.indexOf('delivered')),
    clickedAt: Float64Array.from(sent, ({ clickedAt }) => timeOf(clickedAt)),
    optedOutAt: Float64Array.from(sent, ({ optedOutAt }) => timeOf(optedOutAt)),
  }
}

export function holdOutColumns(held: readonly HeldOut[], timeOf: (minutes: number) => number): HoldOutColumns {
  return {
    users: Uint32Array.from(held, ({ user }) => user),
    articles: Uint32Array.from(held, ({ article }) => article),
    times: Float64Array.from(held, ({ time }) => timeOf(time)),
    segments: Uint8Array.from(held, ({ segment }) => segment),
    ranks: Uint32Array.from(held, ({ rank }) => rank),
  }
}
