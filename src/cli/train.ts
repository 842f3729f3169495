import { z } from 'zod'
import type { AlsProgress } from '../models/als/train.ts'
import type { ModelManifest } from '../models/model.ts'
import { trainModel } from '../models/train.ts'
import { Pool } from '../parallel/pool.ts'
import { Dataset } from '../storage/dataset.ts'
import { addAlsOptions, parseAlsOptions } from './als-options.ts'
import { parseOptions, type Register, UsageError, wholeNumber } from './command.ts'
import { interruptible } from './terminal/interrupt.ts'
import { ProgressBar } from './terminal/progress.ts'

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
if it had not stopped.

ALS minimises, with r the weight of a pair and s its score (λ (n + α₀·N)^ν is the regularisation of a row of n pairs):
  --confidence ials       Σ αr (1 − s)² over the pairs + Σ α₀ s² over everything       (Rendle et al. 2021)
  --confidence implicit   Σ αr (1 − s)² over the pairs + Σ α₀ s² over all others       (the library implicit: α₀ = 1, ν = 0)
  --confidence hu         Σ (1 + αr)(1 − s)² over the pairs + Σ α₀ s² over all others  (Hu, Koren & Volinsky 2008: the same)`

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
  addAlsOptions(command.optionsGroup('Training of als:'))
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
  const bar = new ProgressBar()
  let ending = ''
  return {
    show: progress => bar.training('training', progress, ending),
    stopping: () => {
      ending = ', ending after this epoch (Ctrl-C again: at once, saving nothing)'
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
