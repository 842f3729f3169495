import type { ArticleResult, Calibration, SelectCalibration } from './analysis.ts'
import { z95 } from './outcome-table.ts'

/** Expected CTRs are told apart by 1.4 %: bins of their logarithm from e^−14 to 1. */
const [bins, least] = [1000, -14]
const groups = 10

/** Expected against seen CTRs. */
export class CalibrationTable {
  readonly #sends = new Float64Array(bins)
  readonly #clicks = new Float64Array(bins)
  readonly #effective = new Float64Array(bins)
  readonly #expected = new Float64Array(bins)

  /** @param share F of the send's age: only so many of its clicks can have come. */
  add(expected: number, share: number, isClicked: boolean): void {
    if (!(expected >= 0 && expected <= 1)) return
    const bin = Math.max(0, Math.min(bins - 1, Math.floor((1 - Math.log(expected) / least) * bins)))
    this.#sends[bin]!++
    this.#clicks[bin]! += Number(isClicked)
    this.#effective[bin]! += share
    this.#expected[bin]! += expected * share
  }

  result(): Calibration {
    const total = this.#sum(0, bins)
    const deciles: Calibration['deciles'][number][] = []
    let [begin, before] = [0, 0]
    for (let bin = 0, sends = 0; bin < bins; bin++) {
      sends += this.#sends[bin]!
      // A bin is not split: a group ends with the bin that reaches its tenth.
      if (sends === before || (sends < ((deciles.length + 1) * total.sends) / groups && bin < bins - 1)) continue
      const group = this.#sum(begin, bin + 1)
      if (group.effective > 0) deciles.push(decileOf(group))
      ;[begin, before] = [bin + 1, sends]
    }
    const weight = deciles.reduce((sum, { sends }) => sum + sends, 0)
    const error = deciles.reduce((sum, { sends, expected, seen }) => sum + sends * Math.abs(expected - seen), 0)
    return {
      sends: total.sends,
      deciles,
      error: weight > 0 ? error / weight : null,
      ratio: total.expected > 0 ? total.clicks / total.expected : null,
    }
  }

  #sum(from: number, to: number): Sums {
    const of = (column: Float64Array) => column.subarray(from, to).reduce((sum, value) => sum + value, 0)
    return {
      sends: of(this.#sends),
      clicks: of(this.#clicks),
      effective: of(this.#effective),
      expected: of(this.#expected),
    }
  }
}

interface Sums {
  readonly sends: number
  readonly clicks: number
  readonly effective: number
  readonly expected: number
}

/** With Wilson's interval (1927). */
function decileOf({ sends, clicks, effective, expected }: Sums): Calibration['deciles'][number] {
  // Young sends may have more clicks than the curve lets expect.
  const n = Math.max(effective, clicks)
  const seen = clicks / n
  const centre = (clicks + z95 ** 2 / 2) / (n + z95 ** 2)
  const margin = (z95 / (n + z95 ** 2)) * Math.sqrt(n * seen * (1 - seen) + z95 ** 2 / 4)
  const interval = [Math.max(0, centre - margin), Math.min(1, centre + margin)] as const
  return { sends, clicks, expected: expected / effective, seen, interval }
}

/** @param refused articles that were not to be pushed. */
export function selectCalibration(articles: readonly ArticleResult[], refused: number): SelectCalibration {
  const known = articles.flatMap(({ expected, lift: { lift, normal } }) =>
    expected && lift !== null ? [{ expected, lift, normal }] : [],
  )
  const covered = known.filter(({ expected: { interval }, lift }) => lift >= interval[0] && lift <= interval[1])
  const compatible = known.filter(
    ({ expected: { interval }, normal: [low, high] }) => low <= interval[1] && (high ?? interval[0]) >= interval[0],
  )
  const logs = known.flatMap(({ expected, lift }) => {
    const log = Math.log(lift / expected.lift)
    return Number.isFinite(log) ? [log] : []
  })
  const share = (some: readonly unknown[]) => (known.length > 0 ? some.length / known.length : null)
  return {
    articles: known.length,
    refused,
    coverage: share(covered),
    compatible: share(compatible),
    ratio: logs.length > 0 ? Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length) : null,
    rankCorrelation: correlation(
      ranksOf(known.map(({ expected }) => expected.lift)),
      ranksOf(known.map(({ lift }) => lift)),
    ),
  }
}

/** The mean rank where values are the same. */
function ranksOf(values: readonly number[]): number[] {
  const order = [...values.keys()].sort((a, b) => values[a]! - values[b]!)
  const ranks = new Array<number>(values.length)
  for (let begin = 0; begin < order.length; ) {
    let end = begin + 1
    while (end < order.length && values[order[end]!] === values[order[begin]!]) end++
    for (const at of order.slice(begin, end)) ranks[at] = (begin + end - 1) / 2
    begin = end
  }
  return ranks
}

function correlation(a: readonly number[], b: readonly number[]): number | null {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [meanA, meanB] = [mean(a), mean(b)]
  let [product, squaresA, squaresB] = [0, 0, 0]
  for (let at = 0; at < a.length; at++) {
    const [x, y] = [a[at]! - meanA, b[at]! - meanB]
    product += x * y
    squaresA += x * x
    squaresB += y * y
  }
  const scale = Math.sqrt(squaresA * squaresB)
  return scale > 0 ? product / scale : null
}
