import { z } from 'zod'
import { type Retrained, type RetrainProgress, retrain } from '../../recommend/retraining/retrain.ts'
import { instant, parseOptions, type Register, text, UsageError, wholeNumber } from '../command.ts'
import { rpcAddress, swapOn } from '../server/server-call.ts'
import { interruptible } from '../terminal/interrupt.ts'
import { ProgressBar } from '../terminal/progress.ts'

const Options = z.object({
  state: text('a directory'),
  out: text('a directory'),
  replace: z.boolean().default(false),
  train: text('the directory of a model').optional(),
  epochs: wholeNumber(0, 100_000).optional(),
  threads: wholeNumber(1, 1024).optional(),
  since: instant.optional(),
  swap: rpcAddress.optional(),
  json: z.boolean().default(false),
})

const notes = `
The next dataset has all of DATASET and the events that arrived since: weights add up, undos and weights below 0 lower a sum, and a
pair whose sum is not above 0 is left out. It states how far it has the journal, and so does every model that is trained on it:
serve counts what came later, once. A server may use the state meanwhile.

--train begins with the model, where its algorithm can, on threads of low priority. The new model takes its place once it
has passed its check; the former stays as MODEL.previous, for \`aurochs rollback\`. Examples:

  aurochs retrain plays --state events --out plays --replace --train model --swap 127.0.0.1:9000
`

export const register: Register = program => {
  program
    .command('retrain')
    .description('make the next dataset, and the next model, of a dataset and the events of a server')
    .argument('<DATASET>', 'a directory that `aurochs import` or `aurochs retrain` made')
    .requiredOption('--state <directory>', 'where the server keeps the events')
    .requiredOption('--out <directory>', 'where the next dataset goes; it may be DATASET itself, with --replace')
    .option('--replace', 'take the place of the dataset at --out')
    .option('--train <model>', 'train the next model from this one on, and put it in its place')
    .option('--epochs <n>', 'passes over the data (default: as few as a warm start needs, or as many as the model had)')
    .option('--threads <n>', 'threads that train (default: as many as the machine runs at once)')
    .option('--since <date>', 'events that arrived before it are part of DATASET, which does not say so')
    .option('--swap <address>', 'then have the server of this internal RPC serve the model')
    .option('--json', 'print the outcome as one JSON object')
    .addHelpText('after', notes)
    .action(run)
}

async function run(dataset: string, given: unknown): Promise<void> {
  const { train: model, swap, json, ...options } = parseOptions(Options, given)
  if (swap !== undefined && model === undefined)
    throw new UsageError('--swap needs --train: name the model to be served')
  const bar = new ProgressBar()
  try {
    const retrained = await interruptible(signal =>
      retrain({ ...options, dataset, model, signal, onProgress: progress => show(bar, progress) }),
    )
    bar.stop()
    const isToServe = swap !== undefined && model !== undefined && retrained.isNew
    const generation = isToServe ? await swapOn(swap, model) : undefined
    process.stdout.write(
      `${json ? JSON.stringify({ ...retrained, generation }) : summary(options.out, retrained, model)}\n`,
    )
    if (generation !== undefined && !json) process.stdout.write(`${swap} serves it now, as ${generation}\n`)
  } finally {
    bar.stop()
  }
}

function show(bar: ProgressBar, progress: RetrainProgress): void {
  if (progress.stage === 'training') bar.training('training', progress)
  else bar.show(progress.stage, progress.done)
}

function summary(out: string, retrained: Retrained, model: string | undefined): string {
  const { isNew, events, users, items, pairs, newUsers, newItems, becameText, check } = retrained
  const count = (number: number) => number.toLocaleString('en')
  if (!isNew) return `${out}: there is nothing new`
  const lines = [
    `${out}: ${count(events)} events more; ${count(users)} users (${count(newUsers)} new) × ${count(items)} items ` +
      `(${count(newItems)} new), ${count(pairs)} pairs`,
  ]
  for (const side of becameText) lines.push(`ids of ${side} are text from now on: not all are integers any more`)
  if (check && check.users > 0) {
    const { users: tried, candidate, served } = check
    lines.push(
      `${model}: passed its check: tried on ${count(tried)} users, it finds the newest item of ${candidate}, the former model of ${served}`,
    )
  } else if (check) lines.push(`${model}: not checked: the former model has none of the newest items to compare with`)
  return lines.join('\n')
}
