/** What pushes brought, against users who were held out: the difference of means, stratum by stratum. */
import type { Effect, Estimate } from './analysis.ts'
import { z95 } from './outcome-table.ts'

/** Of followed users: how many, their visits, the squares of these, and users with a visit. */
export interface Arm {
  readonly users: number
  readonly visits: number
  readonly visitSquares: number
  readonly active: number
}

/** Users who are comparable: of one article and depth, say. */
export interface Stratum {
  readonly sent: Arm
  readonly held: Arm
}

/** A stratum with fewer held out is joined with the next, so that its variance can be told. */
const leastHeld = 30

const nobody: Arm = { users: 0, visits: 0, visitSquares: 0, active: 0 }

/**
 * Σ sent (mean of sent − mean of held) over strata, neighbours joined until enough are held out: sends to the best scores are compared with
 * users of such scores, whatever share of each depth was sent to. Undefined where fewer than two are held out.
 */
export function effectOf(strata: Iterable<Stratum>): Effect | undefined {
  const joined: Stratum[] = []
  let open: Stratum = { sent: nobody, held: nobody }
  for (const stratum of strata) {
    open = join(open, stratum)
    if (open.held.users < leastHeld || open.sent.users === 0) continue
    joined.push(open)
    open = { sent: nobody, held: nobody }
  }
  const last = joined.pop()
  joined.push(last ? join(last, open) : open)
  const usable = joined.filter(({ sent, held }) => sent.users > 0 && held.users >= 2)
  if (usable.length === 0) return undefined
  return {
    sends: usable.reduce((sum, { sent }) => sum + sent.users, 0),
    heldOut: usable.reduce((sum, { held }) => sum + held.users, 0),
    visits: differenceOf(usable, ({ visits }) => visits, varianceOfVisits),
    active: differenceOf(usable, ({ active }) => active, varianceOfActive),
  }
}

function differenceOf(
  strata: readonly Stratum[],
  of: (arm: Arm) => number,
  varianceOf: (arm: Arm) => number,
): Estimate {
  let [value, variance] = [0, 0]
  for (const { sent, held } of strata) {
    value += of(sent) - (sent.users * of(held)) / held.users
    variance += sent.users * varianceOf(sent) + (sent.users ** 2 * varianceOf(held)) / held.users
  }
  const margin = z95 * Math.sqrt(variance)
  return { value, interval: [value - margin, value + margin] }
}

/** Of one user; one active and one not are added, so that nobody active yet is not taken for certainty (Agresti & Caffo 2000). */
function varianceOfActive({ users, active }: Arm): number {
  const share = (active + 1) / (users + 2)
  return share * (1 - share)
}

function varianceOfVisits(arm: Arm): number {
  const { users, visits, visitSquares } = arm
  const sample = users > 1 ? (visitSquares - visits ** 2 / users) / (users - 1) : 0
  return Math.max(sample, varianceOfActive(arm))
}

function join(a: Stratum, b: Stratum): Stratum {
  return { sent: addArms(a.sent, b.sent), held: addArms(a.held, b.held) }
}

export function addArms(a: Arm, b: Arm): Arm {
  return {
    users: a.users + b.users,
    visits: a.visits + b.visits,
    visitSquares: a.visitSquares + b.visitSquares,
    active: a.active + b.active,
  }
}

/** The arms of (cells), as columns. */
export class ArmTable {
  readonly #users: Float64Array
  readonly #visits: Float64Array
  readonly #squares: Float64Array
  readonly #active: Float64Array

  constructor(cells: number) {
    this.#users = new Float64Array(cells)
    this.#visits = new Float64Array(cells)
    this.#squares = new Float64Array(cells)
    this.#active = new Float64Array(cells)
  }

  add(cell: number, visits: number): void {
    this.#users[cell]!++
    this.#visits[cell]! += visits
    this.#squares[cell]! += visits * visits
    this.#active[cell]! += Number(visits > 0)
  }

  arm(cell: number): Arm {
    return {
      users: this.#users[cell]!,
      visits: this.#visits[cell]!,
      visitSquares: this.#squares[cell]!,
      active: this.#active[cell]!,
    }
  }
}
