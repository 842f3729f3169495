/** How far lists follow a gate, rather than the part that is best alone: what it may lose on events that it did not see, it does not get. */
import { type Expert, mixtureOf } from './mixture.ts'

/** Events with what each part made of them. */
export interface JudgedEvents {
  readonly count: number
  /** Of each part for an event, by its place. */
  readonly experts: (event: number) => readonly Expert[]
  /** (count) The items that came. */
  readonly targets: Uint32Array
  /** Some of the events each: in none of them a gate may be worse than the best part. */
  readonly views: readonly ((event: number) => boolean)[]
}

export interface Reliance {
  /** The part that is best alone. */
  readonly best: number
  /** What the gate counts beside it, 0 to 1. */
  readonly share: number
}

/** What is tried, least first. */
const shares = [0.1, 0.25, 0.5, 0.75, 1]
const limit = 20
/** That a difference may be chance. */
const standardErrors = 2

/** (count × 2) Of each event whether it is among the first 20 (1 or 0), and its reciprocal place. */
type Measured = Float64Array

/**
 * The share under which hits among the first 20 and their reciprocal places are most in sum, of those under which neither is fewer than by the best part alone by more than chance
 * explains (two standard errors of the difference), over all events and in each view; 0 where there is none.
 *
 * @param weigh gives what the gate makes of an event.
 */
export function chooseReliance(events: JudgedEvents, parts: number, weigh: (event: number) => Float64Array): Reliance {
  const alone = Array.from({ length: parts }, (_, part) => measure(events, () => oneOf(part, parts)))
  const totals = alone.map(totalOf)
  const best = totals.indexOf(Math.max(...totals))
  let chosen = { share: 0, total: totals[best]! }
  for (const share of shares) {
    const measured = measure(events, event => mixed(weigh(event), best, share))
    const total = totalOf(measured)
    if (total > chosen.total && !losesAnywhere(measured, alone[best]!, events)) chosen = { share, total }
  }
  return { best, share: chosen.share }
}

/** Weights of which `share` are the gate's, and the rest the best part's. */
export function mixed(weights: Float64Array, best: number, share: number): Float64Array {
  return weights.map((weight, part) => share * weight + (part === best ? 1 - share : 0))
}

/** The same weights within those that `isContext` names, which have `share` in all, and within the others; where there are none of either, all as they are. */
export function leaning(weights: Float64Array, isContext: (part: number) => boolean, share: number): Float64Array {
  const context = weights.reduce((sum, weight, part) => sum + (isContext(part) ? weight : 0), 0)
  if (context <= 0 || context >= 1) return weights.slice()
  return weights.map((weight, part) =>
    isContext(part) ? (weight * share) / context : (weight * (1 - share)) / (1 - context),
  )
}

function oneOf(part: number, parts: number): Float64Array {
  const weights = new Float64Array(parts)
  weights[part] = 1
  return weights
}

function measure({ count, experts, targets }: JudgedEvents, weightsOf: (event: number) => Float64Array): Measured {
  const measured = new Float64Array(2 * count)
  for (let event = 0; event < count; event++) {
    const place = mixtureOf(experts(event), weightsOf(event), limit).items.indexOf(targets[event])
    if (place < 0) continue
    measured[2 * event] = 1
    measured[2 * event + 1] = 1 / (place + 1)
  }
  return measured
}

function totalOf(measured: Measured): number {
  return measured.reduce((sum, value) => sum + value, 0)
}

function losesAnywhere(measured: Measured, alone: Measured, { count, views }: JudgedEvents): boolean {
  return [() => true, ...views].some(isIn =>
    [0, 1].some(figure => {
      let [sum, squares] = [0, 0]
      for (let event = 0; event < count; event++) {
        if (!isIn(event)) continue
        const difference = measured[2 * event + figure] - alone[2 * event + figure]
        sum += difference
        squares += difference ** 2
      }
      return sum < -standardErrors * Math.sqrt(squares)
    }),
  )
}
