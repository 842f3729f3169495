/**
 * How many of some users have come by the end of the window, where some are not followed until then: they were sent something else meanwhile,
 * or the window is not over. The rate at which those come who have not come yet is constant within each part of the window: those who come,
 * over the time that all were followed in it (Friedman 1982). It needs that who is not followed any more would have come like those who are.
 */

/**
 * Where the parts of the window end, as shares of it: of seven days six hours each, the first of which are cut at 1, 3, 10, 30, 60 and 120 minutes.
 * Most clicks come soon after their push: at one rate for the first six hours, those of the first minute of pushes that have just gone out would stand
 * for as many in each of the 359 that nobody has seen yet.
 */
const ends = [
  ...[1, 3, 10, 30, 60, 120].map(minutes => minutes / (7 * 1440)),
  ...Array.from({ length: 28 }, (_, part) => (part + 1) / 28),
]
export const parts = ends.length
/** The rate of all counts like that of so many users followed through a part: it is all there is where nobody is followed. */
const priorUsers = 2

/**
 * Fields of a row: users; then by part those who come first then, those who are followed until it, how much of it they are together, the visits
 * of those who come and the squares of these.
 */
const [came, ended, within, visits, squares] = [0, 1, 2, 3, 4].map(field => 1 + field * parts) as unknown as Row
const stride = 1 + 5 * parts

type Row = readonly [number, number, number, number, number]

/** What came of users by the end of the window, for each of them. */
export interface Followed {
  readonly users: number
  readonly active: number
  readonly activeVariance: number
  readonly visits: number
  readonly visitsVariance: number
}

export class LifeTables {
  readonly #fields: Float64Array

  constructor(rows: number) {
    this.#fields = new Float64Array(rows * stride)
  }

  /** @param first shares of the window until the first visit, NaN if there was none; `end` until the user left, 1 if never. */
  add(row: number, first: number, end: number, count: number): void {
    const begin = row * stride
    const fields = this.#fields
    fields[begin]!++
    const hasCome = first <= end
    const until = hasCome ? first : Math.max(0, end)
    const part = partOf(until)
    const from = part === 0 ? 0 : ends[part - 1]!
    fields[begin + ended + part]!++
    fields[begin + within + part]! += (until - from) / (ends[part]! - from)
    if (!hasCome) return
    fields[begin + came + part]!++
    fields[begin + visits + part]! += count
    fields[begin + squares + part]! += count * count
  }

  usersOf(row: number): number {
    return this.#fields[row * stride]!
  }

  /** The sums of some rows. */
  sum(rows: Iterable<number>): LifeTable {
    const sums = new Float64Array(stride)
    for (const row of rows) {
      for (let at = 0; at < stride; at++) sums[at]! += this.#fields[row * stride + at]!
    }
    return new LifeTable(sums)
  }
}

function partOf(share: number): number {
  let [low, high] = [0, parts - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ends[middle]! <= share) low = middle + 1
    else high = middle
  }
  return low
}

export class LifeTable {
  readonly #fields: Float64Array
  /** (parts) How long users were followed in each, in parts. */
  readonly #times: Float64Array

  constructor(fields: Float64Array) {
    this.#fields = fields
    this.#times = new Float64Array(parts)
    let beyond = 0
    for (let part = parts - 1; part >= 0; part--) {
      this.#times[part] = beyond + fields[within + part]!
      beyond += fields[ended + part]!
    }
  }

  get users(): number {
    return this.#fields[0]!
  }

  /** (parts) The rates; 0 where nobody was followed. */
  rates(): Float64Array {
    return this.#times.map((time, part) => (time > 0 ? this.#fields[came + part]! / time : 0))
  }

  /** @param priors (parts) the rates of all. */
  followed(priors: Float64Array): Followed {
    const fields = this.#fields
    const users = this.users
    let [staying, rateVariance, mean, meanSquare, events] = [1, 0, 0, 0, 0]
    for (let part = 0; part < parts; part++) {
      const count = fields[came + part]!
      const followed = this.#times[part]! + priorUsers
      const rate = (count + priorUsers * priors[part]!) / followed
      const leaving = staying * -Math.expm1(-rate)
      if (count > 0) {
        // Each who comes stands for as many as come in this part of all.
        const weight = leaving / count
        mean += weight * fields[visits + part]!
        meanSquare += weight ** 2 * fields[squares + part]!
      }
      rateVariance += rate / followed
      events += count
      staying -= leaving
    }
    // One who came and one who did not are added, so that nobody yet is not taken for certainty (Agresti & Caffo 2000).
    const share = (events + 1) / (users + 2)
    const activeVariance = Math.max(staying ** 2 * rateVariance, (share * (1 - share)) / users)
    const visitsVariance = Math.max(meanSquare - mean ** 2 / users, activeVariance)
    return { users, active: 1 - staying, activeVariance, visits: mean, visitsVariance }
  }
}
