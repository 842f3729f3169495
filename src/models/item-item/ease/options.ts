import { z } from 'zod'
import { weightingOptions } from '../../weighting/options.ts'

export const easeOptions = z.strictObject({
  regularization: z
    .number()
    .min(0)
    .max(1e9)
    .default(1.5)
    .describe('what keeps weights small: λ in units of the mean over all pairs of the users that their items have'),
  variant: z
    .enum(['dense', 'sparse'])
    .default('dense')
    .describe('dense: all items at once; sparse: each on its candidates alone, where items are too many for that'),
  candidates: z
    .int()
    .min(1)
    .max(2000)
    .default(100)
    .describe('sparse: other items that an item may depend on, 1 to 2000'),
  entries: z
    .int()
    .min(1)
    .max(10_000_000)
    .default(1000)
    .describe('weights kept of each item, the largest; all where that takes no more room'),
  ...weightingOptions,
})

export type EaseOptions = Readonly<z.output<typeof easeOptions>>

/** Whether a model has all of B as a dense matrix: where the entries to keep, each with its index, would take no less room. */
export function isDense({ variant, entries }: EaseOptions, items: number): boolean {
  return variant === 'dense' && 2 * entries >= items
}
