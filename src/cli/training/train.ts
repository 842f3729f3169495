import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { type ChosenOptions, type ChosenPart, trialsToChoose } from '../../evaluation/tune/choose-options.ts'
import { searchedOptions } from '../../evaluation/tune/search-space.ts'
import { readBest } from '../../evaluation/tune/tuned-options.ts'
import type { Algorithm, TrainProgress } from '../../models/algorithm.ts'
import { Artifact, type ArtifactManifest, type PartTuning } from '../../models/artifact/artifact.ts'
import { algorithmNamed, algorithms, defaultAlgorithm } from '../../models/registry.ts'
import { assertPlace, trainModel } from '../../models/training/train.ts'
import { seemRatings } from '../../models/weighting/ratings.ts'
import { Pool } from '../../parallel/pool.ts'
import { Dataset } from '../../storage/dataset.ts'
import { manifestName } from '../../storage/directory.ts'
import { oneOf } from '../../storage/expectation.ts'
import { asUsage, parseOptions, type Register, text, UsageError, wholeNumber } from '../command.ts'
import { exitCodeOf, interruptible } from '../terminal/interrupt.ts'
import { ProgressBar } from '../terminal/progress.ts'
import { addAlgorithmOptions, algorithmNotes, flagsText, parseAlgorithmOptions } from './algorithm-options.ts'
import { choose } from './choose.ts'

const flags = z.looseObject({
  model: oneOf(algorithms.map(({ name }) => name)).optional(),
  fromTune: text('a directory').optional(),
  tune: z.boolean(),
  out: text('a directory'),
  threads: wholeNumber(1, 1024).optional(),
  checkpointSeconds: wholeNumber(0, 1e9),
  resume: z.boolean().optional(),
  replace: z.boolean().optional(),
  json: z.boolean().optional(),
})

const named = (those: readonly Algorithm[]) => those.map(({ name }) => name).join(', ')
/** Algorithms whose options are chosen, and those that may have such parts. */
const chosenOf = named(algorithms.filter(({ choice }) => choice))
const haveParts = named(algorithms.filter(({ parts }) => parts))

const notes = `
Of ${chosenOf}, alone and as a part of ${haveParts}, the options that matter most and that you do not give are
chosen: by short trainings on most of the data, which take at most twice as long as a training of the default epochs (some seconds,
where that is quicker), of each part apart, and by how well they rank the rest. The manifest says what was chosen, and what it reached by
a short training beside the defaults; the same data gives the same choice. With --no-tune all have their defaults, as those of other algorithms.
Longer searches, of all of them: aurochs tune.

Ctrl-C ends the training of an algorithm with epochs after the running one and saves the model so far; --resume goes on
from there, bit for bit as if it had not stopped.
`

export const register: Register = program => {
  const command = program
    .command('train')
    .description('learn a model of a dataset')
    .argument('<DATASET>', 'a directory that `aurochs import` made')
    .requiredOption('--out <directory>', 'where the model goes')
    .option('--model <name>', `the algorithm (default: ${defaultAlgorithm.name})`)
    .option('--no-tune', 'take the defaults of options that are not given, in place of a search')
    .option('--from-tune <directory>', 'take the model and the options that `aurochs tune` found')
    .option('--threads <n>', 'workers (default: as many as the machine runs at once)')
    .option('--checkpoint-seconds <n>', 'save the model so far after an epoch when this much time has passed', '300')
    .option('--resume', 'go on from the model at --out, with its options unless others are given')
    .option('--replace', 'take the place of the model at --out')
    .option('--json', 'print one line of JSON an epoch, and the manifest as the last')
    .addHelpText('after', () => notes + algorithmNotes())
    .action(run)
  addAlgorithmOptions(command)
}

/** The algorithm of the model at `directory`, where there is one. */
function algorithmAt(directory: string): string | undefined {
  if (!existsSync(join(directory, manifestName))) return undefined
  const artifact = Artifact.open(directory, { verify: false })
  artifact.close()
  return artifact.manifest.algorithm
}

