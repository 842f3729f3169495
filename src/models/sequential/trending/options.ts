import { z } from 'zod'
import { recencyOptions } from '../sessions/options.ts'

export const trendingOptions = z.strictObject({
  halfLifeHours: z
    .number()
    .positive()
    .max(1e9)
    .optional()
    .describe('hours after which an event counts half; chosen by the latest events when absent'),
  sessionGap: recencyOptions.sessionGap.describe(
    'hours without an event that end a session, in which an item counts once; 0: none do',
  ),
})

export type TrendingOptions = Readonly<z.output<typeof trendingOptions>>
