/**
 * What the loop of content push brings in simulated worlds of 100,000 users over 28 days, beside simple policies, the loop without each of its parts, and an oracle
 * that knows all click rates; how often intervals of lift cover the truth; and how long a day takes with a million users.
 *
 * `--seeds N` worlds (20), `--users N`, `--days N` of them. `--million` runs the million alone, `--coverage` the intervals alone; without either all three run, the
 * million last. On 2 cores that do nothing else it takes some 50 minutes, of which the worlds take most.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { Pool } from '../src/parallel/pool.ts'
import { comparePolicies, type Gain, type Mean, type PolicyComparison } from '../src/push/simulate/compare/compare.ts'
import { baselineName, boundName, loopName, policies } from '../src/push/simulate/compare/policies.ts'
import { runPolicies } from '../src/push/simulate/compare/runs.ts'
import { worldParameters } from '../src/push/simulate/parameters.ts'
import { intervalCoverage } from './push/coverage.ts'
import { millionUsers } from './push/million.ts'
import { atLeast, atMost, type Bar, type Bench } from './support/bar.ts'
import { positiveInteger } from './support/options.ts'
import { printer } from './support/print.ts'

/** Of the mean lift of the sends, and of the gain in the last week beside the oracle's. */
const [lift, share] = [2.4, 0.7]
const articles = 4000
const minutesADay = 10
/** Seconds between two lines on standard error that say how far it is. */
const told = 30

export const run: Bench = async ({ json, rest }) => {
  const { values } = parseArgs({
    args: [...rest],
    options: {
      seeds: { type: 'string', default: '20' },
      users: { type: 'string', default: String(worldParameters.users) },
      days: { type: 'string', default: String(worldParameters.days) },
      million: { type: 'boolean', default: false },
      coverage: { type: 'boolean', default: false },
    },
  })
  const [seeds, users, days] = (['seeds', 'users', 'days'] as const).map(name => positiveInteger(name, values[name]))
  const print = printer(json)
  const all = !values.million && !values.coverage
  const bars: Bar[] = []
  if (all) bars.push(...(await comparison({ seeds: seeds!, users: users!, days: days! }, print)))
  if (all || values.coverage) bars.push(...coverage(print))
  if (all || values.million) bars.push(...(await million(print)))
  return bars
}

type Print = (line: object) => void

async function comparison(
  { seeds, users, days }: { readonly seeds: number; readonly users: number; readonly days: number },
  print: Print,
): Promise<Bar[]> {
  const pool = new Pool()
  const begun = performance.now()
  const runs = await runPolicies({
    policies: policies.map(({ name }) => name),
    seeds: Array.from({ length: seeds }, (_, at) => at + 1),
    parameters: Object.assign({}, worldParameters, { users, days }),
    pool,
    onProgress: progressLines(),
  }).finally(() => pool.close())
  const compared = comparePolicies(runs)
  const minutes = (performance.now() - begun) / 60_000
  print({ worlds: seeds, users, days, policies: policies.length, cores: availableParallelism(), minutes })
  for (const summary of compared.policies) {
    print({
      policy: summary.policy,
      'gain of all days': written(summary.gain.allDays),
      'of the last week': written(summary.gain.lastWeek),
      "share of the oracle's": written(summary.share!.allDays, 3),
      'in the last week': written(summary.share!.lastWeek, 3),
      lift: summary.lift ? written(summary.lift, 2) : '–',
      sends: Math.round(summary.sends),
      clicks: Math.round(summary.clicks),
      'opt-outs': Math.round(summary.optOuts),
      violations: summary.violations,
      seconds: summary.seconds,
    })
  }
  for (const { than, gain } of compared.differences) print({ 'the loop less': than, ...gainLine(gain) })
  print({ 're-sending brings': 'weekly active users', ...gainLine(compared.resending!) })
  return barsOf(compared)
}

function gainLine({ allDays, lastWeek }: Gain): object {
  return { 'all days': written(allDays), 'last week': written(lastWeek) }
}

/** Figures are means over worlds, ± the half of the 95 % interval by Student's t. */
function written({ mean, interval }: Mean, digits = 1): string {
  return interval ? `${mean.toFixed(digits)} ± ${(interval[1] - mean).toFixed(digits)}` : mean.toFixed(digits)
}

function barsOf({ policies: summaries, differences }: PolicyComparison): Bar[] {
  const loop = summaries.find(({ policy }) => policy === loopName)!
  const rivals = differences.filter(({ than }) => than !== boundName && than !== baselineName)
  const nearest = rivals.reduce((a, b) => (b.gain.lastWeek.mean < a.gain.lastWeek.mean ? b : a))
  const violations = summaries.reduce((sum, summary) => sum + summary.violations, 0)
  return [
    atLeast(`gain of the loop in the last week less the next highest, ${nearest.than}`, nearest.gain.lastWeek.mean, 0),
    atLeast("share of the oracle's gain in the last week", loop.share!.lastWeek.mean, share),
    atLeast('lift of the sends of the loop', loop.lift?.mean ?? 0, lift),
    atMost('pushes to users who had one within seven days, of any policy', violations, 0),
  ]
}

function coverage(print: Print): Bar[] {
  const { looks, sequence, normal, once, clicks } = intervalCoverage(articles)
  print({
    articles,
    looks,
    'mean clicks': clicks,
    'always-valid interval covers at all looks': sequence,
    'fixed interval': normal,
    'fixed interval at the last look alone': once,
  })
  return [atLeast('share of articles whose lift the always-valid interval covers at all looks', sequence, 0.95)]
}

async function million(print: Print): Promise<Bar[]> {
  const { days, peak, sends } = await millionUsers()
  const slowest = Math.max(...days.map(({ loop, world }) => loop + world))
  print({
    users: 1_000_000,
    sends,
    'seconds of the loop by day': days.map(({ loop }) => loop),
    'of the world': days.map(({ world }) => world),
    'peak GiB': peak / 2 ** 30,
  })
  return [atMost('minutes of the slowest day with a million users, world included', slowest / 60, minutesADay)]
}

/** Says on standard error how far it is, and how long it takes yet. */
function progressLines(): (done: number) => void {
  const begun = performance.now()
  let last = begun
  return done => {
    const now = performance.now()
    if (now - last < told * 1000 || done === 0) return
    last = now
    const left = ((now - begun) / 60_000) * (1 / done - 1)
    process.stderr.write(`${Math.floor(100 * done)} % of the simulated days, ${left.toFixed(1)} min left\n`)
  }
}
