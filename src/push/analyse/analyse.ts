import { sendStates } from '../send/send.ts'
import type { DelayCurve } from '../statistics/click-delay.ts'
import type { BetaPrior } from '../statistics/usual-ctr.ts'
import type { ArticleResult, Outcome, PushAnalysis, TitleResult, Violation } from './analysis.ts'
import { probabilitiesBest } from './best-title.ts'
import { selectCalibration } from './calibration.ts'
import { bandCount, rangeOf } from './depth-bands.ts'
import { Effects } from './effects.ts'
import type { AnalysedArticle, AnalysisInput, Batches } from './input.ts'
import { Tally, week } from './tally.ts'

/** Violations that are shown. */
const mostExamples = 20
/** Prices that are kept of those over time. */
const mostPrices = 1000
/** Sends that what is known of titles beforehand weighs as much as. */
const priorStrength = 50

/**
 * What came of pushes: sums, lifts, what they brought against those held out, and whether what was expected came.
 *
 * Costs O(sends + visits · pushes to each user + sends · log): 45 bytes a send that went out, 72 more one whose clicks may still come.
 *
 * @throws RangeError when `now` is before `from`, or the zone is unknown.
 */
export async function analyse(input: AnalysisInput): Promise<PushAnalysis> {
  const { from, now, zone = 'UTC', window = week, interval = week, articles, segments } = input
  if (!(from <= now)) throw new RangeError(`now must not be before from, ${from}, got ${now}`)
  const tally = new Tally(input)
  await forEachBatch(input.sends, batch => tally.addSends(batch))
  await forEachBatch(input.holdOuts ?? [], batch => tally.addHoldOuts(batch))
  const curve = tally.close()
  const { follow } = tally
  follow.sort({ window, now })
  await forEachBatch(input.visits ?? [], batch => follow.addVisits(batch, { window, now }))
  const effects = input.visits === undefined ? undefined : new Effects(tally, articles.length, segments.length)
  const minutes = now / 60_000
  const [first, later] = [0, 1].map(group => tally.resending.outcome(group, minutes, curve))
  const clicks = tally.total.clicksOf(0)
  // Clicks of young sends may be more than the curve lets expect.
  const effective = Math.max(tally.total.effectiveSends(0, minutes, curve), clicks)
  const titlePrior: BetaPrior = {
    mean: (clicks + 0.5) / (effective + priorStrength),
    strength: priorStrength,
  }
  const results = articles.flatMap((article, at) =>
    tally.articles.sendsOf(at) === 0
      ? []
      : [articleResult(article, at, { tally, minutes, curve, titlePrior, effect: effects?.article(at) })],
  )
  return {
    version: 1,
    from,
    now,
    zone,
    window,
    total: withEffect(tally.total.outcome(0, minutes, curve), effects?.all(['first', 'later'])),
    states: Object.fromEntries(sendStates.map(state => [state, tally.countOf(state)])) as PushAnalysis['states'],
    otherClicks: tally.otherClicks,
    invalid: tally.invalid,
    shareSeen: tally.total.shareSeen(0),
    shareFollowed: follow.shareFollowed({ window, now }),
    heldOutPushed: follow.heldOutPushed({ window, now }),
    articleCount: results.length,
    articles: results,
    segments: segments.flatMap((segment, at) => {
      if (tally.segments.sendsOf(at) === 0) return []
      const outcome = withEffect(tally.segments.outcome(at, minutes, curve), effects?.segment(at))
      return [Object.assign({ segment }, outcome)]
    }),
    depths: Array.from({ length: bandCount }, (_, band) => band).flatMap(band => {
      if (tally.bands.sendsOf(band) === 0) return []
      const outcome = withEffect(tally.bands.outcome(band, minutes, curve), effects?.band(band))
      return [Object.assign(rangeOf(band), outcome)]
    }),
    rounds: Array.from({ length: tally.rounds.groups }, (_, round) => round).flatMap(round =>
      tally.rounds.sendsOf(round) === 0 ? [] : [Object.assign({ round }, tally.rounds.outcome(round, minutes, curve))],
    ),
    resending: {
      first: withEffect(first!, effects?.all(['first'])),
      later: withEffect(later!, effects?.all(['later'])),
    },
    calibration: tally.calibration.result(),
    select: selectCalibration(results, articles.filter(({ decision }) => decision?.isPushed === false).length),
    violations: violationsOf(tally, articles, { from, interval }),
    hours: Array.from({ length: 24 }, (_, hour) => ({
      sends: tally.hours.sendsOf(hour),
      clicks: tally.hours.clicksOf(hour),
    })),
    delays: tally.ends.map((end, at) => ({ minutes: end, clicks: tally.delays[at]!, share: curve.share(end) })),
    weeklyActive: weeklyActiveOf(input.weeklyActive),
    prices: pricesOf(input.prices),
  }
}

