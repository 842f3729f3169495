import { randomNumbers } from '../../storage/random.ts'
import { assertWholeNumber } from '../../storage/whole-number.ts'

/**
 * (size) Ranks below `volume`, rising: one at random of each of `size` equal parts, so that the lift of every depth is
 * learned. The same for the same seed.
 */
export function stratifiedRanks(volume: number, size: number, seed: number): Uint32Array {
  assertWholeNumber('size', size, 0, volume)
  const random = randomNumbers(seed)
  return Uint32Array.from({ length: size }, (_, part) => {
    const begin = Math.floor((part * volume) / size)
    const end = Math.floor(((part + 1) * volume) / size)
    return begin + Math.floor(random() * (end - begin))
  })
}
