import { z } from 'zod'
import type { Algorithm, SearchRange } from '../algorithm.ts'
import { normalisations } from './fusion.ts'
import { type Part, partsOf } from './parts.ts'

/** Of parts, for messages and help. */
const example = 'als(factors=128) + 0.5 * graph-filter'

/** TABLE */
export function blendOptions(algorithms: readonly Algorithm[]) {
  return z.strictObject({
    parts: z
      .string()
      .superRefine((text, context) => {
        try {
          partsOf(text, algorithms)
        } catch (error) {
          const message = `must be models joined by +, as '${example}', got ${text || 'nothing'}: ${(error as Error).message}`
          context.addIssue({ code: 'custom', message })
        }
      })
      .default('als + 2 * graph-filter + bpr')
      .describe(`models joined by +, each with its weight and options, as '${example}'`),
    secondWeight: z
      .number()
      .min(0.001)
      .max(1000)
      .default(1)
      .describe('what the weight of the second part is multiplied by'),
    depth: z.int().min(20).max(10_000).default(200).describe('best items of each part that are put together, at least'),
    normalisation: z
      .enum(normalisations)
      .default('norm')
      .describe('how scores are made comparable: norm, divided by that of the list; z-score; or rank, by places alone'),
  })
}

export type BlendOptions = Readonly<z.output<ReturnType<typeof blendOptions>>>

/**
 * What `tune` tries: with a weight at either end of its range, a blend of two ranks nearly as one of them alone, so that the best is hardly
 * ever below the best part.
 */
export const blendSearch: Readonly<Record<string, SearchRange>> = {
  parts: {
    values: [
      'als + 2 * graph-filter + bpr',
      'als + 2 * graph-filter + neighbours',
      'als(unobserved-weight=0.01) + 2 * graph-filter',
      'als(unobserved-weight=0.3) + 2 * graph-filter',
      'bpr + 2 * graph-filter',
      'neighbours + 2 * graph-filter',
    ],
  },
  secondWeight: { from: 0.05, to: 20, scale: 'log' },
}

/** The parts, each with the weight that it has in all. */
export function weightedParts({ parts, secondWeight }: BlendOptions, algorithms: readonly Algorithm[]): Part[] {
  return partsOf(parts, algorithms).map((part, place) =>
    place === 1 ? { ...part, weight: part.weight * secondWeight } : part,
  )
}