async function forEachBatch<Columns>(batches: Batches<Columns>, add: (batch: Columns) => void): Promise<void> {
  for await (const batch of batches) add(batch)
}

function withEffect(outcome: Outcome, effect: Outcome['effect']): Outcome {
  return effect ? Object.assign({}, outcome, { effect }) : outcome
}

interface Context {
  readonly tally: Tally
  readonly minutes: number
  readonly curve: DelayCurve
  readonly titlePrior: BetaPrior
  readonly effect: Outcome['effect']
}

function articleResult(article: AnalysedArticle, at: number, context: Context): ArticleResult {
  const { tally, minutes, curve } = context
  const { id, category, createdAt, target, decision, stopped } = article
  const titles = titleResults(article, at, context)
  const most = titles.reduce((most, title) => (title.sends > most.sends ? title : most))
  return {
    id,
    title: most.title,
    category: category ?? null,
    createdAt,
    firstSent: tally.firstSent[at]!,
    lastSent: tally.lastSent[at]!,
    target: target ?? null,
    expected: decision ? { lift: decision.lift, interval: decision.interval } : null,
    rounds: tally.roundsOf[at]!,
    stopped: stopped ?? null,
    titles,
    ...withEffect(tally.articles.outcome(at, minutes, curve), context.effect),
  }
}

function titleResults({ titles }: AnalysedArticle, at: number, context: Context): TitleResult[] {
  const { tally, minutes, curve, titlePrior } = context
  const begin = tally.firstTitles[at]!
  const posteriors = titles.map((_, title) => {
    const clicks = tally.titles.clicksOf(begin + title)
    // Clicks of young sends may be more than the curve lets expect.
    const sends = Math.max(tally.titles.effectiveSends(begin + title, minutes, curve), clicks)
    const strength = titlePrior.strength + sends
    return { mean: (titlePrior.strength * titlePrior.mean + clicks) / strength, strength }
  })
  const best = probabilitiesBest(posteriors)
  return titles.map((title, place) =>
    Object.assign({ title, probabilityBest: best[place]! }, tally.titles.outcome(begin + place, minutes, curve)),
  )
}

function violationsOf(
  { follow }: Tally,
  articles: readonly AnalysedArticle[],
  { from, interval }: { readonly from: number; readonly interval: number },
): PushAnalysis['violations'] {
  const examples: Violation[] = []
  let count = 0
  for (const [earlier, later] of follow.pairsWithin(interval)) {
    if (follow.times[later]! < from) continue
    count++
    if (examples.length === mostExamples) continue
    const idOf = (at: number) => articles[follow.articles[at]!]!.id
    examples.push({
      user: follow.users[later]!,
      articles: [idOf(earlier), idOf(later)],
      times: [follow.times[earlier]!, follow.times[later]!],
    })
  }
  return { count, examples }
}

function weeklyActiveOf(given: AnalysisInput['weeklyActive']): PushAnalysis['weeklyActive'] {
  if (!given) return []
  const { times, users, baseline } = given
  return Array.from({ length: times.length }, (_, at) => ({
    time: times[at]!,
    users: users[at]!,
    baseline: baseline?.[at] ?? null,
  }))
}

/** Evenly spaced ones, where there are many. */
function pricesOf(given: AnalysisInput['prices']): PushAnalysis['prices'] {
  if (!given) return []
  const { times, prices } = given
  const length = Math.min(times.length, mostPrices)
  return Array.from({ length }, (_, place) => {
    const at = Math.floor((place * times.length) / length)
    return { time: times[at]!, price: prices[at]! }
  })
}
