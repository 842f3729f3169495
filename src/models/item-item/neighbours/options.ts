import { z } from 'zod'
import type { SearchRange } from '../../algorithm.ts'
import { isWeighted, weightingOptions, weightingSearch } from '../../weighting/options.ts'

export const neighboursOptions = z.strictObject({
  similarity: z
    .enum(['cosine', 'tfidf', 'bm25', 'jaccard', 'asymmetric', 'rp3beta'])
    .default('tfidf')
    .describe('how alike two items are'),
  by: z
    .enum(['items', 'users'])
    .default('items')
    .describe('items: those like the items of the history; users: those of the users with the most similar histories'),
  neighbours: z
    .int()
    .min(1)
    .max(10_000)
    .default(100)
    .describe('similar items kept of each item, or users that a list is made from, 1 to 10000'),
  shrinkage: z
    .number()
    .min(0)
    .max(1e9)
    .default(10)
    .describe(
      'added to the denominator of cosine, tfidf, jaccard and asymmetric, so that what few users support counts less; 0: as in the papers',
    ),
  locality: z
    .number()
    .min(0.01)
    .max(100)
    .default(1)
    .describe('what similarities are raised to before they are summed: the higher, the more the nearest decide'),
  similarityK1: z
    .number()
    .positive()
    .max(1e9)
    .default(1.2)
    .describe('k₁ of bm25: the higher, the more the number of users of an item decides'),
  similarityB: z.number().min(0).max(1).default(0.2).describe('b of bm25: how far popular items count less, 0 to 1'),
  asymmetry: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('of asymmetric, 0 to 1: 1 prefers popular items, 0 rare ones, 0.5 is the cosine'),
  rp3Alpha: z
    .number()
    .min(0)
    .max(10)
    .default(1)
    .describe('α of rp3beta, what the probabilities of steps are raised to'),
  rp3Beta: z
    .number()
    .min(0)
    .max(10)
    .default(0.2)
    .describe('β of rp3beta, what popularity is raised to: the higher, the rarer the items'),
  ...weightingOptions,
})

export type NeighboursOptions = Readonly<z.output<typeof neighboursOptions>>

/** What `tune` tries. */
export const neighboursSearch: Readonly<Record<string, SearchRange>> = {
  similarity: { values: ['cosine', 'tfidf', 'bm25', 'jaccard', 'asymmetric', 'rp3beta'] },
  by: { values: ['items', 'users'] },
  neighbours: { from: 10, to: 500, scale: 'log', isWhole: true },
  shrinkage: { from: 1, to: 200, scale: 'log' },
  locality: { from: 0.5, to: 3, scale: 'log' },
  similarityK1: { from: 0.5, to: 500, scale: 'log' },
  similarityB: { from: 0, to: 1, scale: 'linear' },
  asymmetry: { from: 0.2, to: 0.8, scale: 'linear' },
  rp3Alpha: { from: 0.5, to: 1.8, scale: 'linear' },
  rp3Beta: { from: 0, to: 1, scale: 'linear' },
  ...weightingSearch,
}

/** The kernel's terms. */
export function similarityOf(options: NeighboursOptions) {
  return {
    measure: options.similarity,
    weighted: isWeighted(options),
    shrinkage: options.shrinkage,
    locality: options.locality,
    k1: options.similarityK1,
    b: options.similarityB,
    asymmetry: options.asymmetry,
    alpha: options.rp3Alpha,
    beta: options.rp3Beta,
  }
}
