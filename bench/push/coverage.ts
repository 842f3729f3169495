/** How often intervals of lift cover the truth when articles are looked at again and again while their clicks come late. */
import { ClickDelay } from '../../src/push/statistics/click-delay.ts'
import { drawBeta, drawNormal } from '../../src/push/statistics/distributions.ts'
import type { Interval } from '../../src/push/statistics/lift.ts'
import { SendOutcomes } from '../../src/push/statistics/send-outcomes.ts'
import { randomNumbers } from '../../src/storage/random.ts'

/** Minutes: between looks, from the first send to the last look and to the last send, and of all articles' begins. */
const [between, watched, sending, apart] = [10, 480, 210, 480]
const [firstRound, growth, most, target] = [80, 1.5, 6000, 2.4]
/** Minutes: the median of a click's delay, the standard deviation of its logarithm, and when clicks no more count. */
const [median, spread, horizon] = [20, 1.2, 1440]

export interface Coverage {
  /** Looks at an article. */
  readonly looks: number
  /** Shares of articles: covered at all looks by the interval that is always valid, and by the fixed one; by that at the last look. */
  readonly sequence: number
  readonly normal: number
  readonly once: number
  /** Of an article, on the mean. */
  readonly clicks: number
}

/**
 * Articles are sent in rounds that grow while the lift is at least the target, with what comes deeper clicked less; the delay curve is learned from the clicks.
 *
 * What is to be covered is Σ p F(age) ÷ Σ u F(age) over the sends until now (`lift.ts`), p being true click rates, u usual ones and F the true distribution of
 * delays: E by the learned curve has an error that the intervals allow for.
 */
export function intervalCoverage(articles: number): Coverage {
  const random = randomNumbers(1)
  const delay = new ClickDelay()
  const shares = trueShares()
  let [sequence, normal, once, clicks] = [0, 0, 0, 0]
  for (let article = 0; article < articles; article++) {
    const begin = article * apart
    const level = Math.exp(0.7 + 0.6 * drawNormal(random))
    const outcomes = new SendOutcomes()
    const rounds: { sentAt: number; rates: number; usual: number }[] = []
    const clicked: { sentAt: number; at: number }[] = []
    let [sent, came, lift] = [0, 0, Number.POSITIVE_INFINITY]
    let [inSequence, inNormal, isCovered] = [true, true, true]
    for (let now = begin; now <= begin + watched; now += between) {
      if (now <= begin + sending && sent < most && (sent === 0 || lift >= target)) {
        const size = Math.min(most - sent, Math.ceil(Math.max(firstRound, sent * (growth - 1))))
        const usual = Float64Array.from({ length: size }, () => drawBeta(2, 2 / 0.0126, random))
        const round = { sentAt: now, rates: 0, usual: 0 }
        for (const ctr of usual) {
          const rate = Math.min(0.9, (ctr * level * 2) / (1 + sent++ / 1000))
          round.rates += rate
          round.usual += ctr
          if (random() < rate) clicked.push({ sentAt: now, at: now + drawDelay(random) })
        }
        rounds.push(round)
        outcomes.addSends(now, usual)
      }
      for (const click of clicked) {
        if (click.at > now || click.at <= now - between) continue
        outcomes.addClick(click.sentAt)
        delay.addClick(click.sentAt, click.at)
        came++
      }
      const estimate = outcomes.lift(now, delay.curve(now))
      lift = Number.isNaN(estimate.lift) ? lift : estimate.lift
      let [rates, usual] = [0, 0]
      for (const round of rounds) {
        rates += round.rates * shares[now - round.sentAt]!
        usual += round.usual * shares[now - round.sentAt]!
      }
      if (usual === 0) continue
      inSequence &&= has(estimate.sequence, rates / usual)
      isCovered = has(estimate.normal, rates / usual)
      inNormal &&= isCovered
    }
    // Those that come after the last look are learned from, too.
    for (const { sentAt, at } of clicked) if (at > begin + watched) delay.addClick(sentAt, at)
    sequence += Number(inSequence) / articles
    normal += Number(inNormal) / articles
    once += Number(isCovered) / articles
    clicks += came / articles
  }
  return { looks: watched / between + 1, sequence, normal, once, clicks }
}

function has([low, high]: Interval, value: number): boolean {
  return low <= value && value <= high
}

function drawDelay(random: () => number): number {
  for (;;) {
    const minutes = median * Math.exp(spread * drawNormal(random))
    if (minutes <= horizon) return minutes
  }
}

/** (minutes) The share of clicks that have come by each, of many that are drawn. */
function trueShares(): Float64Array {
  const random = randomNumbers(2)
  const shares = new Float64Array(horizon + 1)
  const draws = 4_000_000
  for (let draw = 0; draw < draws; draw++) shares[Math.ceil(drawDelay(random))]! += 1 / draws
  for (let minute = 1; minute <= horizon; minute++) shares[minute]! += shares[minute - 1]!
  return shares
}
