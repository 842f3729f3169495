import { SingleBar } from 'cli-progress'
import { z } from 'zod'
import { Dataset } from '../memory/dataset.ts'
import type { AlsProgress } from '../models/als.ts'
import type { ModelManifest } from '../models/model.ts'
import { trainModel } from '../models/train.ts'
import { Pool } from '../parallel/pool.ts'
import { addAlsOptions, parseAlsOptions } from './als-options.ts'
import { parseOptions, type Register, UsageError, wholeNumber } from './command.ts'
import { interruptible } from './interrupt.ts'

const flags = z.looseObject({
  model: z.literal('als', { error: ({ input }) => `must be als, got ${input}` }),
  out: z.string(),
  threads: wholeNumber(1, 1024).optional(),
  checkpointSeconds: wholeNumber(0, 1e9),
  resume: z.boolean().optional(),
  replace: z.boolean().optional(),
  json: z.boolean().optional(),
})

const notes = `
Ctrl-C ends the training after the running epoch and saves the model so far; --resume goes on from there, bit for bit as
if it had not stopped. --model als factorizes by alternating least squares; what --confidence, --alpha,
--unobserved-weight, --regularization and --frequency-exponent mean, and how they relate to the papers, is in
docs of the option schema (src/models/als-objective.ts).`

export const register: Register = program => {
  const command = program
    .command('train')
    .description('learn a model of a dataset')
    .argument('<DATASET>', 'a directory that `aurochs import` made')
    .requiredOption('--out <directory>', 'where the model goes')
    .option('--model <name>', 'the algorithm: als', 'als')
    .option('--threads <n>', 'workers (default: as many as the machine runs at once)')
    .option('--checkpoint-seconds <n>', 'save the model so far after an epoch when this much time has passed', '300')
    .option('--resume', 'go on from the model at --out')
    .option('--replace', 'take the place of the model at --out')
    .option('--json', 'print one line of JSON an epoch, and the manifest as the last')
    .addHelpText('after', notes)
    .action(run)
  addAlsOptions(command)
}

async function run(directory: string, given: Record<string, unknown>): Promise<void> {
  const { out, threads, checkpointSeconds, resume, replace, json } = parseOptions(flags, given)
  const options = parseAlsOptions(given)
  const dataset = Dataset.open(directory, { verify: true })
  const pool = new Pool(threads === undefined ? {} : { threads })
  const bar = json ? jsonLines() : progressBar()
  try {
    const manifest = await interruptible(async signal => {
      signal.addEventListener('abort', bar.stopping)
      const train = { pool, resume, replace, checkpointSeconds, signal, onProgress: bar.show }
      return trainModel(dataset, out, options, train)
    })
    bar.stop()
    process.stdout.write(`${json ? JSON.stringify(manifest) : summary(out, manifest)}\n`)
    if (manifest.epochs < options.epochs) {
      throw new UsageError(
        `interrupted after epoch ${manifest.epochs} of ${options.epochs}; --resume goes on from there`,
        130,
      )
    }
  } finally {
    bar.stop()
    await pool.close()
  }
}

interface Reporter {
  readonly show: (progress: AlsProgress) => void
  readonly stopping: () => void
  readonly stop: () => void
}

/** On a terminal: epochs, rows a second, loss, time left. */
function progressBar(): Reporter {
  const bar = new SingleBar({
    format: '{bar} epoch {epoch} of {epochs} | {rate} rows/s | loss {loss} | {left}',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    noTTYOutput: false,
  })
  let ending = ''
  bar.start(1, 0, { epoch: 0, epochs: '…', rate: '…', loss: '…', left: '' })
  return {
    show: ({ epoch, epochs, fraction, rowsPerSecond, loss, secondsLeft }) => {
      bar.setTotal(Math.max(1, epochs))
      bar.update(Math.min(epochs, epoch + fraction), {
        epoch: Math.min(epochs, epoch + 1),
        epochs,
        rate: Math.round(rowsPerSecond).toLocaleString('en'),
        loss: loss.length ? loss.at(-1)!.toPrecision(7) : '…',
        left: ending || (Number.isFinite(secondsLeft) ? `${Math.ceil(secondsLeft)} s left` : ''),
      })
    },
    stopping: () => {
      ending = 'ending after this epoch; Ctrl-C again to drop it'
    },
    stop: () => bar.stop(),
  }
}

/** For programs: a line for each epoch that is done. */
function jsonLines(): Reporter {
  let told = 0
  return {
    show: ({ epoch, epochs, fraction, rowsPerSecond, loss, secondsLeft }) => {
      if (fraction > 0 || loss.length <= told) return
      told = loss.length
      process.stdout.write(`${JSON.stringify({ epoch, epochs, loss: loss.at(-1), rowsPerSecond, secondsLeft })}\n`)
    },
    stopping: () => undefined,
    stop: () => undefined,
  }
}

function summary(out: string, { epochs, factors, loss, dataset }: ModelManifest): string {
  const size = `${dataset.users.toLocaleString('en')} users × ${dataset.items.toLocaleString('en')} items`
  return `${out}: ${size}, ${factors} factors, ${epochs} epochs, loss ${loss.at(-1)?.toPrecision(7) ?? 'not measured'}`
}
