/**
 * What changes a user's click rate beside the article: how well the article suits, how often the user had pushes of late, how old the
 * article is and what hour it is. ln rate = θ + w · z + …, with θ the level of the article, which is a random effect (mixed Poisson
 * regression: Breslow & Clayton 1993). Rounds depend on the clicks of those before: with θ by its own clicks alone, as in conditional
 * regression, early luck would look like a fall by depth and age.
 */
export interface SendEffect {
  readonly name: string
  /** Its weight before anything is learned, and how sure that is. */
  readonly mean: number
  readonly deviation: number
}

/** The sends of an article whose clicks are all in. */
export interface EffectRows {
  /** (sends × effects) */
  readonly values: ArrayLike<number>
  /** (sends) What the click rate is by all but these effects, at the likeliest level of the article. */
  readonly rates: ArrayLike<number>
  /** Variance of θ before any send. */
  readonly levelVariance: number
  /** Rows that were clicked, each once. */
  readonly clicked: Iterable<number>
}

export interface SendEffectsSnapshot {
  readonly weights: readonly number[]
  readonly precision: readonly number[]
}

/** In deviations, by one article. */
const longestStep = 0.3

export class SendEffects {
  readonly effects: readonly SendEffect[]
  readonly weights: Float64Array
  /** (effects × effects) What is known: the inverse of the covariance of the weights. */
  readonly #precision: Float64Array

  constructor(effects: readonly SendEffect[]) {
    this.effects = effects
    this.weights = Float64Array.from(effects, ({ mean }) => mean)
    this.#precision = new Float64Array(effects.length ** 2)
    effects.forEach(({ deviation }, at) => {
      this.#precision[at * (effects.length + 1)] = deviation ** -2
    })
  }

  /** What is learned, for the disk; {@link SendEffects.restore} takes it. */
  snapshot(): SendEffectsSnapshot {
    return { weights: [...this.weights], precision: [...this.#precision] }
  }

  /** Takes the place of what was learned. @throws RangeError when it is of other effects. */
  restore({ weights, precision }: SendEffectsSnapshot): void {
    const count = this.weights.length
    if (weights.length !== count || precision.length !== count ** 2) {
      throw new RangeError(`what is learned of ${count} effects cannot be restored from that of ${weights.length}`)
    }
    this.weights.set(weights)
    this.#precision.set(precision)
  }

  /** What the click rate is multiplied by. @param values (effects), from `at` on. */
  factor(values: ArrayLike<number>, at = 0): number {
    let sum = 0
    for (let effect = 0; effect < this.weights.length; effect++) sum += this.weights[effect]! * values[at + effect]!
    return Math.exp(sum)
  }

  /** One of Newton's steps on the likelihood of an article's clicks, θ integrated out (Laplace). */
  learn({ values, rates, levelVariance, clicked }: EffectRows): void {
    const count = this.weights.length
    const gradient = new Float64Array(count)
    for (const row of clicked) {
      for (let effect = 0; effect < count; effect++) gradient[effect]! += values[row * count + effect]!
    }
    const sums = new Float64Array(count)
    const products = new Float64Array(count * count)
    let total = 0
    for (let row = 0; row < rates.length; row++) {
      const rate = rates[row]! * this.factor(values, row * count)
      total += rate
      for (let a = 0; a < count; a++) {
        const weighted = rate * values[row * count + a]!
        sums[a]! += weighted
        for (let b = 0; b <= a; b++) products[a * count + b]! += weighted * values[row * count + b]!
      }
    }
    const all = total + 1 / levelVariance
    for (let a = 0; a < count; a++) {
      gradient[a]! -= sums[a]!
      for (let b = 0; b <= a; b++) {
        const information = products[a * count + b]! - (sums[a]! * sums[b]!) / all
        this.#precision[a * count + b]! += information
        if (a !== b) this.#precision[b * count + a]! += information
      }
    }
    const step = solved(this.#precision, gradient)
    // Far from the maximum a whole step may overshoot, where the exponential grows.
    const longest = step.reduce((most, by, at) => Math.max(most, Math.abs(by) / this.effects[at]!.deviation), 0)
    const scale = Math.min(1, longestStep / longest)
    for (let effect = 0; effect < count; effect++) this.weights[effect]! += scale * step[effect]!
  }
}

/** x of A x = b, A symmetric and positive definite, by Gauss–Jordan elimination: for a handful of effects. */
function solved(matrix: Float64Array, right: Float64Array): Float64Array {
  const count = right.length
  const a = matrix.slice()
  const x = right.slice()
  for (let pivot = 0; pivot < count; pivot++) {
    const scale = a[pivot * count + pivot]!
    for (let row = 0; row < count; row++) {
      if (row === pivot) continue
      const share = a[row * count + pivot]! / scale
      if (share === 0) continue
      for (let column = pivot; column < count; column++) a[row * count + column]! -= share * a[pivot * count + column]!
      x[row]! -= share * x[pivot]!
    }
  }
  return x.map((value, at) => value / a[at * count + at]!)
}
