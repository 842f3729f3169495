/** BPR from its definition (Rendle et al. 2009, fig. 4): samples drawn at random, one after another, in double precision. */
import type { BprOptions } from '../../src/models/factors/bpr/options.ts'
import { rowOf } from '../../src/models/open/history.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { randomNumbers } from '../../src/storage/random.ts'

/** Vectors as a model has them, the bias as the last value of an item, and the mean loss of each epoch. */
export interface NaiveBpr {
  readonly users: Float32Array
  readonly items: Float32Array
  readonly loss: readonly number[]
}

export function naiveBpr({ byUser, byItem }: Dataset, options: BprOptions): NaiveBpr {
  const { factors, epochs, learningRate: rate, regularization, initialDeviation } = options
  const random = randomNumbers(options.seed + 1)
  const isBiased = options.biases === 'item'
  const width = factors + (isBiased ? 1 : 0)
  const matrix = (rows: number, last: number) =>
    Array.from({ length: rows }, () =>
      Array.from({ length: width }, (_, k) =>
        k === factors ? last : ((random() - 0.5) * Math.sqrt(12) * initialDeviation) / Math.sqrt(factors),
      ),
    )
  const users = matrix(byUser.rows, 1)
  const items = matrix(byItem.rows, 0)
  const pairs = users.flatMap((_, user) => [...rowOf(byUser, user).indices].map(item => [user, item] as const))
  const own = users.map((_, user) => new Set(rowOf(byUser, user).indices))
  const frequencies = items.map((_, item) => rowOf(byItem, item).indices.length ** options.popularityExponent)
  const whole = frequencies.reduce((sum, frequency) => sum + frequency, 0)
  const drawn = () => {
    let left = random() * whole
    for (let item = 0; item < frequencies.length; item++) {
      left -= frequencies[item]!
      if (left < 0) return item
    }
    return frequencies.length - 1
  }
  const loss: number[] = []
  for (let epoch = 0; epoch < epochs; epoch++) {
    let sum = 0
    for (let sample = 0; sample < pairs.length; sample++) {
      const [user, i] = pairs[Math.floor(random() * pairs.length)]!
      let j = drawn()
      while (own[user]!.has(j)) j = drawn()
      const [u, a, b] = [[...users[user]!], [...items[i]!], [...items[j]!]]
      const x = u.reduce((x, value, k) => x + value * (a[k]! - b[k]!), 0)
      const slope = 1 / (1 + Math.exp(x))
      sum += Math.log1p(Math.exp(-x))
      for (let k = 0; k < width; k++) {
        if (k < factors) users[user]![k]! += rate * (slope * (a[k]! - b[k]!) - regularization * u[k]!)
        items[i]![k]! += rate * (slope * u[k]! - regularization * a[k]!)
        items[j]![k]! += rate * (-slope * u[k]! - regularization * b[k]!)
      }
    }
    loss.push(sum / pairs.length)
  }
  // The best scores are ln p(item | user) − ln q(item): the latter is how often it was drawn.
  if (isBiased) {
    items.forEach((row, item) => {
      row[factors]! += Math.log(frequencies[item]!)
    })
  }
  return { users: Float32Array.from(users.flat()), items: Float32Array.from(items.flat()), loss }
}
