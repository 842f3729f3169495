import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { eventLines, exportEvents } from '../../events/export.ts'
import { EventReader } from '../../events/reader.ts'
import { mustBe } from '../../storage/expectation.ts'
import { parseOptions, type Register, text, wholeNumber } from '../command.ts'
import { interruptible } from '../terminal/interrupt.ts'
import { ProgressBar } from '../terminal/progress.ts'

const file = 'a file that ends in .parquet or .ndjson, or - for standard output'

const Options = z.object({
  state: text('a directory'),
  out: z.string().regex(/^-$|\.(parquet|ndjson)$/, mustBe(file)),
  after: wholeNumber(0, Number.MAX_SAFE_INTEGER),
  replace: z.boolean().default(false),
})

export const register: Register = program => {
  program
    .command('export-events')
    .description('write the events of a server, which may run meanwhile, to a file')
    .requiredOption('--state <directory>', 'where the server keeps the events')
    .requiredOption('--out <file>', file)
    .option('--replace', 'take the place of a file at --out')
    .option('--after <position>', 'only events after this position, which each event states', '0')
    .action(run)
}

async function run(given: unknown): Promise<void> {
  const { state, out, after, replace } = parseOptions(Options, given)
  if (out === '-') {
    const reader = new EventReader(state)
    await pipeline(eventLines(reader, { after }), process.stdout, { end: false }).finally(() => reader.close())
    return
  }
  const bar = new ProgressBar()
  const format = out.endsWith('.parquet') ? 'parquet' : 'ndjson'
  try {
    const onProgress = (done: number) => bar.show('writing events', done)
    const events = await interruptible(signal =>
      exportEvents(state, out, { format, after, replace, signal, onProgress }),
    )
    bar.stop()
    process.stdout.write(`${out}: ${events.toLocaleString('en')} events\n`)
  } finally {
    bar.stop()
  }
}
