import { drawGamma, drawNormal } from '../statistics/distributions.ts'
import type { Uniform } from './draws.ts'
import type { WorldParameters } from './parameters.ts'

/** What is true of users, and hidden from whoever pushes to them. */
export interface UserTruth {
  /** (users × topics) Shares of the topics in what each reads, 1 in sum. */
  readonly taste: Float32Array
  /** (users) What the click rate is multiplied by. */
  readonly propensity: Float32Array
  /** What the taste multiplies click rates by on the mean: it is divided by this. */
  readonly meanOfTaste: number
}

export function drawUsers(parameters: WorldParameters, random: Uniform): UserTruth {
  const { users, topics, logSpreadOfUsers, tasteExponent } = parameters
  const shape = shapeOf(parameters)
  const taste = new Float32Array(users * topics)
  const propensity = Float32Array.from({ length: users }, () => Math.exp(logSpreadOfUsers * drawNormal(random)))
  let sum = 0
  for (let user = 0; user < users; user++) {
    const own = taste.subarray(user * topics, (user + 1) * topics)
    let total = 0
    for (let topic = 0; topic < topics; topic++) {
      own[topic] = drawGamma(shape, random)
      total += own[topic]
    }
    for (let topic = 0; topic < topics; topic++) {
      own[topic] /= total
      sum += (topics * own[topic]) ** tasteExponent
    }
  }
  return { taste, propensity, meanOfTaste: sum / (users * topics) }
}

/** Of the Dirichlet distribution under which the sum of squared shares is the concentration on the mean: (α + 1) / (αK + 1). */
function shapeOf({ topics, concentration }: Pick<WorldParameters, 'topics' | 'concentration'>): number {
  if (!(concentration > 1 / topics && concentration < 1)) {
    throw new RangeError(`concentration must be from above 1/${topics} to below 1, got ${concentration}`)
  }
  return (1 - concentration) / (concentration * topics - 1)
}
