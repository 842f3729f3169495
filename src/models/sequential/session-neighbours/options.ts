import { z } from 'zod'
import type { SearchRange } from '../../algorithm.ts'
import { recencyOptions } from '../sessions/options.ts'

export const sessionNeighboursOptions = z.strictObject({
  sessions: z.int().min(1).max(100_000).default(300).describe('most similar past sessions that a list is made from'),
  sessionsOfItem: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(2000)
    .describe('latest sessions of each item that are looked at'),
  lengthNorm: z
    .number()
    .min(0)
    .max(1)
    .default(0.2)
    .describe('how far long sessions count less, 0 to 1: similarities are divided by the length to the power of this'),
  sessionHalfLife: z
    .number()
    .positive()
    .max(1e6)
    .optional()
    .describe('days after which a session counts half, from the newest of the data back; for ever when absent'),
  gapDecay: z
    .number()
    .positive()
    .max(1)
    .default(0.7)
    .describe(
      'what an item of a past session counts beside one that is nearer to the shared item, above 0 and at most 1',
    ),
  backward: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('what an item before the shared one counts beside one after it, 0 to 1'),
  ...recencyOptions,
  recencyDecay: recencyOptions.recencyDecay.default(0.6).describe(recencyOptions.recencyDecay.description!),
})

export type SessionNeighboursOptions = Readonly<z.output<typeof sessionNeighboursOptions>>

/** What `tune` tries. */
export const sessionNeighboursSearch: Readonly<Record<string, SearchRange>> = {
  sessions: { from: 50, to: 3000, scale: 'log', isWhole: true },
  lengthNorm: { from: 0, to: 1, scale: 'linear' },
  gapDecay: { from: 0.3, to: 1, scale: 'linear' },
  backward: { from: 0, to: 1, scale: 'linear' },
  recencyDecay: { from: 0.3, to: 0.95, scale: 'linear' },
  earlierSessions: { values: [0, 0.2, 0.5, 1] },
  sessionGap: { values: [0.5, 1, 6, 24] },
}
