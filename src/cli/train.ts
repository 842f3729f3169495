import { z } from 'zod'
import type { TrainProgress } from '../models/algorithm.ts'
import type { ArtifactManifest } from '../models/artifact.ts'
import { algorithmNamed, algorithms, defaultAlgorithm } from '../models/registry.ts'
import { trainModel } from '../models/train.ts'
import { Pool } from '../parallel/pool.ts'
import { Dataset } from '../storage/dataset.ts'
import { oneOf } from '../storage/expectation.ts'
import { addAlgorithmOptions, algorithmNotes, parseAlgorithmOptions } from './algorithm-options.ts'
import { parseOptions, type Register, text, UsageError, wholeNumber } from './command.ts'
import { exitCodeOf, interruptible } from './terminal/interrupt.ts'
import { ProgressBar } from './terminal/progress.ts'

const flags = z.looseObject({
  model: oneOf(algorithms.map(({ name }) => name)),
  out: text('a directory'),
  threads: wholeNumber(1, 1024).optional(),
  checkpointSeconds: wholeNumber(0, 1e9),
  resume: z.boolean().optional(),
  replace: z.boolean().optional(),
  json: z.boolean().optional(),
})

const notes = `
Ctrl-C ends the training of an algorithm with epochs after the running one and saves the model so far; --resume goes on
from there, bit for bit as if it had not stopped.
`

export const register: Register = program => {
  const command = program
    .command('train')
    .description('learn a model of a dataset')
    .argument('<DATASET>', 'a directory that `aurochs import` made')
    .requiredOption('--out <directory>', 'where the model goes')
    .option('--model <name>', 'the algorithm', defaultAlgorithm.name)
    .option('--threads <n>', 'workers (default: as many as the machine runs at once)')
    .option('--checkpoint-seconds <n>', 'save the model so far after an epoch when this much time has passed', '300')
    .option('--resume', 'go on from the model at --out, with its options unless others are given')
    .option('--replace', 'take the place of the model at --out')
    .option('--json', 'print one line of JSON an epoch, and the manifest as the last')
    .addHelpText('after', () => notes + algorithmNotes())
    .action(run)
  addAlgorithmOptions(command)
}

async function run(directory: string, given: Record<string, unknown>): Promise<void> {
  const { model, out, threads, checkpointSeconds, resume, replace, json } = parseOptions(flags, given)
  const algorithm = algorithmNamed(model)
  const options = parseAlgorithmOptions([algorithm], given).get(algorithm)!
  const dataset = Dataset.open(directory, { verify: true })
  const pool = new Pool(threads === undefined ? {} : { threads })
  const report = json ? jsonLines() : progressBar(algorithm.resumable)
  try {
    await interruptible(async signal => {
      signal.addEventListener('abort', report.stopping)
      const train = { pool, resume, replace, checkpointSeconds, signal, onProgress: report.show }
      const manifest = await trainModel(dataset, out, algorithm, options, train)
      report.stop()
      process.stdout.write(`${json ? JSON.stringify(manifest) : summary(out, manifest)}\n`)
      if (manifest.complete) return
      const message = `interrupted after epoch ${manifest.epochs}; --resume goes on from there`
      throw new UsageError(message, exitCodeOf(signal))
    })
  } finally {
    report.stop()
    await pool.close()
  }
}

interface Report {
  readonly show: (progress: TrainProgress) => void
  readonly stopping: () => void
  readonly stop: () => void
}

/** On a terminal: epochs, rows a second, loss, time left. */
function progressBar(isResumable: boolean): Report {
  const bar = new ProgressBar()
  let ending = ''
  return {
    show: progress => bar.training('training', progress, ending),
    stopping: () => {
      ending = isResumable ? ', ending after this epoch (Ctrl-C again: at once, saving nothing)' : ', ending'
    },
    stop: () => bar.stop(),
  }
}

/** For programs: a line for each epoch that is done. */
function jsonLines(): Report {
  let printed = 0
  return {
    show: ({ epochs, rowsPerSecond, loss = [], secondsLeft }) => {
      if (!epochs || loss.length <= printed) return
      printed = loss.length
      const line = { epoch: epochs.done, epochs: epochs.total, loss: loss.at(-1), rowsPerSecond, secondsLeft }
      process.stdout.write(`${JSON.stringify(line)}\n`)
    },
    stopping: () => undefined,
    stop: () => undefined,
  }
}

function summary(out: string, { algorithm, epochs, loss, dataset }: ArtifactManifest): string {
  const size = `${dataset.users.toLocaleString('en')} users × ${dataset.items.toLocaleString('en')} items`
  const ended = loss.length > 0 ? `, ${epochs} epochs, loss ${loss.at(-1)!.toPrecision(7)}` : ''
  return `${out}: ${algorithm}, ${size}${ended}`
}
