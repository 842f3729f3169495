import { z } from 'zod'
import type { Algorithm, SearchRange } from '../../algorithm.ts'
import { weightingIn, weightingOptions, weightingSearch } from '../../weighting/options.ts'
import { partsOption } from '../parts/options.ts'
import { type Part, partsWith } from '../parts/parts.ts'
import { normalisations } from './fusion.ts'

/**
 * Measured on validation parts, a fifth of the pairs of the training parts alone (one random split; NDCG@20; parts by their defaults):
 *
 * | parts | MovieLens 100K | hetrec-lastfm | citeulike-a | playlists of 5,000 |
 * | --- | ---: | ---: | ---: | ---: |
 * | als | .234 | .204 | .121 | .151 |
 * | bpr | .277 | .173 | .121 | .119 |
 * | neighbours | .260 | .195 | .179 | .161 |
 * | ease | .267 | .207 | .193 | .164 |
 * | graph-filter | .285 | .213 | .194 | .171 |
 * | als + graph-filter | .278 | .224 | .193 | .175 |
 * | als + 2 * graph-filter | .284 | .223 | .195 | .175 |
 * | als + 3 * graph-filter | .285 | .221 | .195 | .174 |
 * | bpr + graph-filter | .296 | .215 | .197 | .172 |
 * | bpr + 2 * graph-filter | .292 | .215 | .196 | .172 |
 * | als + 2 * graph-filter + neighbours | .288 | .217 | .198 | .174 |
 * | als + 2 * graph-filter + bpr (default) | .291 | .223 | .195 | .175 |
 * | als + 3 * graph-filter + bpr | .290 | .221 | .196 | .175 |
 *
 * How scores are made comparable, of als + 2 * graph-filter:
 *
 * | `normalisation` | `depth` | MovieLens 100K | hetrec-lastfm | citeulike-a | playlists of 5,000 |
 * | --- | ---: | ---: | ---: | ---: | ---: |
 * | norm | 100 | .284 | .223 | .195 | .175 |
 * | norm (default) | 200 | .284 | .223 | .195 | .175 |
 * | norm | 500 | .284 | .223 | .195 | .175 |
 * | z-score | 200 | .283 | .223 | .192 | .175 |
 * | rank | 200 | .281 | .221 | .177 | .172 |
 *
 * On 500 of the users, with the weight that is best for each set: divided by the standard deviation over all items, which takes lists of
 * all of them, .291, .224, .198, .176, as by norm: .290, .223, .197, .175. Least to greatest as 0 to 1 was as z-scores. To ask each part
 * for what it scores the items of the others that it does not have among its best changed no figure by more than .0015 at a depth of 500.
 */
export function blendOptions(algorithms: readonly Algorithm[]) {
  return z.strictObject({
    parts: partsOption(algorithms, { standard: 'als + 2 * graph-filter + bpr', isWeighted: true }),
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
    ...weightingOptions,
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
  ...weightingSearch,
}

/** The parts, each with the weight that it has in all, and with the weighting of pairs that all have. */
export function weightedParts(options: BlendOptions, algorithms: readonly Algorithm[]): Part[] {
  const { parts, secondWeight } = options
  return partsWith(parts, weightingIn(options), algorithms).map((part, place) => ({
    ...part,
    weight: place === 1 ? part.weight * secondWeight : part.weight,
  }))
}
