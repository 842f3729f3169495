import { join } from 'node:path'
import { z } from 'zod'
import { type Metric, metricNames, parseMetrics } from '../../evaluation/metrics/metrics.ts'
import { searchedOptions } from '../../evaluation/tune/search-space.ts'
import { type Tuned, type TuneProgress, tune } from '../../evaluation/tune/tune.ts'
import type { Algorithm } from '../../models/algorithm.ts'
import { algorithms, defaultAlgorithm } from '../../models/registry.ts'
import { Pool } from '../../parallel/pool.ts'
import { Dataset } from '../../storage/dataset.ts'
import {
  asOption,
  durationFrom,
  parseOptions,
  type Register,
  share,
  text,
  UsageError,
  wholeNumber,
} from '../command.ts'
import { interruptible } from '../terminal/interrupt.ts'
import { ProgressBar } from '../terminal/progress.ts'
import { table } from '../terminal/table.ts'
import { inWorkspace } from '../terminal/workspace.ts'
import { addAlgorithmOptions, flagsText, parseAlgorithmOptions } from './algorithm-options.ts'

const flags = z.looseObject({
  model: z.string(),
  out: text('a directory'),
  budget: durationFrom(1000, 1e9, 'a time such as 30s, 30m or 2h'),
  metric: z.string(),
  users: wholeNumber(1, 1e9),
  share: share(),
  searchSeed: wholeNumber(0, 0xffff_ffff),
  threads: wholeNumber(1, 1024).optional(),
  json: z.boolean().default(false),
})

/** Two of them, for examples. */
const some = algorithms
  .slice(0, 2)
  .map(({ name }) => name)
  .join(',')

const notes = `
Some of the users lose a share of their pairs, the newest where there are times, which the models do not learn from; the options
that rank these pairs best win. Options that you give are the same in all trials. Each trial begins with few epochs, and a third
of them goes on. What was tried stays in --out, line by line: the same command goes on from there, with a larger --budget as well.

  aurochs tune plays --model ${some} --budget 30m --out search
  aurochs train plays --from-tune search --out model
`

/** Trials that the table shows. */
const shownTrials = 10

/** `aurochs tune`: searches for the options of the best model of a dataset. */
export const register: Register = program => {
  const command = program
    .command('tune')
    .description('search for the options of the best model of a dataset')
    .argument('<DATASET>', 'a directory that `aurochs import` made')
    .requiredOption(
      '--out <directory>',
      'where the trials are kept, and a plot of them; a search that is there goes on',
    )
    .option('--model <names>', `the algorithms to search among, as ${some}`, defaultAlgorithm.name)
    .option('--budget <time>', 'how long the search may take in all', '10m')
    .option('--metric <name>', `what is compared, of ${metricNames.join(', ')}, @ a cut`, 'ndcg@20')
    .option('--users <n>', 'users who are judged, at most', '5000')
    .option(
      '--share <share>',
      "what is held out of a judged user's pairs, the latest where there are times, between 0 and 1",
      '0.2',
    )
    .option('--search-seed <n>', 'of the users who are judged and the options that are tried', '0')
    .option('--threads <n>', 'threads that train and rank (default: all of the machine)')
    .option('--json', 'print the best as one JSON object')
    .addHelpText('after', notes)
    .action(run)
  addAlgorithmOptions(command)
}

async function run(directory: string, given: Record<string, unknown>): Promise<void> {
  const { model, out, budget, metric: metricName, users, share, searchSeed, threads, json } = parseOptions(flags, given)
  const chosen = asOption(() => [...new Set(model.split(','))].map(name => named(name.trim())))
  const algorithmOptions = parseAlgorithmOptions(chosen, given)
  const metric = asOption(() => metricNamed(metricName))
  const dataset = Dataset.open(directory, { verify: true })
  const pool = new Pool(threads === undefined ? {} : { threads })
  const bar = new ProgressBar()
  try {
    const tuned = await interruptible(
      signal =>
        inWorkspace(folder =>
          tune(dataset, {
            algorithms: algorithmOptions,
            budget: budget / 1000,
            metric,
            validation: { users, share },
            seed: searchSeed,
            log: out,
            folder,
            pool,
            signal,
            onProgress: progress => show(bar, progress),
          }),
        ),
      `interrupted: trials that ended are in ${out}, and the same command goes on from there`,
    )
    bar.stop()
    process.stdout.write(
      json
        ? `${JSON.stringify(forPrograms(tuned, metricName))}\n`
        : forPeople(tuned, { metric: metricName, directory, out }),
    )
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message)
    throw error
  } finally {
    bar.stop()
    await pool.close()
    dataset.close()
  }
}

