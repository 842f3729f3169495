import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { z } from 'zod'
import { Pool } from '../../parallel/pool.ts'
import { analyse } from '../../push/analyse/analyse.ts'
import { writeReport } from '../../push/analyse/report/write.ts'
import { comparePolicies, type Gain, type Mean, type PolicyComparison } from '../../push/simulate/compare/compare.ts'
import { baselineName, loopName, policies, policyNamed } from '../../push/simulate/compare/policies.ts'
import { runPolicies } from '../../push/simulate/compare/runs.ts'
import { type WorldParameters, worldParameters } from '../../push/simulate/parameters.ts'
import { recordLoop } from '../../push/simulate/recording/record-loop.ts'
import { asUsage, parseOptions, several, text, wholeNumber } from '../command.ts'
import { interruptible } from '../terminal/interrupt.ts'
import { ProgressBar } from '../terminal/progress.ts'
import { table } from '../terminal/table.ts'

const Options = z.object({
  seeds: wholeNumber(1, 1000).default(3),
  users: wholeNumber(100, 10_000_000).default(20_000),
  days: wholeNumber(1, 365).default(14),
  articles: wholeNumber(1, 10_000).default(worldParameters.articles),
  policy: z.array(text('the name of a policy')).default(policies.map(({ name }) => name)),
  json: text('a file').optional(),
  report: text('a file').optional(),
  threads: wholeNumber(1, 1024).optional(),
})

const notes = `
In a simulated world users come and read by themselves, and more of them when something is pushed to them that they like. Each policy decides
in the same worlds, one for each seed, what is pushed to whom; nobody may get two pushes within seven days. NAME is one of:

${table(policies.map(({ name, note }) => [`  ${name}`, note]))}
The gain is how many users more than without pushes were active in the week before the end of a day, on the mean over all days and over the
last seven; “of the oracle” is the share of what the policy named oracle gains, which knows all click rates. ± are the halves of 95 % intervals by Student's t over the seeds.
`

/** `aurochs push simulate`: policies in simulated worlds. */
export function registerSimulate(push: Command): void {
  push
    .command('simulate')
    .description('what policies of pushing bring in simulated worlds')
    .option('--seeds <n>', 'worlds (default: 3)')
    .option('--users <n>', 'users of a world (default: 20,000)')
    .option('--days <n>', 'days of a world (default: 14)')
    .option('--articles <n>', `articles a day (default: ${worldParameters.articles})`)
    .option('--policy <name>', 'a policy to run; may be repeated (default: all)', several)
    .option('--json <file>', 'write all figures as JSON')
    .option('--report <file>', 'write a page on what the whole loop did in the first world')
    .option('--threads <n>', 'worlds that are simulated at once (default: as many as the machine runs at once)')
    .addHelpText('after', notes)
    .action(runSimulate)
}

async function runSimulate(given: unknown): Promise<void> {
  const { seeds, policy, json, report, threads, ...size } = parseOptions(Options, given)
  const chosen = new Set([baselineName, ...asUsage(() => policy.map(name => policyNamed(name).name))])
  const parameters: WorldParameters = Object.assign({}, worldParameters, size)
  const bar = new ProgressBar()
  const pool = new Pool(threads === undefined ? {} : { threads })
  const { comparison, analysis } = await interruptible(async signal => {
    try {
      const runs = await runPolicies({
        policies: policies.map(({ name }) => name).filter(name => chosen.has(name)),
        seeds: Array.from({ length: seeds }, (_, at) => at + 1),
        parameters,
        pool,
        signal,
        onProgress: done => bar.show('simulating', done),
      })
      if (report === undefined) return { comparison: comparePolicies(runs) }
      const baseline = runs.find(({ policy, seed }) => policy === baselineName && seed === 1)!.result
      const onDay = (day: number) => bar.show('recording the loop', day / parameters.days)
      const input = await recordLoop({ seed: 1, parameters, baseline, signal, onDay })
      return { comparison: comparePolicies(runs), analysis: await analyse(input) }
    } finally {
      bar.stop()
      await pool.close()
    }
  })
  process.stdout.write(inWords(comparison, parameters))
  if (json !== undefined) {
    const { users, days, articles } = parameters
    await writeFile(json, `${JSON.stringify({ users, days, articles, ...comparison }, null, 2)}\n`)
    process.stdout.write(`${json}\n`)
  }
  if (analysis) {
    await writeReport(analysis, { html: report })
    process.stdout.write(`${report}\n`)
  }
}

/** The tables of the terminal. */
function inWords({ seeds, policies, differences, resending }: PolicyComparison, size: WorldParameters): string {
  const count = (number: number) => Math.round(number).toLocaleString('en')
  const signed = (number: number) => `${number > 0 ? '+' : ''}${count(number)}`
  const percent = (share: number) => `${Math.round(100 * share)} %`
  const times = (lift: number) => lift.toFixed(2)
  const rows = policies.map(({ policy, gain, share, lift, sends, clicks, optOuts, violations }) => [
    policy,
    ...cells(gain, signed),
    ...(share ? cells(share, percent) : []),
    lift ? withInterval(lift, times) : '–',
    count(sends),
    count(clicks),
    count(optOuts),
    count(violations),
  ])
  const shares = policies[0]!.share ? ['of the oracle', 'last week'] : []
  const names = ['', 'gain', 'last week', ...shares, 'lift', 'sends', 'clicks', 'opt-outs', 'too soon']
  const { users, days, articles } = size
  const worlds = `${count(users)} users, ${count(articles)} articles a day, ${count(days)} days, ${seeds.length === 1 ? '1 world' : `${seeds.length} worlds`}`
  const parts = [`${worlds}; gains in weekly active users\n\n${table([names, ...rows])}`]
  if (differences.length > 1) {
    const less = differences.map(({ than, gain }) => [`less ${than}`, ...cells(gain, signed)])
    parts.push(table([[`gain of ${loopName}`, 'all days', 'last week'], ...less]))
  }
  if (resending) {
    const [all, last] = cells(resending, signed)
    parts.push(`Sending in rounds brings ${all} weekly active users over all days, ${last} in the last week.\n`)
  }
  return parts.join('\n')
}

function cells({ allDays, lastWeek }: Gain, format: (value: number) => string): [string, string] {
  return [withInterval(allDays, format), withInterval(lastWeek, format)]
}

/** The intervals lie evenly around their means. */
function withInterval({ mean, interval }: Mean, format: (value: number) => string): string {
  if (!Number.isFinite(mean)) return '–'
  const margin = interval ? format(interval[1] - mean).replace(/^[+]/, '') : '0'
  return /^0( %)?$/.test(margin) ? format(mean) : `${format(mean)} ± ${margin}`
}
