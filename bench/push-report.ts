/** How long millions of sends take to be analysed, beside a plain pass over their columns: seeded, two weeks, of which one day is still open. */
import { analyse } from '../src/push/analyse/analyse.ts'
import type { PushAnalysis } from '../src/push/analyse/analysis.ts'
import type { AnalysisInput, SendColumns } from '../src/push/analyse/input.ts'
import { sendStates } from '../src/push/send/send.ts'
import { randomNumbers } from '../src/storage/random.ts'
import { atMost, type Bar, type BenchOptions } from './support/bar.ts'
import { median } from './support/numbers.ts'
import { printer } from './support/print.ts'

const sends = 5_000_000
const users = 5_000_000
const articles = 2800
const heldOut = 250_000
const visits = 2_000_000
const batch = 100_000
const day = 86_400_000
const now = Date.UTC(2026, 0, 19)
const runs = 3

export async function run({ json }: BenchOptions): Promise<Bar[]> {
  const print = printer(json)
  const input = inputOf()
  const [plain, analysed, processor]: [number[], number[], number[]] = [[], [], []]
  let analysis: PushAnalysis | undefined
  for (let at = 0; at < runs; at++) {
    plain.push(await seconds(async () => sumOf(input.sends as readonly SendColumns[])))
    const before = process.cpuUsage()
    analysed.push(
      await seconds(async () => {
        analysis = await analyse(input)
      }),
    )
    const { user, system } = process.cpuUsage(before)
    processor.push((user + system) / 1e6)
  }
  const [pass, whole, busy] = [median(plain), median(analysed), median(processor)]
  const { total, violations } = analysis!
  print({ sends: total.sends, clicks: total.clicks, articles, heldOut, visits, violations: violations.count })
  print({
    seconds: whole,
    'of processors': busy,
    'plain pass': pass,
    ratio: whole / pass,
    'million sends a second': sends / 1e6 / whole,
  })
  return [atMost(`seconds to analyse ${sends.toLocaleString('en')} sends`, whole, 15)]
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const begun = performance.now()
  await work()
  return (performance.now() - begun) / 1000
}

/** Reads each column once. */
function sumOf(batches: readonly SendColumns[]): void {
  let sum = 0
  for (const columns of batches) {
    for (let at = 0; at < columns.users.length; at++) {
      sum += columns.users[at]! + columns.articles[at]! + columns.segments[at]! + columns.titles[at]!
      sum += columns.rounds[at]! + columns.ranks[at]! + columns.usualCtrs[at]! + columns.expectedCtrs[at]!
      sum += columns.sentAt[at]! + columns.states[at]! + Number(columns.clickedAt[at]! >= 0)
      sum += Number(columns.optedOutAt[at]! >= 0)
    }
  }
  if (!Number.isFinite(sum)) throw new Error(`expected a finite sum of the columns, got ${sum}`)
}

function inputOf(): AnalysisInput {
  const random = randomNumbers(1)
  const below = (limit: number) => Math.floor(random() * limit)
  const timeOf = (article: number) => now - 14 * day + ((article + random()) / articles) * 14 * day
  const batches = Array.from({ length: sends / batch }, (_, at) => {
    const column = <A>(
      kind: { from(of: { length: number }, value: (_: unknown, at: number) => number): A },
      value: (at: number) => number,
    ) => kind.from({ length: batch }, (_, row) => value(row))
    // In order of time, as they are sent.
    const sentArticles = column(Uint32Array, row => Math.floor(((at * batch + row) / sends) * articles))
    const sentAt = column(Float64Array, row => timeOf(sentArticles[row]!))
    const usualCtrs = column(Float32Array, () => 0.006 + 0.02 * random() ** 2)
    const ranks = column(Uint32Array, () => below(20_000))
    const expectedCtrs = column(Float32Array, row => usualCtrs[row]! * (1 + 3 / (1 + ranks[row]! / 2000)))
    return {
      users: column(Uint32Array, () => below(users)),
      articles: sentArticles,
      segments: column(Uint8Array, () => below(8)),
      titles: column(Uint8Array, () => below(4)),
      rounds: column(Uint16Array, row => Math.floor(Math.log2(1 + ranks[row]! / 500))),
      ranks,
      usualCtrs,
      expectedCtrs,
      sentAt,
      states: column(Uint8Array, () => sendStates.indexOf('delivered')),
      clickedAt: column(Float64Array, row =>
        random() < expectedCtrs[row]!
          ? sentAt[row]! + 60_000 * Math.exp(3 + 1.2 * (random() + random() + random() - 1.5) * 2)
          : Number.NaN,
      ),
      optedOutAt: column(Float64Array, row => (random() < 0.001 ? sentAt[row]! + day * random() : Number.NaN)),
    }
  })
  const heldArticles = Uint32Array.from({ length: heldOut }, () => below(articles))
  return {
    from: now - 14 * day,
    now,
    zone: 'Asia/Seoul',
    articles: Array.from({ length: articles }, (_, at) => ({
      id: `article-${at}`,
      titles: ['One', 'Two', 'Three', 'Four'],
      createdAt: timeOf(at) - 1_800_000,
      target: 2.4,
    })),
    segments: Array.from({ length: 8 }, (_, at) => `segment ${at}`),
    sends: batches,
    holdOuts: [
      {
        users: Uint32Array.from({ length: heldOut }, () => below(users)),
        articles: heldArticles,
        times: Float64Array.from(heldArticles, timeOf),
        segments: Uint8Array.from({ length: heldOut }, () => below(8)),
        ranks: Uint32Array.from({ length: heldOut }, () => below(20_000)),
      },
    ],
    visits: [
      {
        users: Uint32Array.from({ length: visits }, () => below(users)),
        times: Float64Array.from({ length: visits }, () => now - 14 * day * random()),
      },
    ],
  }
}
