import { placeIn, runningSums, type Uniform } from './draws.ts'
import type { WorldParameters } from './parameters.ts'

export const minutesInHour = 60
export const minutesInDay = 1440

/** Days after which nobody is thought of any more. */
const longest = 400

/** When users come by themselves: by how long ago they came last. */
export class VisitTimes {
  /** (longest + 1) The probability that a visit is not followed by another within so many days. */
  readonly #survival: Float64Array
  /** Running sums of the same. */
  readonly #ages: Float64Array
  readonly #hours: Float64Array

  constructor({ returnHazards, hours }: Pick<WorldParameters, 'returnHazards' | 'hours'>) {
    this.#survival = new Float64Array(longest + 1)
    this.#survival[0] = 1
    for (let day = 1; day <= longest; day++) {
      this.#survival[day] = this.#survival[day - 1] * (1 - hazardAt(returnHazards, day))
    }
    this.#ages = runningSums(this.#survival.subarray(0, longest))
    this.#hours = runningSums(hours)
  }

  /** Whole days since the last visit of a user of whom nothing is known. */
  drawAge(random: Uniform): number {
    return placeIn(this.#ages, random)
  }

  /**
   * The minute of the next visit of a user whose last was `age` days before the day that begins at `dayBegin`, and who has not come
   * since; not before that day. Infinity: never.
   */
  drawNext(dayBegin: number, age: number, random: Uniform): number {
    const left = this.#survival[Math.min(age, longest)]
    const wanted = left * (1 - random())
    let day = age + 1
    while (day <= longest && this.#survival[day] > wanted) day++
    if (day > longest) return Number.POSITIVE_INFINITY
    const hour = placeIn(this.#hours, random) + random()
    return dayBegin + (day - age) * minutesInDay + Math.floor(hour * minutesInHour)
  }
}

/** Between the days that are given, on a line of logarithms; beyond the last as it is there. */
export function hazardAt(hazards: WorldParameters['returnHazards'], day: number): number {
  const after = hazards.findIndex(([days]) => days >= day)
  if (after < 0) return hazards.at(-1)![1]
  const [days, hazard] = hazards[after]!
  if (days === day || after === 0) return hazard
  const [before, first] = hazards[after - 1]!
  const share = Math.log(day / before) / Math.log(days / before)
  return Math.exp(Math.log(first) * (1 - share) + Math.log(hazard) * share)
}
