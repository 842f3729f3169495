/**
 * Which of several titles the next sends have: Thompson sampling (Thompson 1933; Chapelle & Li 2011), until knowing the best title would be
 * worth next to nothing.
 */
import { drawNormal } from '../statistics/distributions.ts'
import type { LevelPosterior } from '../volume/level.ts'

export interface ShareOptions {
  /** From the posterior. Default: 100. */
  readonly draws?: number
  /**
   * What the precision of the posterior is multiplied by (Chapelle & Li 2011 reshape it so): above 1 less is spent on testing. Where
   * sends end, plain Thompson sampling tests too long: in the replay of three fifths of the Upworthy tests (`npm run bench -- push-logs
   * --only upworthy`) 39 % of an even split's clicks were lost at 1, 35 % at 2, 31 % at 4, 30 % at 8, 31 % at 16. Default: 8.
   */
  readonly sharpness?: number
  /**
   * The test is over where knowing the best title is expected to gain less than this share of the clicks to come: the expected value of
   * perfect information (Raiffa & Schlaifer 1961; Scott 2015 calls it the value remaining), above which no test can gain. Default: 0.005.
   */
  readonly leastValue?: number
}

/** (titles) The share of the next sends that each has: its probability to be the best; once the test is over, all for the best guess. */
export function sharesOfTitles(
  posterior: LevelPosterior,
  random: () => number,
  { draws = 100, sharpness = 8, leastValue = 0.005 }: ShareOptions = {},
): Float64Array {
  const { values, weights, titles, best, factors, effects, effectVariances } = posterior
  const shares = new Float64Array(titles.length)
  // Of the same draws: the noise of the difference is that of the draws where another title is better.
  let [gained, had] = [0, 0]
  for (let draw = 0; draw < draws; draw++) {
    const point = drawnPlace(weights, random)
    let [first, highest, highestSharp, ofBest] = [0, 0, 0, 0]
    for (let title = 0; title < titles.length; title++) {
      const at = point * titles.length + title
      const error = Math.sqrt(effectVariances[at]!) * drawNormal(random)
      const expected = factors[title]! * Math.exp(effects[at]!)
      const rate = expected * Math.exp(error)
      const sharp = expected * Math.exp(error / Math.sqrt(sharpness))
      if (rate > highest) highest = rate
      if (sharp > highestSharp) [first, highestSharp] = [title, sharp]
      if (title === best) ofBest = rate
    }
    const level = Math.exp(values[point]!)
    gained += level * (highest - ofBest)
    had += level * ofBest
    shares[first]! += 1 / draws
  }
  if (gained < leastValue * had) return shares.map((_, title) => Number(title === best))
  return shares
}

function drawnPlace(weights: Float64Array, random: () => number): number {
  let left = random()
  let place = 0
  while (place < weights.length - 1 && left >= weights[place]!) left -= weights[place++]!
  return place
}
