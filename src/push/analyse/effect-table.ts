/** What pushes brought, against users who were held out, stratum by stratum. */
import { type Effect, leastFollowed } from './analysis.ts'
import { arms, type Follow, heldArm } from './follow.ts'
import { LifeTables } from './life-table.ts'
import { z95 } from './outcome-table.ts'

/** Held-out users of a stratum at least, each counted for as much of the window as it is followed: cells with fewer are joined with the next. */
const leastHeld = 30

export interface Grouping {
  readonly groups: number
  /** Cells of a group, in an order in which neighbours are alike. */
  readonly cells: number
  /** (followed) The number of the cell of each, counted through all groups. */
  readonly cellOf: Uint32Array
}

/**
 * Σ sent · (share of the sent that came − share of the held out) over the strata of a group: sends to the best scores are compared with users of
 * such scores, whatever share of each depth was sent to.
 */
export class EffectTable {
  readonly #tables: LifeTables
  /** (groups) Who is followed for the whole window, and all. */
  readonly #followed: Float64Array
  readonly #counted: Float64Array
  /** (groups + 1) The first stratum of each. */
  readonly #begins: Uint32Array
  /** Of all who were held out. */
  readonly #rates: Float64Array

  constructor(follow: Follow, { groups, cells, cellOf }: Grouping) {
    this.#followed = new Float64Array(groups)
    this.#counted = new Float64Array(groups)
    const held = new Float64Array(groups * cells)
    const sent = new Float64Array(groups * cells)
    for (let at = 0; at < follow.size; at++) {
      if (follow.isCounted[at] === 0) continue
      const group = Math.floor(cellOf[at]! / cells)
      this.#counted[group]!++
      this.#followed[group]! += Number(follow.ends[at] === 1)
      if (follow.arms[at] === heldArm) held[cellOf[at]!]! += follow.ends[at]!
      else sent[cellOf[at]!]!++
    }
    const strata = new Uint32Array(groups * cells)
    this.#begins = new Uint32Array(groups + 1)
    for (let group = 0; group < groups; group++) {
      this.#begins[group + 1] = joinCells(held, sent, strata, {
        from: group * cells,
        to: (group + 1) * cells,
        first: this.#begins[group]!,
      })
    }
    const count = this.#begins[groups]!
    this.#tables = new LifeTables(count * arms.length)
    for (let at = 0; at < follow.size; at++) {
      if (follow.isCounted[at] === 0) continue
      const row = strata[cellOf[at]!]! * arms.length + follow.arms[at]!
      this.#tables.add(row, follow.firsts[at]!, follow.ends[at]!, follow.visits[at]!)
    }
    this.#rates = this.#tables.sum(Array.from({ length: count }, (_, at) => at * arms.length + heldArm)).rates()
  }

  /** Of the sends of these rounds; undefined where fewer than two were held out. */
  effect(group: number, sent: readonly ('first' | 'later')[] = ['first', 'later']): Effect | undefined {
    const sums = { sends: 0, heldOut: 0, visits: 0, visitsVariance: 0, active: 0, activeVariance: 0 }
    for (let stratum = this.#begins[group]!; stratum < this.#begins[group + 1]!; stratum++) {
      const rowOf = (arm: number) => stratum * arms.length + arm
      const pushed = this.#tables.sum(sent.map(name => rowOf(arms.indexOf(name))))
      const held = this.#tables.sum([rowOf(heldArm)])
      if (pushed.users === 0 || held.users < 2) continue
      const [withPush, without] = [pushed.followed(this.#rates), held.followed(this.#rates)]
      sums.sends += pushed.users
      sums.heldOut += held.users
      sums.active += pushed.users * (withPush.active - without.active)
      sums.activeVariance += pushed.users ** 2 * (withPush.activeVariance + without.activeVariance)
      sums.visits += pushed.users * (withPush.visits - without.visits)
      sums.visitsVariance += pushed.users ** 2 * (withPush.visitsVariance + without.visitsVariance)
    }
    if (sums.sends === 0) return undefined
    const shareFollowed = this.#followed[group]! / this.#counted[group]!
    const isKnown = shareFollowed >= leastFollowed
    return {
      sends: sums.sends,
      heldOut: sums.heldOut,
      shareFollowed,
      visits: estimate(sums.visits, isKnown ? sums.visitsVariance : undefined),
      active: estimate(sums.active, isKnown ? sums.activeVariance : undefined),
    }
  }
}

function estimate(value: number, variance: number | undefined): Effect['active'] {
  if (variance === undefined) return { value, interval: null }
  const margin = z95 * Math.sqrt(variance)
  return { value, interval: [value - margin, value + margin] }
}

/** Numbers the strata of the cells `from` to before `to` from `first` on; gives the next number. */
function joinCells(
  held: Float64Array,
  sent: Float64Array,
  strata: Uint32Array,
  { from, to, first }: { readonly from: number; readonly to: number; readonly first: number },
): number {
  let [stratum, heldHere, sentHere] = [first, 0, 0]
  for (let cell = from; cell < to; cell++) {
    strata[cell] = stratum
    heldHere += held[cell]!
    sentHere += sent[cell]!
    if (heldHere < leastHeld || sentHere === 0) continue
    ;[stratum, heldHere, sentHere] = [stratum + 1, 0, 0]
  }
  if (stratum === first) return first + 1
  // What is left over at the end belongs to the last stratum.
  for (let cell = to - 1; cell >= from && strata[cell] === stratum; cell--) strata[cell] = stratum - 1
  return stratum
}
