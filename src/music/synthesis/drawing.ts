import { randomNumbers, shuffled } from '../../storage/random.ts'

/** What is drawn of one seed, in a fixed order. */
export class Drawing {
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = randomNumbers(seed)
  }

  /** Uniform from `low` to `high`. */
  between(low: number, high: number): number {
    return low + (high - low) * this.#random()
  }

  /** A whole number from 0 on, below `end`. */
  below(end: number): number {
    return Math.floor(this.#random() * end)
  }

  chance(share: number): boolean {
    return this.#random() < share
  }

  /** Standard normal (Box & Muller 1958). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random())
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)]!
  }

  /** The number of one of `weights`, each as likely as it is large. */
  weighted(weights: ArrayLike<number>): number {
    let left = this.#random() * Array.from(weights).reduce((sum, weight) => sum + weight, 0)
    for (let at = 0; at < weights.length; at++) {
      left -= weights[at]!
      if (left < 0) return at
    }
    return weights.length - 1
  }

  shuffled<Value>(values: readonly Value[]): Value[] {
    return shuffled([...values], this.#random)
  }

  /** Seeds of further drawings. */
  seed(): number {
    return Math.floor(this.#random() * 2 ** 32)
  }
}
