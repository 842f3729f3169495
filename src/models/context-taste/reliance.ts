import { type Expert, mixtureOf, repeatsOf } from './mixture.ts'

/** Events that neither the gate nor its parts have learned from, and what they say of these. */
export interface JudgedEvents {
  /** How many. */
  readonly count: number
  /** What each part gives for an event. */
  readonly experts: (event: number) => readonly Expert[]
  /** What its user had lately. */
  readonly recent: (event: number) => Uint32Array
  /** Whether an item is newer than the training of the parts. */
  readonly isNewItem: (item: number) => boolean
  /** (count) The items that came. */
  readonly targets: Uint32Array
  /** Some of the events each: in none of them a gate may be worse than the best part. */
  readonly views: readonly ((event: number) => boolean)[]
}

/** How far a gate is followed. */
export interface Reliance {
  /** The part that is best alone. */
  readonly best: number
  /** From 0 to 1: what the weights of the gate count beside that part. */
  readonly share: number
  /** Above 0 and at most 1: what items that the user had lately count beside others (`repeatsOf`), where the gate is followed. */
  readonly repeats: number
}

/** What is tried, least first. */
const shares = [0.1, 0.25, 0.5, 0.75, 1]
/** What is tried of {@link Reliance.repeats}, most first. */
const factors = [1, 0.7, 0.5, 0.4, 0.3]
const limit = 20
/** That a difference may be chance. */
const standardErrors = 2

/** (count × 2) Of each event whether it is among the first 20 (1 or 0), and its reciprocal place. */
type Measured = Float64Array

/**
 * The share, and what the user's latest items count then, under which hits among the first 20 and their reciprocal places are most in sum, of those under which neither is fewer
 * than by the best part alone by more than chance explains (two standard errors of the difference), over all events and in each view; a share of 0 where there is none.
 *
 * @param weigh gives what the gate makes of an event.
 */
export function chooseReliance(events: JudgedEvents, parts: number, weigh: (event: number) => Float64Array): Reliance {
  const alone = Array.from({ length: parts }, (_, part) => measure(events, () => oneOf(part, parts), 1))
  const totals = alone.map(totalOf)
  const best = totals.indexOf(Math.max(...totals))
  let chosen: Reliance = { best, share: 0, repeats: 1 }
  let most = totals[best]!
  for (const repeats of factors) {
    for (const share of shares) {
      const measured = measure(events, event => mixed(weigh(event), best, share), repeats)
      const total = totalOf(measured)
      if (!(total > most) || losesAnywhere(measured, alone[best]!, events)) continue
      chosen = { best, share, repeats }
      most = total
    }
  }
  return chosen
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

function measure(
  { count, experts, recent, isNewItem, targets }: JudgedEvents,
  weightsOf: (event: number) => Float64Array,
  factor: number,
): Measured {
  const measured = new Float64Array(2 * count)
  for (let event = 0; event < count; event++) {
    const repeats = repeatsOf(recent(event), factor, isNewItem)
    const place = mixtureOf(experts(event), weightsOf(event), limit, repeats).items.indexOf(targets[event])
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
