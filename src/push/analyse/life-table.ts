/**
 * How many of some users have come by the end of the window, where some are not followed until then: they were sent something else meanwhile,
 * or the window is not over. The rate at which those come who have not come yet is constant within each part of the window: those who come,
 * over the time that all were followed in it (Friedman 1982). It needs that who is not followed any more would have come like those who are.
 */

/** Parts of the window: of seven days, six hours each. */
export const parts = 28
/** The rate of all counts like that of so many users followed through a part: it is all there is where nobody is followed. */
const priorUsers = 2

/** Fields of a row: users; then by part those who come first then, the time that users are followed in it, the visits of those who come. */
const [came, time, visits, squares] = [1, 1 + parts, 1 + 2 * parts, 1 + 3 * parts]
const stride = 1 + 4 * parts

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
    const until = (hasCome ? first : Math.max(0, end)) * parts
    const part = Math.min(parts - 1, Math.floor(until))
    for (let at = 0; at < part; at++) fields[begin + time + at]!++
    fields[begin + time + part]! += until - part
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

export class LifeTable {
  readonly #fields: Float64Array

  constructor(fields: Float64Array) {
    this.#fields = fields
  }

  get users(): number {
    return this.#fields[0]!
  }

  /** (parts) The rates; 0 where nobody was followed. */
  rates(): Float64Array {
    const fields = this.#fields
    return Float64Array.from({ length: parts }, (_, part) =>
      fields[time + part]! > 0 ? fields[came + part]! / fields[time + part]! : 0,
    )
  }

  /** @param priors (parts) the rates of all. */
  followed(priors: Float64Array): Followed {
    const fields = this.#fields
    const users = this.users
    let [staying, rateVariance, mean, meanSquare, events] = [1, 0, 0, 0, 0]
    for (let part = 0; part < parts; part++) {
      const count = fields[came + part]!
      const followed = fields[time + part]! + priorUsers
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
