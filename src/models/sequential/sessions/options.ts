/** Options of all models that rank by what a user did last. */
import { z } from 'zod'

/** `recentItems` says what they mean. */
export const recencyOptions = {
  sessionGap: z
    .number()
    .min(0)
    .max(1e9)
    .default(0.5)
    .describe('hours without an event that end a session, over which no item follows another; 0: none do'),
  recentItems: z.int().min(1).max(10_000).default(10).describe('how many of the last items of a user count'),
  recencyDecay: z
    .number()
    .positive()
    .max(1)
    .default(0.55)
    .describe('weight of each of these items beside the next newer one'),
  earlierSessions: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('what items of earlier sessions count beside those of the running one, 0 to 1'),
} as const
