/**
 * Replay of title choice: each test is sent in batches as large as its own sends were in all; who is sent what by a policy, and clicks
 * are drawn at the headlines' logged click rates (binomial). What is lost is what these sends would have had at the best rate.
 *
 * Logged clicks could be dealt out without replacement instead: then no headline has more sends than it had in the log, and one that had
 * all of them would be known without error, as no real one is. Drawn at its logged rate a send says as much as a real one. Either
 * way the logged rates, whose spread is 1.1 times that of the true ones by their own noise, are taken for the truth: no policy
 * knows that noise beforehand, so that the prior, which is learned from other tests, gains nothing by it.
 */
import { drawNormal } from '../../../src/push/statistics/distributions.ts'
import type { TitleClicks } from '../../../src/push/title/text-prior.ts'
import { randomNumbers } from '../../../src/storage/random.ts'
import type { HeadlineTest } from './headline-tests.ts'

export interface Policy {
  readonly name: string
  /** (headlines of `test`) The share of the next sends that each has after `outcomes`. */
  readonly shares: (test: HeadlineTest, outcomes: readonly TitleClicks[], random: () => number) => Float64Array
}

export interface ReplayOptions {
  readonly batches: number
  /** Sends beside those of the log. */
  readonly share: number
  readonly rounds: number
  readonly seed: number
}

/** (tests) Clicks lost by `policy`, the mean of the rounds. */
export function clicksLost(tests: readonly HeadlineTest[], policy: Policy, options: ReplayOptions): Float64Array {
  return Float64Array.from(tests, (test, at) => {
    let lost = 0
    for (let round = 0; round < options.rounds; round++) {
      lost += lostIn(test, policy, { options, seed: options.seed + 1009 * at + 9176543 * round })
    }
    return lost / options.rounds
  })
}

/** (tests) Clicks lost by an even split. */
export function evenSplitLoss(tests: readonly HeadlineTest[], { share }: ReplayOptions): Float64Array {
  return Float64Array.from(tests, test => {
    const rates = ratesOf(test)
    return share * sendsOf(test) * (Math.max(...rates) - rates.reduce((sum, rate) => sum + rate, 0) / rates.length)
  })
}

function lostIn(
  test: HeadlineTest,
  policy: Policy,
  { options, seed }: { options: ReplayOptions; seed: number },
): number {
  const random = randomNumbers(seed)
  const rates = ratesOf(test)
  const best = Math.max(...rates)
  const sends = new Float64Array(rates.length)
  const clicks = new Float64Array(rates.length)
  const total = Math.round(options.share * sendsOf(test))
  let lost = 0
  for (let batch = 0, sent = 0; batch < options.batches; batch++) {
    const size = Math.round((total * (batch + 1)) / options.batches) - sent
    const outcomes = Array.from(rates, (_, at) => ({ effectiveSends: sends[at]!, clicks: clicks[at]! }))
    const counts = wholeNumbers(policy.shares(test, outcomes, random), size)
    sent += size
    counts.forEach((count, at) => {
      sends[at]! += count
      clicks[at]! += drawBinomial(count, rates[at]!, random)
      lost += count * (best - rates[at]!)
    })
  }
  return lost
}

function ratesOf({ titles }: HeadlineTest): number[] {
  return titles.map(({ effectiveSends, clicks }) => clicks / effectiveSends)
}

function sendsOf({ titles }: HeadlineTest): number {
  return titles.reduce((sum, { effectiveSends }) => sum + effectiveSends, 0)
}

/** (shares) Sends by shares in whole numbers, the largest remainders rounded up: less noise than to draw each send's headline. */
function wholeNumbers(shares: Float64Array, sends: number): Uint32Array {
  const exact = shares.map(share => share * sends)
  const counts = Uint32Array.from(exact, Math.floor)
  const left = sends - counts.reduce((sum, count) => sum + count, 0)
  const byRemainder = [...exact.keys()].sort((a, b) => (exact[b]! % 1) - (exact[a]! % 1) || a - b)
  for (const at of byRemainder.slice(0, left)) counts[at]!++
  return counts
}

/** By waiting times where few are expected, else by the normal approximation, rounded. */
function drawBinomial(count: number, share: number, random: () => number): number {
  if (share <= 0) return 0
  const expected = count * share
  if (expected > 50) {
    const drawn = Math.round(expected + Math.sqrt(expected * (1 - share)) * drawNormal(random))
    return Math.min(Math.max(drawn, 0), count)
  }
  let [at, found] = [0, 0]
  for (;;) {
    at += 1 + Math.floor(Math.log(1 - random()) / Math.log1p(-share))
    if (at > count) return found
    found++
  }
}
