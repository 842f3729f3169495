/**
 * The news impressions of the MIND sample, in order of time: what was shown to a reader, and which was clicked. Titles are known of few
 * of the news (3 % of what was shown, 4 % of what was read before), so that content says something of few impressions: it is judged by
 * those alone, too. Each way scores a pair by what was before; the blend is fitted on November 11 and 12, judged are 13 and 14. Ranked are the
 * news of an impression, and the readers of a news item: the latter is what a push needs.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  logitOf,
  type NormalPosterior,
  updatedPosterior,
  widePosterior,
} from '../../src/push/prefer/blend/click-posterior.ts'
import { ContentProfiles } from '../../src/push/prefer/components/content-profiles.ts'
import { CtrModel, type CtrRows, recencyOf } from '../../src/push/prefer/ctr/ctr-model.ts'
import { trainWords } from '../../src/words/train.ts'
import { WordVectors } from '../../src/words/word-vectors.ts'
import { fittedShrinkage } from './fitted-shrinkage.ts'
import type { LogBench, LogContext } from './log-bench.ts'
import { aucOf, bootstrapRatios, ranksOf } from './ranks.ts'
import { rowsOf } from './rows.ts'

const hour = 3_600_000
const [fitFrom, testFrom] = [Date.UTC(2019, 10, 11), Date.UTC(2019, 10, 13)]
const factors = 64
const ways = ['blend', 'popularity', 'ctr', 'ctrWithNews', 'coReads', 'content'] as const
type Way = (typeof ways)[number]
/** Those that tell readers apart. The popularity of one news item changes with time alone, and so does most of the blend. */
const ofReaders: readonly Way[] = ['coReads', 'ctr', 'content']
/** A news item that nobody was shown has the mean click rate, as if shown so often. */
const popularityPrior = 20

interface Impression {
  readonly reader: string
  readonly time: number
  readonly history: readonly string[]
  readonly shown: readonly { readonly news: string; readonly clicked: number }[]
}

interface Pair {
  readonly impression: number
  readonly news: string
  readonly clicked: number
  /** Whether the news item has a title, and the reader read one that has. */
  readonly hasContent: boolean
  readonly scores: Record<Way, number>
}

export const runLog: LogBench = async context => {
  const { print, folder } = context
  const impressions = await impressionsOf(folder)
  const titles = await titlesOf(folder)
  const vectors = await vectorsOf(titles, context)
  const replay = new Replay(vectors)
  const pairs = impressions.flatMap((impression, at) => replay.next(impression, at))
  const { fit, test } = replay.blended(pairs, impressions)
  print({
    impressions: impressions.length,
    pairs: pairs.length,
    titles: titles.size,
    fitted: fit,
    shrinkage: replay.shrinkage,
  })
  for (const [what, chosen] of [
    ['all', test],
    ['with titles', test.filter(({ hasContent }) => hasContent)],
  ] as const) {
    judge(
      chosen,
      ({ impression }) => String(impression),
      ways,
      line => print({ pairs: what, ranked: 'news of an impression', ...line }),
    )
    judge(
      chosen,
      ({ news }) => news,
      ofReaders,
      line => print({ pairs: what, ranked: 'readers of a news item', ...line }),
    )
  }
  return []
}

/** The AUC within each group that has clicks and others, with its interval over groups, and what the first way has more. */
function judge(
  pairs: readonly Pair[],
  keyOf: (pair: Pair) => string,
  judged: readonly Way[],
  print: (line: object) => void,
): void {
  const groups = [...Map.groupBy(pairs, keyOf).values()].filter(
    group => new Set(group.map(({ clicked }) => clicked)).size === 2,
  )
  if (groups.length === 0) return
  const ranks = judged.map(way => groups.map(group => ranksOf(scoresOf(group, way, 1), scoresOf(group, way, 0))))
  const { means, less } = bootstrapRatios(ranks.map(aucOf))
  const clicks = groups.reduce((sum, group) => sum + group.filter(({ clicked }) => clicked === 1).length, 0)
  judged.forEach((way, at) => {
    const shown = [means[at]!, less[at]!].map(({ mean, interval }) => [mean, ...interval])
    print({ groups: groups.length, clicks, way, auc: shown[0], ...(at > 0 && { [`${judged[0]}Less`]: shown[1] }) })
  })
}

function scoresOf(group: readonly Pair[], way: Way, clicked: number): number[] {
  return group.filter(pair => pair.clicked === clicked).map(({ scores }) => scores[way])
}

