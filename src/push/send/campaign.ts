import { z } from 'zod'

const time = z.int().min(0)

/** An article in push. What is left out of one that is known stays as it is. */
export const campaign = z.strictObject({
  /** The item's id. */
  id: z.string().min(1).max(512),
  /** Candidates for the title; a send has one of them by its place. */
  titles: z.array(z.string().min(1).max(1024)).min(1).max(100),
  /** Where a click leads. */
  url: z.url({ protocol: /^https?$/ }).optional(),
  /** From when to when pushes are sent, in ms since 1970. */
  starts: time,
  ends: time,
  /** At most so many pushes are sent. */
  budget: z.int().min(0),
  /** The CTR lift that is asked of it. Default: 2.4. */
  target: z.number().positive().optional(),
})
export type Campaign = z.infer<typeof campaign>
