/**
 * Whether inactive users who will read an article are found by its first readers: of the brunch reads, which have no text. An article
 * is one with at least 5 readers in the hour of its first read; ranked are users who have read before, but not in the 7 days before
 * that hour, and not the article in it (all who read it in the 24 h after it, and an eighth of the others); right are those who read the article in the next 4 h, or 24 h. What is known of users is of
 * before that hour, factors are of before its fortnight. Fitted on weeks 12 to 15 since the first read of all (the click model from week 10 on);
 * features and their options were chosen by looking at weeks up to 17; the bars are of weeks 18 and 19.
 */
import type { PushArticle } from '../../src/push/data/article.ts'
import { PushUsers } from '../../src/push/data/users.ts'
import { updatedPosterior, widePosterior } from '../../src/push/prefer/blend/click-posterior.ts'
import { type FeatureName, featureCount, featureNames } from '../../src/push/prefer/features.ts'
import { PreferenceModel } from '../../src/push/prefer/preference-model.ts'
import type { PreferenceResponses } from '../../src/push/prefer/preference-types.ts'
import { sharedBitmap } from '../../src/search/bitmap.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { atLeast, type Bar } from '../support/bar.ts'
import { trainedUsersOf } from './brunch/factors.ts'
import { type BrunchReads, brunchReads, firstHour } from './brunch/reads.ts'
import type { LogBench, LogContext } from './log-bench.ts'
import { type ArticleRanks, aucOf, bootstrapRatios, type Estimate, precisionOf, ranksOf } from './ranks.ts'

const week = 168
const hour = 3_600_000
const [ctrFrom, fitFrom, validateFrom, testFrom] = [10 * week, 12 * week, 16 * week, 18 * week]
const leastReaders = 5
const windows = [4, 24] as const
const negativesOfArticle = 200
/** One in so many of those who do not read it is ranked: another part for each article. */
const sampledOf = 8
const depths = [100, 1000, 10_000] as const

/** Each alone, and what they are together. */
const components: readonly FeatureName[] = ['ctr', 'categoryShare', 'coReads', 'foldIn', 'classifier', 'centroid']
const activity: readonly FeatureName[] = ['recency', 'frequency', 'reads']
const ways = ['blend', ...components, 'activity'] as const

/** Ranks of the articles of a part, by way and window: among all who may get it, and among those of them who came at all. */
interface Judged {
  articles: number
  readonly all: Record<string, ArticleRanks[]>
  readonly came: Record<string, ArticleRanks[]>
}

export const runLog: LogBench = async context => {
  const reads = await brunchReads(context.folder)
  context.print({ users: reads.userIds.length, items: reads.itemIds.length, reads: reads.users.length })
  const replay = new Replay(reads, context)
  await replay.run()
  return replay.report()
}