async function impressionsOf(folder: string): Promise<Impression[]> {
  const rows = await rowsOf<{ reader: string; time: number; history: string | null; shown: string }>(`
    SELECT column1 AS reader, column3 AS history, column4 AS shown,
           epoch(strptime(column2, '%m/%d/%Y %I:%M:%S %p')) * 1000 AS time
    FROM read_csv('${join(folder, 'behaviors.tsv')}', delim = '\\t', header = false, all_varchar = true, quote = '')
    ORDER BY time, column0`)
  return rows.map(({ reader, time, history, shown }) => ({
    reader,
    time: Number(time),
    history: history?.split(' ').filter(id => id !== '') ?? [],
    shown: shown.split(' ').map(entry => {
      const [news, clicked] = entry.split('-')
      return { news: news!, clicked: Number(clicked) }
    }),
  }))
}

interface News {
  readonly category: string
  readonly text: string
}

async function titlesOf(folder: string): Promise<Map<string, News>> {
  const rows = await rowsOf<{ id: string; category: string; text: string }>(`
    SELECT column0 AS id, column1 AS category, concat_ws('. ', column3, column4) AS text
    FROM read_csv('${join(folder, 'news.tsv')}', delim = '\\t', header = false, all_varchar = true, quote = '')`)
  return new Map(rows.map(({ id, category, text }) => [id, { category, text }]))
}