function named(name: string): Algorithm {
  const found = algorithms.find(algorithm => algorithm.name === name)
  if (found) return found
  const names = algorithms.map(({ name }) => name).join(', ')
  throw new RangeError(`model must be of ${names}, by commas, got ${name || 'nothing'}`)
}

function metricNamed(text: string): Metric {
  try {
    const [metric, ...more] = parseMetrics(text)
    if (more.length === 0) return metric!
  } catch {
    // Said below as what it is here: one.
  }
  throw new RangeError(`metric must be one like ndcg@20, of ${metricNames.join(', ')}, got ${text || 'nothing'}`)
}

function show(bar: ProgressBar, { seconds, budget, trials, best, running, training }: TuneProgress): void {
  const { done = 0, total = 0 } = training?.epochs ?? {}
  const epochs = total > 0 ? `, epoch ${Math.min(total, done + 1)} of ${total}` : ''
  const reached = best ? `, best so far ${best.score.toFixed(4)}` : ''
  const note = `: trial ${trials} (${running.algorithm.name})${epochs}${reached}`
  bar.show('searching', Math.min(1, seconds / budget), Math.max(0, budget - seconds), note)
}

/** A table of the best trials, and what to do with the best. */
function forPeople(
  { best, trials }: Tuned,
  { metric, directory, out }: { readonly metric: string; readonly directory: string; readonly out: string },
): string {
  const last = ({ scores }: Tuned['trials'][number]) => scores.at(-1)!
  const failed = trials.filter(trial => last(trial).error !== undefined)
  const most = (of: Algorithm) =>
    Math.max(...trials.filter(({ algorithm }) => algorithm === of).map(({ scores }) => scores.length))
  // Those that had all epochs come first, of whatever model.
  const isWhole = ({ algorithm, scores }: Tuned['trials'][number]) => scores.length === most(algorithm)
  const sorted = trials
    .filter(trial => !failed.includes(trial))
    .sort((a, b) => Number(isWhole(b)) - Number(isWhole(a)) || last(b).score - last(a).score)
  const rows = sorted.slice(0, shownTrials).map(trial => {
    const { algorithm, options, scores } = trial
    const seconds = scores.reduce((sum, score) => sum + score.seconds, 0)
    const flags = flagsText(searchedOptions(algorithm, options))
    return [last(trial).score.toFixed(5), last(trial).epochs, seconds.toFixed(1), algorithm.name, flags]
  })
  const flagsOf = ({ algorithm, options }: Pick<Tuned['best'], 'algorithm' | 'options'>) =>
    `--model ${algorithm.name} ${flagsText(searchedOptions(algorithm, options))}`.trimEnd()
  const failures = failed.map(trial => `${flagsOf(trial)} failed: ${last(trial).error}\n`)
  return (
    `${table([[metric, 'epochs', 's', 'model', 'options'], ...rows])}` +
    `${trials.length} ${trials.length === 1 ? 'trial; it is' : 'trials; all are'} in ${join(out, 'trials.ndjson')} and ${join(out, 'plot.svg')}\n${failures.join('')}` +
    `best: ${flagsOf(best)}\n` +
    `aurochs train ${directory} --from-tune ${out} --out MODEL trains it\n`
  )
}

function forPrograms({ best, trials }: Tuned, metric: string): object {
  return { model: best.algorithm.name, options: best.options, metric, score: best.score, trials: trials.length }
}