async function run(directory: string, given: Record<string, unknown>): Promise<void> {
  const flag = parseOptions(flags, given)
  const { out, threads, checkpointSeconds, resume, replace, json } = flag
  const found = flag.fromTune === undefined ? undefined : foundBy(flag.fromTune, flag.model)
  const resumed = resume && found === undefined && flag.model === undefined ? algorithmAt(out) : undefined
  const algorithm = algorithmNamed(found?.algorithm ?? flag.model ?? resumed ?? defaultAlgorithm.name)
  const wanted = { ...found?.options, ...parseAlgorithmOptions([algorithm], given).get(algorithm) }
  const dataset = Dataset.open(directory, { verify: true })
  const pool = new Pool(threads === undefined ? {} : { threads })
  const report = json ? jsonLines() : progressBar(algorithm.resumable)
  try {
    await interruptible(async signal => {
      assertPlace(out, { replace, resume })
      const isToChoose = flag.tune && !found && !resume
      const trials = isToChoose ? trialsToChoose(dataset, algorithm, wanted) : 0
      if (trials > 0 && !json) process.stdout.write(aboutToChoose(trials))
      const chosen = isToChoose
        ? await choose(dataset, algorithm, wanted, { pool, signal, bar: new ProgressBar() })
        : undefined
      if (chosen && !json) process.stdout.write(reasonsFor(algorithm, chosen))
      warnOfRatings(dataset, chosen?.options ?? wanted)
      signal.addEventListener('abort', report.stopping)
      const { options, tuning, parts = [] } = chosen ?? { options: wanted, tuning: found?.tuning }
      const tunings = { tuning, ...(parts.length > 0 && { partTunings: parts.map(tuningOf) }) }
      const train = { pool, resume, replace, ...tunings, checkpointSeconds, signal, onProgress: report.show }
      const begun = performance.now()
      const manifest = await trainModel(dataset, out, algorithm, options, train)
      report.stop()
      const seconds = (performance.now() - begun) / 1000
      process.stdout.write(json ? `${JSON.stringify(manifest)}\n` : summary(out, manifest, seconds))
      if (manifest.complete) return
      const message = `interrupted after epoch ${manifest.epochs}; --resume goes on from there`
      throw new UsageError(message, exitCodeOf(signal))
    })
  } finally {
    report.stop()
    await pool.close()
    dataset.close()
  }
}

/** What the search in `directory` found, which must be of the algorithm `model` where one is named. */
function foundBy(directory: string, model: string | undefined) {
  const { algorithm, options, ...tuning } = asUsage(() => readBest(directory))
  if (model === undefined || model === algorithm) return { algorithm, options, tuning }
  throw new UsageError(
    `--from-tune ${directory} found ${algorithm}, not ${model}: leave --model out, or name another search`,
  )
}

/** Ratings as weights make lists worse, and nothing else would tell. */
function warnOfRatings({ byUser }: Dataset, options: Readonly<Record<string, unknown>>): void {
  if (options.weighting !== 'weight' || !seemRatings(byUser.weights)) return
  process.stderr.write(
    'aurochs: the weights of this dataset seem to be ratings: with --weighting weight a low one counts for its item, not against it. ' +
      'Most lists are better with --weighting log or none\n',
  )
}

function aboutToChoose(trials: number): string {
  return `choosing options by ${trials} short trainings, which take twice as long as a training of the default epochs at most, or some seconds (--no-tune: the defaults)\n`
}

function tuningOf({ algorithm, tuning }: ChosenPart): PartTuning {
  return { part: algorithm.name, ...tuning }
}

function reasonsFor(algorithm: Algorithm, { options, tuning, parts }: ChosenOptions): string {
  const ofParts = parts.map(part => `${part.algorithm.name}: ${reasonFor(part)}`).join('')
  return tuning ? reasonFor({ algorithm, options, tuning }) : ofParts
}

function reasonFor({ algorithm, options, tuning }: ChosenPart): string {
  const { metric, score, defaultScore, trials, seconds } = tuning
  const chosen = flagsText(searchedOptions(algorithm, options))
  const beside = defaultScore === undefined ? 'the defaults failed' : `the defaults ${defaultScore.toFixed(4)}`
  return `chosen in ${seconds} s: ${chosen} (${metric} by short trainings ${score.toFixed(4)}, ${beside}; ${trials} trials)\n`
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

function summary(
  out: string,
  { algorithm, epochs, loss, findings = [], dataset }: ArtifactManifest,
  seconds: number,
): string {
  const size = `${dataset.users.toLocaleString('en')} users × ${dataset.items.toLocaleString('en')} items`
  const ended = loss.length > 0 ? `, ${epochs} epochs, loss ${loss.at(-1)!.toPrecision(7)}` : ''
  const found = findings.map(finding => `${finding}\n`).join('')
  return `${found}${out}: ${algorithm}, ${size}${ended}, ${seconds.toFixed(1)} s\n`
}
