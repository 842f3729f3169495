import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Command } from 'commander'
import { z } from 'zod'
import { limits } from '../../protocol/limits.ts'
import type { PushAnalysis } from '../../push/analyse/analysis.ts'
import { aboveTarget, capInWords, resultInWords } from '../../push/analyse/report/summary.ts'
import { writeReport } from '../../push/analyse/report/write.ts'
import { analyseStored } from '../../push/analyse/stored/stored-pushes.ts'
import { isTimeZone } from '../../push/data/local-time.ts'
import { asGiven } from '../../storage/expectation.ts'
import { parseOptions, text, UsageError, wholeNumber } from '../command.ts'
import { callServer } from '../server/server-call.ts'
import { assertOnePlace, at, place } from './place.ts'

const Options = z.object({
  ...place,
  out: text('a file').optional(),
  json: text('a file').optional(),
  days: wholeNumber(1, 3650).default(28),
  zone: z
    .string()
    .refine(isTimeZone, { error: ({ input }) => `must be a time zone such as Asia/Seoul, got ${asGiven(input)}` })
    .optional(),
})

/** `aurochs push report`: what came of pushes. */
export function registerReport(push: Command): void {
  at(push.command('report').description('what came of pushes, as a page and as JSON; a server may run meanwhile'))
    .option('--out <file>', 'write a page of its own, HTML that nothing has to be loaded for')
    .option('--json <file>', 'write all figures as JSON')
    .option('--days <number>', 'of so many days until now (default: 28)')
    .option('--zone <zone>', 'with --state: time zone of hours and days, as Asia/Seoul (default: that of this machine)')
    .action(runReport)
}

async function runReport(given: unknown): Promise<void> {
  const options = parseOptions(Options, given)
  const { out, json } = options
  assertOnePlace(options)
  for (const [option, file] of [
    ['--out', out],
    ['--json', json],
  ] as const) {
    if (file === undefined || existsSync(dirname(file))) continue
    throw new UsageError(
      `${option} must be a file in a directory that exists, got ${file}: make ${dirname(file)} first`,
    )
  }
  const analysis = await analysisOf(options)
  await writeReport(analysis, { html: out, json })
  const lines = [resultInWords(analysis), aboveTarget(analysis), capInWords(analysis), out, json]
  process.stdout.write(lines.flatMap(line => (line === undefined ? [] : [`${line}\n`])).join(''))
}

async function analysisOf({ state, rpc, key, days, zone }: z.output<typeof Options>): Promise<PushAnalysis> {
  if (rpc === undefined) {
    return analyseStored(state!, { days, zone: zone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone })
  }
  if (zone !== undefined) throw new UsageError('--zone goes with --state: a server counts hours and days by UTC')
  return callServer(rpc, 'push_analysis', { days, limit: limits.pushCampaigns }, { key })
}
