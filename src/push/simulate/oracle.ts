import { Eligibility, pushedAfter } from './baselines.ts'
import { daysBetweenPushes, type PushPolicy } from './run.ts'
import { step, World } from './world.ts'

/** Minutes between two looks at the articles that can be pushed since the last: their click rates only fall from then on. */
const interval = 3 * step
/** Thresholds that are tried for a user, and the logarithms of click rates that tables hold. */
const thresholds = 60
const [least, most, bins] = [-9, 1, 1000]

/**
 * Knows the click rate of every article that has appeared, under every title and for every user, and how such rates are distributed; but not
 * what comes next. A user gets an article whose click rate is above a threshold: the one under which most clicks come in the long run, a user
 * being out for seven days after each push (renewal reward: E[rate] / (7 + days until the next)).
 *
 * @param seed of another world of the same kind, which the distribution is taken from.
 */
export function oracle(seed: number): (world: World) => PushPolicy {
  return world => {
    const { users, topics } = world.parameters
    const eligibility = new Eligibility(world.past)
    const rates = new RateTable(ratesOf(seed, world.parameters))
    const limits = Float64Array.from({ length: users }, (_, user) => {
      const factors = Float64Array.from({ length: topics }, (_, topic) => world.userFactor(user, topic))
      return rates.bestThreshold(factors, world.parameters.articles)
    })
    return {
      act: (view, observed) => {
        eligibility.see(observed)
        if (view.now % interval !== 0) return
        const candidates = view.articles.filter(
          ({ createdAt }) => createdAt > view.now - pushedAfter - interval && createdAt <= view.now - pushedAfter,
        )
        const offers = candidates.map(({ id, topic }) => ({ id, topic, ...bestTitle(world, id) }))
        for (const user of eligibility.users(view)) {
          let [chosen, highest]: [(typeof offers)[number] | undefined, number] = [undefined, limits[user]!]
          for (const offer of offers) {
            const rate = offer.rate * world.userFactor(user, offer.topic)
            if (rate >= highest) [chosen, highest] = [offer, rate]
          }
          if (!chosen) continue
          view.send(user, chosen.id, chosen.title)
          eligibility.pushed(user, view.now)
        }
      },
    }
  }
}

function bestTitle(world: World, article: number): { readonly title: number; readonly rate: number } {
  const rates = Array.from({ length: world.parameters.titles }, (_, title) => world.articleRate(article, title))
  const rate = Math.max(...rates)
  return { title: rates.indexOf(rate), rate }
}

/** Of each article of a world the click rate of its best title for the mean user when it can be pushed first. */
function ratesOf(seed: number, parameters: World['parameters']): number[] {
  const world = new World(seed, { ...parameters, users: 1 })
  const rates: number[] = []
  while (!world.hasEnded) {
    const { articles } = world
    while (rates.length < articles.length && articles[rates.length]!.createdAt + pushedAfter <= world.now) {
      rates.push(bestTitle(world, rates.length).rate)
    }
    world.advance()
  }
  return rates
}

/** How many of some rates are above a value, and their sum. */
class RateTable {
  /** (bins + 1) Shares of the rates whose logarithm is in the bin or one above it, and the sum of these rates by all. */
  readonly #shares = new Float64Array(bins + 1)
  readonly #sums = new Float64Array(bins + 1)

  constructor(rates: readonly number[]) {
    for (const rate of rates) {
      const bin = binOf(rate)
      this.#shares[bin] += 1 / rates.length
      this.#sums[bin] += rate / rates.length
    }
    for (let bin = bins - 1; bin >= 0; bin--) {
      this.#shares[bin] += this.#shares[bin + 1]!
      this.#sums[bin] += this.#sums[bin + 1]!
    }
  }

  /** @param factors what a user multiplies the rates of each topic by. @param perDay how many articles come a day. */
  bestThreshold(factors: Float64Array, perDay: number): number {
    let [best, highest] = [0, 0]
    for (let at = 0; at < thresholds; at++) {
      const threshold = Math.exp(least + 2 + ((most - least - 2) * at) / thresholds)
      let [share, sum] = [0, 0]
      for (const factor of factors) {
        const bin = binOf(threshold / factor)
        share += this.#shares[bin]! / factors.length
        sum += (factor * this.#sums[bin]!) / factors.length
      }
      if (share === 0) break
      const reward = sum / share / (daysBetweenPushes + 1 / (perDay * share))
      if (reward > highest) [best, highest] = [threshold, reward]
    }
    return best
  }
}

function binOf(rate: number): number {
  return Math.max(0, Math.min(bins, Math.floor(((Math.log(rate) - least) / (most - least)) * bins)))
}
