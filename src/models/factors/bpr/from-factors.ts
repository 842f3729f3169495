import type { GivenFactors, Trained } from '../../algorithm.ts'
import { assertWidth, wholeTraining } from '../given-factors.ts'
import { allocateBprFactors, bprTrainedTensors } from './factors.ts'
import { type BprOptions, widthOf } from './options.ts'

/**
 * The same vectors. With biases the last value of an item's is its bias, and of a user's 1, as here and in the library implicit.
 *
 * @throws RangeError naming the user whose last value is another.
 */
export async function bprFromFactors(given: GivenFactors, options: BprOptions): Promise<Trained> {
  const { factors, biases } = options
  const width = widthOf(options)
  const isBiased = biases === 'item'
  assertWidth(given, width, isBiased ? ' (factors and a bias; without biases give --biases none)' : '')
  const [users, items] = [given.users.length / width, given.items.length / width]
  const made = allocateBprFactors(users, items, factors, isBiased)
  for (const side of ['users', 'items'] as const) {
    const [from, to] = [given[side], made[side]]
    for (let row = 0; row < to.rows; row++) {
      const vector = from.subarray(row * width, (row + 1) * width)
      to.data.set(vector.subarray(0, factors), row * to.stride)
      if (!isBiased) continue
      const last = vector[factors]!
      if (side === 'items') made.biases[row] = last
      else if (last !== 1 && vector.some(value => value !== 0)) {
        throw new RangeError(
          `the last value of each user's vector must be 1, which the biases of items are multiplied by, but that of user ${row} is ${last}: give --biases none`,
        )
      }
    }
  }
  return wholeTraining(bprTrainedTensors(made))
}
