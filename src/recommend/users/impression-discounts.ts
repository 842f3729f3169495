import { countAt, defaultHalfLife, type ShownItems } from '../../events/impressions.ts'
import type { Discounts } from '../../models/algorithm.ts'
import type { Generation } from '../generations/generation.ts'

/** How items sink that were shown and not taken. */
export interface ImpressionRule {
  /** What the score of an item is multiplied by for each time, above 0; 1: nothing sinks. */
  readonly decay: number
  /** In ms: after so long a time counts half. */
  readonly halfLife: number
}

export interface ImpressionOptions {
  /** {@link ImpressionRule.decay}. Default: 0.9. */
  readonly impressionDecay?: number | undefined
  /** {@link ImpressionRule.halfLife}. Default: a day. */
  readonly impressionHalfLife?: number | undefined
}

/** @throws RangeError where the options are no rule. */
export function impressionRule({
  impressionDecay: decay = 0.9,
  impressionHalfLife: halfLife = defaultHalfLife,
}: ImpressionOptions): ImpressionRule {
  if (!(decay > 0 && decay <= 1)) throw new RangeError(`impressionDecay must be above 0 and at most 1, got ${decay}`)
  if (!(halfLife > 0)) throw new RangeError(`impressionHalfLife must be ms above 0, got ${halfLife}`)
  return { decay, halfLife }
}

/** Less than this no list shows. */
const least = 0.001

/** Shown items as rows of one generation. */
export interface ShownRows {
  readonly items: Uint32Array
  readonly counts: Float64Array
  readonly times: Float64Array
}

/** Those of `shown` that the generation knows and `isLeftOut` does not name. */
export function shownRows(
  shown: ShownItems,
  { itemRows }: Pick<Generation, 'itemRows'>,
  isLeftOut: (item: string) => boolean,
): ShownRows {
  const entries = [...shown].filter(([item]) => !isLeftOut(item))
  const rows = itemRows.indicesOf(entries.map(([item]) => item))
  const known = [...entries.keys()].filter(at => rows[at]! >= 0)
  return {
    items: Uint32Array.from(known, at => rows[at]!),
    counts: Float64Array.from(known, at => entries[at]![1].count),
    times: Float64Array.from(known, at => entries[at]![1].time),
  }
}

/**
 * What scores are multiplied by at `now`: decay^k of an item that was shown k times, where a time counts half after each half-life. Impression
 * discounting: Lee, Lakshmanan, Tiwari & Shah, KDD 2014.
 */
export function discountsOf(
  { items, counts, times }: ShownRows,
  now: number,
  rule: ImpressionRule,
): Discounts | undefined {
  const { decay, halfLife } = rule
  const factors = Float32Array.from(items, (_, at) => {
    const factor = decay ** countAt({ count: counts[at]!, time: times[at]! }, now, halfLife)
    // A factor of 0 would divide by it.
    return Math.max(factor, 1e-6)
  })
  const significant = [...items.keys()].filter(at => factors[at]! < 1 - least)
  if (significant.length === 0) return undefined
  if (significant.length === items.length) return { items, factors }
  return {
    items: Uint32Array.from(significant, at => items[at]!),
    factors: Float32Array.from(significant, at => factors[at]!),
  }
}
