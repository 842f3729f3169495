import { z } from 'zod'
import type { SearchRange } from '../../algorithm.ts'
import { recencyOptions } from '../sessions/options.ts'

export const transitionsOptions = z.strictObject({
  window: z.int().min(1).max(1000).default(10).describe('farthest item after one that counts as following it'),
  gapDecay: z
    .number()
    .positive()
    .max(1)
    .default(0.6)
    .describe('what a step over one item more counts beside a shorter one, above 0 and at most 1'),
  backward: z
    .number()
    .min(0)
    .max(1)
    .default(0.7)
    .describe('what a step back counts beside one ahead, 0 to 1: with 1 order does not matter'),
  secondStep: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('share of what follows what follows an item, 0 to 1: 0 for single steps only'),
  middleItems: z.int().min(1).max(10_000).default(100).describe('items that second steps go by, the most frequent'),
  popularityDamping: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('β: scores are divided by the steps to the item to the power of this; the higher, the rarer the items'),
  neighbours: z.int().min(1).max(10_000).default(500).describe('items kept that follow each item, 1 to 10000'),
  sessionHalfLife: z
    .number()
    .positive()
    .max(1e6)
    .optional()
    .describe('days after which a step counts half, from the newest event of the data back; for ever when absent'),
  priorSteps: z
    .number()
    .positive()
    .max(1e9)
    .default(50)
    .describe('steps from an item that its training counts as, at the most, beside those learned live'),
  ...recencyOptions,
})

export type TransitionsOptions = Readonly<z.output<typeof transitionsOptions>>

/** What `tune` tries. */
export const transitionsSearch: Readonly<Record<string, SearchRange>> = {
  window: { from: 1, to: 50, scale: 'log', isWhole: true },
  gapDecay: { from: 0.3, to: 1, scale: 'linear' },
  backward: { from: 0, to: 1, scale: 'linear' },
  secondStep: { from: 0, to: 0.8, scale: 'linear' },
  popularityDamping: { from: 0, to: 0.5, scale: 'linear' },
  recencyDecay: { from: 0.2, to: 0.95, scale: 'linear' },
  earlierSessions: { values: [0, 0.2, 0.5, 1] },
  sessionGap: { values: [0.5, 1, 6, 24, 0] },
}