/** Vectors of the texts, by words of these and of the headlines beside them. */
async function vectorsOf(titles: ReadonlyMap<string, News>, { folder, pool }: LogContext) {
  const headlines = await rowsOf<{ link_name: string | null }>(
    `SELECT link_name FROM '${join(folder, '../fb-headlines/posts.parquet')}' ORDER BY status_id`,
  )
  const place = await mkdtemp(join(tmpdir(), 'aurochs-push-logs-'))
  try {
    const lines = [
      ...headlines.map(({ link_name }) => link_name ?? ''),
      ...[...titles.values()].map(({ text }) => text),
    ]
    await trainWords(lines, join(place, 'words'), { factors, epochs: 5 }, { pool })
    const words = WordVectors.open(join(place, 'words'))
    const vectors = new Map(
      [...titles].map(([id, { category, text }]) => [id, { category, vector: words.textVector(text) }]),
    )
    words.close()
    return vectors
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

class Replay {
  readonly #news: Awaited<ReturnType<typeof vectorsOf>>
  readonly #profiles = new ContentProfiles(factors)
  readonly #ctr = new CtrModel({ bits: 18, alpha: 0.1 })
  readonly #ctrWithNews = new CtrModel({
    bits: 20,
    alpha: 0.1,
    columns: ['user', 'news', 'segment', 'category', 'hour'],
    crosses: [
      ['news', 'segment'],
      ['news', 'hour'],
      ['user', 'category'],
    ],
  })
  readonly #readers = new Map<string, number>()
  readonly #categories = new Map<string, number>()
  readonly #numbers = new Map<string, number>()
  readonly #counts = new Map<string, { shown: number; clicks: number }>()
  readonly #histories = new Map<string, Set<string>>()
  readonly #lastVisits = new Map<string, number>()
  /** How many readers read each, and how many of the clickers of a news item read each. */
  readonly #readersOf = new Map<string, number>()
  readonly #common = new Map<string, Map<string, number>>()
  #all = { shown: 0, clicks: 0 }
  readonly #contentCounts: number[] = []

  constructor(news: Awaited<ReturnType<typeof vectorsOf>>) {
    this.#news = news
  }

  get shrinkage(): number {
    return this.#profiles.shrinkage
  }

  /** The pairs of an impression, scored by what was before it; then they are learned from. */
  next({ reader, time, history, shown }: Impression, impression: number): Pair[] {
    const row = numberOf(this.#readers, reader)
    this.#profiles.grow(Math.max(this.#profiles.counts.length, 2 ** Math.ceil(Math.log2(row + 1))))
    for (const id of history) this.#read(reader, row, id)
    const columns = this.#columns(
      reader,
      row,
      time,
      history,
      shown.map(({ news }) => news),
    )
    const ctr = this.#ctr.predict(columns)
    const ctrWithNews = this.#ctrWithNews.predict(columns)
    const pairs = shown.map(({ news, clicked }, at): Pair => {
      const content = this.#content(row, news)
      this.#contentCounts.push(this.#profiles.counts[row]!)
      const scores: Record<Way, number> = {
        blend: 0,
        popularity: this.#popularity(news),
        ctr: logit(ctr[at]!),
        ctrWithNews: logit(ctrWithNews[at]!),
        coReads: Math.log1p(10 * this.#coReads(reader, news)),
        content,
      }
      return { impression, news, clicked, hasContent: content !== 0, scores }
    })
    const clicked = Uint8Array.from(shown, pair => pair.clicked)
    const shares = new Float32Array(shown.length).fill(1)
    this.#ctr.learn(columns, { clicked, shares })
    this.#ctrWithNews.learn(columns, { clicked, shares })
    for (const pair of shown) this.#learn(reader, row, pair.news, pair.clicked)
    this.#lastVisits.set(reader, time)
    return pairs
  }

  /** Fits shrinkage and blend on the part before the test, and gives the test's pairs with their blend. */
  blended(pairs: readonly Pair[], impressions: readonly Impression[]) {
    const timeOf = ({ impression }: Pair) => impressions[impression]!.time
    const fit = pairs.filter(pair => timeOf(pair) >= fitFrom && timeOf(pair) < testFrom)
    const counts = this.#contentCounts
    const before = this.#profiles.shrinkage
    this.#profiles.shrinkage = fittedShrinkage({
      products: fit.map(({ scores }) => scores.content),
      counts: pairs.flatMap((pair, at) => (timeOf(pair) >= fitFrom && timeOf(pair) < testFrom ? [counts[at]!] : [])),
      labels: fit.map(({ clicked }) => clicked),
      shrinkage: before,
    })
    pairs.forEach(({ scores }, at) => {
      if (counts[at]! > 0) scores.content *= (counts[at]! + before) / (counts[at]! + this.#profiles.shrinkage)
    })
    const posterior: NormalPosterior = updatedPosterior(widePosterior(ways.length, 3), {
      values: blendValues(fit),
      clicked: Uint8Array.from(fit, ({ clicked }) => clicked),
    })
    const test = pairs.filter(pair => timeOf(pair) >= testFrom)
    const values = blendValues(test)
    for (const [at, { scores }] of test.entries()) scores.blend = logitOf(posterior.mean, values, at)
    return {
      test,
      fit: Object.fromEntries(['constant', ...ways.slice(1)].map((name, at) => [name, posterior.mean[at]!])),
    }
  }

  #columns(reader: string, row: number, time: number, history: readonly string[], shown: readonly string[]): CtrRows {
    const last = this.#lastVisits.get(reader)
    return {
      rows: shown.length,
      columns: {
        user: row,
        segment: Math.floor(Math.log2(1 + history.length)),
        category: Uint32Array.from(shown, id => numberOf(this.#categories, this.#news.get(id)?.category ?? '')),
        hour: new Date(time).getUTCHours(),
        recency: last === undefined ? 15 : recencyOf((time - last) / hour),
        news: Uint32Array.from(shown, id => numberOf(this.#numbers, id)),
      },
    }
  }

  #content(row: number, id: string): number {
    const news = this.#news.get(id)
    if (!news) return 0
    const { data, stride } = this.#profiles
    return this.#profiles.centred(news.vector).reduce((sum, value, k) => sum + value * data[row * stride + k]!, 0)
  }

  #popularity(id: string): number {
    const { shown, clicks } = this.#counts.get(id) ?? { shown: 0, clicks: 0 }
    const mean = (this.#all.clicks + 1) / (this.#all.shown + 25)
    return Math.log((clicks + popularityPrior * mean) / (shown + popularityPrior))
  }

  /** A mean over clickers, whose number grows with time. */
  #coReads(reader: string, id: string): number {
    const { clicks } = this.#counts.get(id) ?? { clicks: 0 }
    const common = this.#common.get(id)
    if (!common) return 0
    let sum = 0
    for (const item of this.#histories.get(reader) ?? []) {
      sum += (common.get(item) ?? 0) / (clicks * Math.sqrt(this.#readersOf.get(item)! + 10))
    }
    return sum
  }

  #learn(reader: string, row: number, id: string, clicked: number): void {
    const counts = this.#counts.get(id) ?? { shown: 0, clicks: 0 }
    this.#counts.set(id, { shown: counts.shown + 1, clicks: counts.clicks + clicked })
    this.#all = { shown: this.#all.shown + 1, clicks: this.#all.clicks + clicked }
    if (clicked === 0) return
    const common = this.#common.get(id) ?? new Map<string, number>()
    for (const item of this.#histories.get(reader) ?? []) common.set(item, (common.get(item) ?? 0) + 1)
    this.#common.set(id, common)
    this.#read(reader, row, id)
  }

  #read(reader: string, row: number, id: string): void {
    const history = this.#histories.get(reader) ?? new Set()
    this.#histories.set(reader, history)
    if (history.has(id)) return
    history.add(id)
    this.#readersOf.set(id, (this.#readersOf.get(id) ?? 0) + 1)
    const news = this.#news.get(id)
    if (news) this.#profiles.read(row, news.vector)
  }
}

/** (pairs × ways) A 1 in place of the blend. */
function blendValues(pairs: readonly Pair[]): Float32Array {
  return Float32Array.from(pairs.flatMap(({ scores }) => ways.map(way => (way === 'blend' ? 1 : scores[way]))))
}

function numberOf(numbers: Map<string, number>, id: string): number {
  const number = numbers.get(id) ?? numbers.size
  numbers.set(id, number)
  return number
}

function logit(p: number): number {
  return Math.log(p / (1 - p))
}
