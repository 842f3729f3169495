import { z } from 'zod'
import type { Algorithm } from '../../algorithm.ts'
import { partsOf } from './parts.ts'

export interface PartsOption {
  /** What the option is by default. */
  readonly standard: string
  /** Whether parts may have weights. */
  readonly isWeighted: boolean
}

/** Models that are parts of another. */
export function partsOption(algorithms: readonly Algorithm[], { standard, isWeighted }: PartsOption) {
  const example = isWeighted ? 'als(factors=128) + 0.5 * graph-filter' : 'als(factors=128) + transitions'
  return z
    .string()
    .superRefine((text, context) => {
      try {
        const weighted = partsOf(text, algorithms).find(({ weight }) => weight !== 1)
        if (isWeighted || !weighted) return
        throw new RangeError(
          `the weights of parts are learned: expected ${weighted.algorithm.name} without ${weighted.weight}`,
        )
      } catch (error) {
        const message = `must be models joined by +, as '${example}', got ${text || 'nothing'}: ${(error as Error).message}`
        context.addIssue({ code: 'custom', message })
      }
    })
    .default(standard)
    .describe(`models joined by +, each with its ${isWeighted ? 'weight and ' : ''}options, as '${example}'`)
}
