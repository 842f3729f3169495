/** Sends as rows, drawn at random or given, and as the columns that are analysed. */
import type { AnalysisInput, HoldOutColumns, SendColumns } from '../../src/push/analyse/input.ts'
import { type SendState, sendStates } from '../../src/push/send/send.ts'
import { randomNumbers } from '../../src/storage/random.ts'

export const minute = 60_000
export const hour = 60 * minute
export const day = 24 * hour
/** Monday noon in UTC. */
export const noon = Date.UTC(2026, 0, 5, 12)

export interface SendRow {
  user: number
  article: number
  segment: number
  title: number
  round: number
  rank: number
  usualCtr: number
  expectedCtr: number
  sentAt: number
  state: SendState
  clickedAt: number
  optedOutAt: number
}

export interface HeldRow {
  user: number
  article: number
  time: number
  segment: number
  rank: number
}

export interface VisitRow {
  user: number
  time: number
}

export const plainSend: SendRow = {
  user: 1,
  article: 0,
  segment: 0,
  title: 0,
  round: 0,
  rank: 0,
  usualCtr: 0.01,
  expectedCtr: 0.02,
  sentAt: noon,
  state: 'delivered',
  clickedAt: Number.NaN,
  optedOutAt: Number.NaN,
}

export function sendColumns(rows: readonly SendRow[]): SendColumns {
  return {
    users: Uint32Array.from(rows, ({ user }) => user),
    articles: Uint32Array.from(rows, ({ article }) => article),
    segments: Uint8Array.from(rows, ({ segment }) => segment),
    titles: Uint8Array.from(rows, ({ title }) => title),
    rounds: Uint16Array.from(rows, ({ round }) => round),
    ranks: Uint32Array.from(rows, ({ rank }) => rank),
    usualCtrs: Float32Array.from(rows, ({ usualCtr }) => usualCtr),
    expectedCtrs: Float32Array.from(rows, ({ expectedCtr }) => expectedCtr),
    sentAt: Float64Array.from(rows, ({ sentAt }) => sentAt),
    states: Uint8Array.from(rows, ({ state }) => sendStates.indexOf(state)),
    clickedAt: Float64Array.from(rows, ({ clickedAt }) => clickedAt),
    optedOutAt: Float64Array.from(rows, ({ optedOutAt }) => optedOutAt),
  }
}

export function holdOutColumns(rows: readonly HeldRow[]): HoldOutColumns {
  return {
    users: Uint32Array.from(rows, ({ user }) => user),
    articles: Uint32Array.from(rows, ({ article }) => article),
    times: Float64Array.from(rows, ({ time }) => time),
    segments: Uint8Array.from(rows, ({ segment }) => segment),
    ranks: Uint32Array.from(rows, ({ rank }) => rank),
  }
}

export const visitColumns = (rows: readonly VisitRow[]) => ({
  users: Uint32Array.from(rows, ({ user }) => user),
  times: Float64Array.from(rows, ({ time }) => time),
})

export function articlesOf(count: number, titles = 3): AnalysisInput['articles'] {
  return Array.from({ length: count }, (_, at) => ({
    id: `a${at}`,
    titles: Array.from({ length: titles }, (_, title) => `Title ${title} of ${at}`),
    createdAt: noon - hour,
    target: 2.4,
  }))
}

/** Rows of any times within three weeks, some of users who may not have one again. */
export function randomRows(seed: number, count: number): { sends: SendRow[]; held: HeldRow[]; visits: VisitRow[] } {
  const random = randomNumbers(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const [articles, users] = [5, Math.ceil(count / 2)]
  const timeOf = () => noon + Math.floor(random() * 21 * day)
  const sends = Array.from({ length: count }, (): SendRow => {
    const sentAt = timeOf()
    return {
      user: below(users),
      article: below(articles),
      segment: below(3),
      title: below(3),
      round: below(4),
      rank: Math.floor(5000 * random() ** 3),
      usualCtr: Math.fround(0.01 + 0.05 * random()),
      expectedCtr: Math.fround(0.4 * random() ** 4),
      sentAt,
      state: sendStates[below(sendStates.length)]!,
      clickedAt: random() < 0.2 ? sentAt + Math.floor(random() ** 3 * 2 * day) : Number.NaN,
      optedOutAt: random() < 0.05 ? sentAt + Math.floor(random() * 10 * day) - day : Number.NaN,
    }
  })
  const held = Array.from({ length: Math.ceil(count / 3) }, () => ({
    user: below(users),
    article: below(articles),
    time: timeOf(),
    segment: below(3),
    rank: below(5000),
  }))
  const visits = Array.from({ length: count }, () => ({ user: below(users), time: timeOf() }))
  return { sends, held, visits }
}
