/** How far the weights of the gate are followed, rather than the part that is best alone. */
import { type Expert, mixtureOf, repeatsOf } from '../mixture.ts'

/** Events that neither the gate nor its parts have learned from, with the lists of the parts for each. */
export interface HoldoutEvents {
  /** How many. */
  readonly count: number
  /** The list of each part for an event. */
  readonly experts: (event: number) => readonly Expert[]
  /** The latest items of the event's user. */
  readonly recent: (event: number) => Uint32Array
  /** Whether an item is newer than the training of the parts. */
  readonly isNewItem: (item: number) => boolean
  /** (count) The item of each event. */
  readonly targets: Uint32Array
  /** Which events are in each view: in none of the views may the result be worse than the best part. */
  readonly views: readonly ((event: number) => boolean)[]
}

/** How far a gate is followed. */
export interface Reliance {
  /** The part that is best alone. */
  readonly best: number
  /** 0 to 1: the share of the gate's weights; the best part has the rest. */
  readonly gateWeight: number
  /** Above 0 and at most 1: what the probabilities of the user's latest items are multiplied by (`repeatsOf`). */
  readonly repeatFactor: number
}

/** Tried values of {@link Reliance.gateWeight}, least first. */
const gateWeights = [0.1, 0.25, 0.5, 0.75, 1]
/** Tried values of {@link Reliance.repeatFactor}, most first. */
const repeatFactors = [1, 0.7, 0.5, 0.4, 0.3]
/** Items of a list that is measured. */
const limit = 20
/** Standard errors up to which a loss may be chance. */
const standardErrors = 2

/** (count × 2) Of each event whether it is among the first 20 (1 or 0), and its reciprocal rank there. */
type Measured = Float64Array

/**
 * The weight of the gate and the factor of repeats with the largest sum of hits among the first 20 and their
 * reciprocal ranks, of those that lose nowhere: over all events and in each view, neither figure may be below that
 * of the best part by more than two standard errors of the difference. A weight of 0 where there are none.
 *
 * @param weigh gives the weights of the gate for an event.
 * @returns undefined where no part has any of the events among its first 20, so that none can be called the best.
 */
export function chooseReliance(
  events: HoldoutEvents,
  parts: number,
  weigh: (event: number) => Float64Array,
): Reliance | undefined {
  const alone = Array.from({ length: parts }, (_, part) => measure(events, () => oneOf(part, parts), 1))
  const totals = alone.map(totalOf)
  const best = totals.indexOf(Math.max(...totals))
  if (totals[best] === 0) return undefined
  let chosen: Reliance = { best, gateWeight: 0, repeatFactor: 1 }
  let most = totals[best]!
  for (const repeatFactor of repeatFactors) {
    for (const gateWeight of gateWeights) {
      const measured = measure(events, event => interpolated(weigh(event), best, gateWeight), repeatFactor)
      const total = totalOf(measured)
      if (!(total > most) || losesAnywhere(measured, alone[best]!, events)) continue
      chosen = { best, gateWeight, repeatFactor }
      most = total
    }
  }
  return chosen
}

/** `gateWeight` times the weights of the gate; the part `best` has the rest. */
export function interpolated(weights: Float64Array, best: number, gateWeight: number): Float64Array {
  return weights.map((weight, part) => gateWeight * weight + (part === best ? 1 - gateWeight : 0))
}

/**
 * The weights scaled so that those of context parts are `contextWeight` in sum, and those of the others the rest.
 * Unchanged where either have no weight.
 */
export function withContextWeight(
  weights: Float64Array,
  isContext: (part: number) => boolean,
  contextWeight: number,
): Float64Array {
  const context = weights.reduce((sum, weight, part) => sum + (isContext(part) ? weight : 0), 0)
  if (context <= 0 || context >= 1) return weights.slice()
  return weights.map((weight, part) =>
    isContext(part) ? (weight * contextWeight) / context : (weight * (1 - contextWeight)) / (1 - context),
  )
}

function oneOf(part: number, parts: number): Float64Array {
  const weights = new Float64Array(parts)
  weights[part] = 1
  return weights
}

function measure(
  { count, experts, recent, isNewItem, targets }: HoldoutEvents,
  weightsOf: (event: number) => Float64Array,
  repeatFactor: number,
): Measured {
  const measured = new Float64Array(2 * count)
  for (let event = 0; event < count; event++) {
    const repeats = repeatsOf(recent(event), repeatFactor, isNewItem)
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

function losesAnywhere(measured: Measured, alone: Measured, { count, views }: HoldoutEvents): boolean {
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
