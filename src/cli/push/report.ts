import type { Command } from 'commander'
import { z } from 'zod'
import { aboveTarget, capInWords, resultInWords } from '../../push/analyse/report/summary.ts'
import { writeReport } from '../../push/analyse/report/write.ts'
import { analyseStored } from '../../push/analyse/stored/stored-pushes.ts'
import { isTimeZone } from '../../push/send/local-time.ts'
import { asGiven } from '../../storage/expectation.ts'
import { parseOptions, text, wholeNumber } from '../command.ts'

const Options = z.object({
  state: text('a directory'),
  out: text('a file').optional(),
  json: text('a file').optional(),
  days: wholeNumber(1, 3650).default(28),
  zone: z
    .string()
    .refine(isTimeZone, { error: ({ input }) => `must be a time zone such as Asia/Seoul, got ${asGiven(input)}` })
    .default(() => new Intl.DateTimeFormat().resolvedOptions().timeZone),
})

/** `aurochs push report`: what came of pushes. */
export function registerReport(push: Command): void {
  push
    .command('report')
    .description('what came of pushes, as a page and as JSON; a server may run meanwhile')
    .requiredOption('--state <directory>', 'where the server keeps the events and pushes')
    .option('--out <file>', 'write a page of its own, HTML that nothing has to be loaded for')
    .option('--json <file>', 'write all figures as JSON')
    .option('--days <number>', 'of so many days until now (default: 28)')
    .option('--zone <zone>', 'time zone of hours and days, as Asia/Seoul (default: that of this machine)')
    .action(runReport)
}

async function runReport(given: unknown): Promise<void> {
  const { state, out, json, days, zone } = parseOptions(Options, given)
  const analysis = await analyseStored(state, { days, zone })
  await writeReport(analysis, { html: out, json })
  const lines = [resultInWords(analysis), aboveTarget(analysis), capInWords(analysis), out, json]
  process.stdout.write(lines.flatMap(line => (line === undefined ? [] : [`${line}\n`])).join(''))
}
