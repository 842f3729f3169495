import { type ArticleQuery, firstProduct, productNames, type SharedUsers } from '../features.ts'
import type { ScoringComponent } from './audience-jobs.ts'

/**
 * What of the blend is products of users' vectors with those of the article: one pass over the factors for all that are made of these, one
 * over the profiles.
 */
export function scoringComponents(
  users: SharedUsers,
  article: ArticleQuery,
  { coefficients, size }: { readonly coefficients: Float64Array; readonly size: number },
): ScoringComponent[] {
  const components: ScoringComponent[] = []
  if (users.factorStride > 0) {
    const vector = new Float32Array(users.factorStride)
    productNames.forEach((name, at) => {
      const factor = coefficients[firstProduct + 1 + at]! * article.scales[name]
      for (let k = 0; k < vector.length; k++) vector[k]! += factor * article[name][k]!
    })
    components.push({ rows: users.factors.subarray(0, size * users.factorStride), vector })
  }
  if (users.profileStride > 0) {
    const vector = article.content.map(value => value * coefficients[firstProduct]!)
    components.push({ rows: users.profiles.subarray(0, size * users.profileStride), vector })
  }
  return components
}
