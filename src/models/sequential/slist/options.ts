import { z } from 'zod'
import type { SearchRange } from '../../algorithm.ts'
import { recencyOptions } from '../sessions/options.ts'

export const slistOptions = z.strictObject({
  consistency: z
    .number()
    .min(0)
    .max(1)
    .default(0.2)
    .describe('α: what items of one session count in any order, beside what follows what, 0 to 1'),
  regularization: z
    .number()
    .positive()
    .max(1e9)
    .default(20)
    .describe('what keeps weights small: λ, in sessions that an item is in'),
  dropout: z
    .number()
    .min(0)
    .max(0.99)
    .default(0.5)
    .describe(
      'share of events that weights are made to do without, 0 to 0.99: the more, the less they rest on several items at once',
    ),
  mostOwn: z.number().min(0).max(1).default(1).describe('what an item may weigh on itself at the most, 0 to 1'),
  pastDecay: z
    .number()
    .positive()
    .max(1)
    .default(0.4)
    .describe('what an item counts, as one that others follow, beside the one after it, above 0 and at most 1'),
  futureDecay: z
    .number()
    .positive()
    .max(1)
    .default(0.4)
    .describe('what an item counts, as one that follows, beside the one before it, above 0 and at most 1'),
  sessionHalfLife: z
    .number()
    .positive()
    .max(1e6)
    .optional()
    .describe('days after which a session counts half, from the newest event of the data back; for ever when absent'),
  sessionItems: z
    .int()
    .min(2)
    .max(10_000)
    .default(50)
    .describe('items of a session at the most: longer ones are cut, 2 to 10000'),
  candidates: z.int().min(1).max(2000).default(100).describe('other items that an item may depend on, 1 to 2000'),
  neighbours: z
    .int()
    .min(1)
    .max(10_000)
    .default(500)
    .describe('weights kept of each item on others, the largest, 1 to 10000'),
  ...recencyOptions,
})

export type SlistOptions = Readonly<z.output<typeof slistOptions>>

/** What `tune` tries. */
export const slistSearch: Readonly<Record<string, SearchRange>> = {
  consistency: { from: 0, to: 1, scale: 'linear' },
  regularization: { from: 1, to: 100, scale: 'log' },
  dropout: { from: 0, to: 0.95, scale: 'linear' },
  pastDecay: { from: 0.2, to: 1, scale: 'linear' },
  futureDecay: { from: 0.2, to: 1, scale: 'linear' },
  recencyDecay: { from: 0.2, to: 0.95, scale: 'linear' },
  earlierSessions: { values: [0, 0.2, 0.5, 1] },
  sessionGap: { values: [0.5, 1, 6, 24, 0] },
}
