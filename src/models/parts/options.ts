import { z } from 'zod'
import type { Algorithm } from '../algorithm.ts'
import { partsOf } from './parts.ts'

/** Of parts, for messages and help. */
const example = 'als(factors=128) + 0.5 * graph-filter'

/** Models that are parts of another. */
export function partsOption(algorithms: readonly Algorithm[], standard: string) {
  return z
    .string()
    .superRefine((text, context) => {
      try {
        partsOf(text, algorithms)
      } catch (error) {
        const message = `must be models joined by +, as '${example}', got ${text || 'nothing'}: ${(error as Error).message}`
        context.addIssue({ code: 'custom', message })
      }
    })
    .default(standard)
    .describe(`models joined by +, each with its weight and options, as '${example}'`)
}
