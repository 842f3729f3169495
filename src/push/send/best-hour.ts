/** When in the day a user is likely to come, learned from visits and clicks, and when to send by it. */
import { type DaySpan, minuteOfDay, quietUntil } from '../data/local-time.ts'

const hours = 24
const hour = 3_600_000

/** So many visits of a user weigh as much as what is known of all. */
const populationWeight = 5
/** Visits of a user from which on the hours are the user's own rather than those of all. */
export const leastVisits = 2 * populationWeight

/**
 * The share of a user's visits that fall into each hour of the day, (24), of sum 1: the mean of a Dirichlet posterior whose prior is the
 * curve of all users. A visit counts a half for its hour and a quarter for each hour beside it, as its minute is chance.
 *
 * `visits` of the user and `population` of all are counts by hour, (24); those of all may be none.
 */
export function hourCurve(visits: ArrayLike<number>, population: ArrayLike<number>): Float64Array {
  const prior = shares(smoothed(population))
  const own = smoothed(visits)
  const weight = own.reduce((sum, count) => sum + count, 0) + populationWeight
  return own.map((count, at) => (count + populationWeight * prior[at]!) / weight)
}

export interface DueOptions {
  /** From {@link hourCurve}. */
  readonly curve: ArrayLike<number>
  readonly zone: string
  readonly quiet: DaySpan
  /** The life of the article that is left, in ms since 1970. */
  readonly from: number
  readonly until: number
  /** In ms: after so long the article is worth half. Default: 2 hours. */
  readonly halfLife?: number
}

/**
 * When to send within the life of an article, in ms since 1970: at once, or at the beginning of the hour at which the share of visits
 * times what the article is still worth is highest. Undefined where all of the life is quiet.
 */
export function bestDue({ curve, zone, quiet, from, until, halfLife = 2 * hour }: DueOptions): number | undefined {
  let best: number | undefined
  let highest = Number.NEGATIVE_INFINITY
  for (let at = from; at < until; at = nextHour(zone, at)) {
    const due = quietUntil(zone, quiet, at) ?? at
    if (due >= until) continue
    const share = curve[Math.floor(minuteOfDay(zone, due) / 60)]!
    const worth = share * 2 ** (-(due - from) / halfLife)
    if (worth > highest) {
      highest = worth
      best = due
    }
  }
  return best
}

function nextHour(zone: string, time: number): number {
  const minutes = 60 - (minuteOfDay(zone, time) % 60)
  return Math.ceil(time + minutes * 60_000)
}

function smoothed(counts: ArrayLike<number>): Float64Array {
  const at = (index: number) => counts[(index + hours) % hours] ?? 0
  return Float64Array.from({ length: hours }, (_, index) => at(index) / 2 + (at(index - 1) + at(index + 1)) / 4)
}

function shares(counts: Float64Array): Float64Array {
  const sum = counts.reduce((total, count) => total + count, 0)
  return counts.map(count => (sum > 0 ? count / sum : 1 / hours))
}