class Replay {
  readonly #reads: BrunchReads
  readonly #context: LogContext
  readonly #users: PushUsers
  readonly #preference: PreferenceModel
  readonly #random = randomNumbers(7)
  /** What is learned of articles once their window is over. */
  readonly #pending: { readonly from: number; readonly responses: PreferenceResponses; readonly isBlend: boolean }[] =
    []
  #activityPosterior = widePosterior(activity.length + 1, 3)
  readonly #judged: Record<'validation' | 'test', Judged> = {
    validation: { articles: 0, all: {}, came: {} },
    test: { articles: 0, all: {}, came: {} },
  }
  #rankSeconds = 0

  constructor(reads: BrunchReads, context: LogContext) {
    this.#reads = reads
    this.#context = context
    this.#users = new PushUsers(reads.userIds.length)
    this.#preference = new PreferenceModel(this.#users, context.pool)
  }

  async run(): Promise<void> {
    const { end, bounds, users, items, itemIds, userIds } = this.#reads
    for (let at = 0; at < end - 24; at++) {
      if (at >= ctrFrom && at % (2 * week) === 0) {
        await this.#preference.setFactors(await trainedUsersOf(userIds, at + firstHour, this.#context))
        this.#setSegments()
        this.#context.print({
          week: at / week,
          seconds: performance.now() / 1000,
          secondsOfFeatures: this.#rankSeconds,
        })
      }
      if (at >= ctrFrom) {
        this.#learn(at)
        await this.#articles(at)
      }
      const time = (at + firstHour) * hour
      for (let read = bounds[at]!; read < bounds[at + 1]!; read++) {
        this.#preference.read(users[read]!, itemIds[items[read]!]!, time)
      }
    }
  }

  /** The articles that begin in this hour: state is of before it, its readers are known. */
  async #articles(at: number): Promise<void> {
    const early = this.#earlyReaders(at)
    if (early.size === 0) return
    const { lastVisits } = this.#preference.activity
    const latest = (at + firstHour - week) * hour
    const isInactive = (user: number) => lastVisits[user]! < latest && lastVisits[user]! > Number.NEGATIVE_INFINITY
    const { came, readers } = this.#later(at, early)
    const inactive: number[] = []
    const eligible = sharedBitmap(this.#users.size, false)
    for (let user = 0; user < this.#users.size; user++) {
      if (!isInactive(user)) continue
      inactive.push(user)
      eligible[user >>> 5]! |= 1 << (user & 31)
    }
    for (const [item, first] of early) {
      const later = new Map([...readers.get(item)!].filter(([user]) => isInactive(user) && !first.has(user)))
      const article: PushArticle = {
        id: this.#reads.itemIds[item]!,
        title: '',
        category: this.#reads.itemIds[item]!.split('_')[0]!,
        createdAt: (at + firstHour) * hour,
      }
      const asked = { article, first, later, came, inactive, eligible, now: (at + 1 + firstHour) * hour }
      if (at >= validateFrom) await this.#judge(asked, this.#judged[at < testFrom ? 'validation' : 'test'])
      else await this.#example(asked, at)
    }
  }

  #earlyReaders(at: number): Map<number, Set<number>> {
    const { bounds, users, items, begun } = this.#reads
    const early = new Map<number, Set<number>>()
    for (let read = bounds[at]!; read < bounds[at + 1]!; read++) {
      const item = items[read]!
      if (begun[item] !== at) continue
      early.set(item, (early.get(item) ?? new Set()).add(users[read]!))
    }
    return new Map([...early].filter(([, readers]) => readers.size >= leastReaders))
  }

  /** After how many hours each user came, of the next 24, and read each of the articles. */
  #later(at: number, early: ReadonlyMap<number, unknown>) {
    const { bounds, users, items, hours } = this.#reads
    const came = new Map<number, number>()
    const readers = new Map([...early.keys()].map(item => [item, new Map<number, number>()]))
    for (let read = bounds[at + 1]!; read < bounds[at + 25]!; read++) {
      const [user, age] = [users[read]!, hours[read]! - at]
      if (!came.has(user)) came.set(user, age)
      const ofItem = readers.get(items[read]!)
      if (ofItem && !ofItem.has(user)) ofItem.set(user, age)
    }
    return { came, readers }
  }

  async #example({ article, first, later, inactive, eligible, now }: Asked, at: number): Promise<void> {
    const positives = [...later].filter(([, age]) => age <= windows[0]).map(([user]) => user)
    if (positives.length === 0) return
    const users = [...positives]
    for (let draw = 0; draw < negativesOfArticle; draw++) {
      const user = inactive[Math.floor(this.#random() * inactive.length)]!
      if (!later.has(user) && !first.has(user)) users.push(user)
    }
    const rows = Uint32Array.from(users)
    const { values } = await this.#preference.featureValues(article, [...first], { users: rows, eligible, now })
    const clicked = Uint8Array.from(users, (_, row) => Number(row < positives.length))
    const responses = { article, at: now, users: rows, values, clicked }
    this.#pending.push({ from: at + 1 + windows[0], responses, isBlend: at >= fitFrom })
  }

  #learn(at: number): void {
    while (this.#pending.length > 0 && this.#pending[0]!.from <= at) {
      const { responses, isBlend } = this.#pending.shift()!
      if (!isBlend) {
        this.#preference.learnCtr(responses)
        continue
      }
      this.#preference.learnReads(responses)
      const rows = { values: columnsOf(responses.values, activity), clicked: responses.clicked }
      this.#activityPosterior = updatedPosterior(this.#activityPosterior, rows)
    }
  }

  async #judge({ article, first, later, came, inactive, eligible, now }: Asked, judged: Judged): Promise<void> {
    judged.articles++
    if (later.size === 0) return
    const others = inactive.filter(
      user => user % sampledOf === judged.articles % sampledOf && !later.has(user) && !first.has(user),
    )
    const users = Uint32Array.from([...later.keys(), ...others])
    const ages = [...later.values()]
    const begun = performance.now()
    const { values } = await this.#preference.featureValues(article, [...first], { users, eligible, now })
    this.#rankSeconds += (performance.now() - begun) / 1000
    const othersWhoCame = windows.map(window =>
      Uint32Array.from(others.keys())
        .filter(at => (came.get(others[at]!) ?? 25) <= window)
        .map(at => at + later.size),
    )
    for (const way of ways) {
      const scores = scoresOf(values, this.#coefficientsOf(way))
      const ofOthers = scores.subarray(later.size)
      windows.forEach((window, which) => {
        const readers = scores.subarray(0, later.size).filter((_, at) => ages[at]! <= window)
        if (readers.length === 0) return
        push(judged.all, `${way} ${window}`, ranksOf(readers, ofOthers))
        const who = othersWhoCame[which]!
        if (who.length > 0)
          push(
            judged.came,
            `${way} ${window}`,
            ranksOf(
              readers,
              Float32Array.from(who, at => scores[at]!),
            ),
          )
      })
    }
  }

  /** (features) Those whose sum ranks users in this way. */
  #coefficientsOf(way: (typeof ways)[number]): Float64Array {
    if (way === 'blend') return this.#preference.blend.coefficients
    const out = new Float64Array(featureCount)
    if (way !== 'activity') out[featureNames.indexOf(way)] = 1
    else
      for (const [at, name] of activity.entries())
        out[featureNames.indexOf(name)] = this.#activityPosterior.mean[at + 1]!
    return out
  }

  /** By how much users read. */
  #setSegments(): void {
    const { counts } = this.#preference.reads
    for (let user = 0; user < this.#users.size; user++) {
      this.#users.segments[user] = Math.min(15, Math.floor(Math.log2(1 + counts[user]!)))
    }
  }

  report(): Bar[] {
    const { print } = this.#context
    const { coefficients } = this.#preference.blend
    print({ coefficients: Object.fromEntries(featureNames.map((name, at) => [name, coefficients[at]!])) })
    const bars: Bar[] = []
    for (const [part, judged] of Object.entries(this.#judged)) {
      for (const window of windows) {
        const ofWays = (ranks: Record<string, ArticleRanks[]>) => ways.map(way => ranks[`${way} ${window}`] ?? [])
        const all = ofWays(judged.all)
        const { means, less } = bootstrapRatios(all.map(aucOf))
        const { means: came } = bootstrapRatios(ofWays(judged.came).map(aucOf))
        const readers = all[0]!.reduce((sum, { above }) => sum + above.length, 0)
        print({ part, window, articles: judged.articles, withReaders: all[0]!.length, readers })
        const precisions = depths.map(depth => {
          // Articles that nobody read count, too.
          const none = Array.from({ length: judged.articles - all[0]!.length }, () => ({ above: [], places: [] }))
          return bootstrapRatios(all.map(ranks => precisionOf([...ranks, ...none], depth, sampledOf))).means
        })
        ways.forEach((way, at) => {
          const precision = depths.map((depth, which) => [
            `precision@${depth} (%)`,
            shown(precisions[which]![at]!, 100),
          ])
          print({
            part,
            window,
            way,
            auc: shown(means[at]!),
            blendLess: shown(less[at]!),
            aucOfThoseWhoCame: shown(came[at]!),
            ...Object.fromEntries(precision),
          })
          if (part !== 'test' || at === 0) return
          bars.push(atLeast(`AUC of the blend less that of ${way}, ${window} h, lower bound`, less[at]!.interval[0], 0))
        })
      }
    }
    const articles = Object.values(this.#judged).reduce((sum, { all }) => sum + (all['blend 24']?.length ?? 0), 0)
    print({ articles, secondsOfFeatures: this.#rankSeconds, mibAtMost: process.resourceUsage().maxRSS / 1024 })
    return bars
  }
}

interface Asked {
  readonly article: PushArticle
  readonly first: ReadonlySet<number>
  /** After how many hours inactive users read it. */
  readonly later: ReadonlyMap<number, number>
  readonly came: ReadonlyMap<number, number>
  readonly inactive: readonly number[]
  readonly eligible: Uint32Array
  readonly now: number
}

/** (rows × (1 + names)) A 1, and those features. */
function columnsOf(values: Float32Array, names: readonly FeatureName[]): Float32Array {
  const places = names.map(name => featureNames.indexOf(name))
  const out = new Float32Array((values.length / featureCount) * (names.length + 1))
  for (let row = 0, cell = 0; row < values.length / featureCount; row++) {
    out[cell++] = 1
    for (const place of places) out[cell++] = values[row * featureCount + place]!
  }
  return out
}

function scoresOf(values: Float32Array, coefficients: Float64Array): Float32Array {
  const scores = new Float32Array(values.length / featureCount)
  coefficients.forEach((coefficient, feature) => {
    if (coefficient === 0) return
    for (let row = 0, cell = feature; row < scores.length; row++, cell += featureCount)
      scores[row]! += coefficient * values[cell]!
  })
  return scores
}

function push<Value>(lists: Record<string, Value[]>, name: string, value: Value): void {
  const list = lists[name]
  if (list) list.push(value)
  else lists[name] = [value]
}

function shown({ mean, interval }: Estimate, times = 1): readonly number[] {
  return [mean * times, interval[0] * times, interval[1] * times]
}
