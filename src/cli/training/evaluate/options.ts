/** What `aurochs evaluate` takes, and which of it does not go together. */
import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { z } from 'zod'
import {
  assertMetricsOfPlaces,
  type Metric,
  metricNames,
  metricNotes,
  parseMetrics,
} from '../../../evaluation/metrics/metrics.ts'
import { nextItemViews } from '../../../evaluation/next/next-items.ts'
import { parseSplit } from '../../../evaluation/splits/split.ts'
import { algorithms } from '../../../models/registry.ts'
import { asGiven, oneOf } from '../../../storage/expectation.ts'
import { asOption, parseOptions, several, text, UsageError, wholeNumber } from '../../command.ts'
import { addSourceOptions, sourceFlags } from '../../data/source-options.ts'
import { addAlgorithmOptions, algorithmNotes } from '../algorithm-options.ts'

const seed = wholeNumber(0, 0xffff_ffff)

const schema = z.object({
  train: text('a dataset, file or glob').optional(),
  test: text('a dataset, file or glob').optional(),
  split: z.string().optional(),
  ...sourceFlags,
  model: z.array(z.string()),
  metrics: z.string().transform((list, context): Metric[] => {
    try {
      return parseMetrics(list)
    } catch (error) {
      context.addIssue((error as Error).message.replace(/^metrics /, ''))
      return z.NEVER
    }
  }),
  tune: z.boolean().default(true),
  next: z.boolean().default(false),
  sessionMinutes: wholeNumber(1, 10_000_000),
  dropRepeats: z.boolean().default(false),
  online: z.boolean().default(false),
  compare: z.boolean().default(false),
  byHistory: z.boolean().default(false),
  seen: oneOf(['allow', 'exclude']),
  splitSeed: seed,
  resamples: wholeNumber(100, 1_000_000),
  aucNegatives: wholeNumber(1, 999_999_999),
  sampleSeed: seed,
  record: z.boolean().default(false),
  threads: wholeNumber(1, 1024).optional(),
  json: z.boolean().default(false),
})

export type EvaluateFlags = z.output<typeof schema>

const names = algorithms.map(({ name }) => name).join(', ')

const trainingNotes = `A model that is named is trained as \`aurochs train\` does: of some models, options that are not given are chosen by the data that is\ntrained on, but with --no-tune. The directory of a model measures that.`

export function addEvaluateOptions(command: Command): void {
  command
    .option('--train <source>', 'dataset, file or glob to train on')
    .option('--test <source>', 'dataset, file or glob with the held-out pairs; users and items are matched by id')
    .option('--split <how>', 'hold out a part of --train: see below')
    .requiredOption('--model <model>', `${names}, or the directory of a trained model; there may be several`, several)
    .option('--metrics <list>', `of ${metricNames.join(', ')}, each but auc @ a cut`, 'recall@20,ndcg@20')
    .option('--no-tune', 'train with the defaults of options that are not given, in place of a search')
    .option('--compare', 'compare the models with the first one, user by user')
    .option('--by-history', 'print users apart of whom no, 1 to 4, 5 to 19, and more items are known')
    .option('--seen <how>', "the user's training items in lists and in what is held out: allow or exclude", 'exclude')
    .option('--next', 'judge each event of the test by the list that its user gets just before it; see below')
    .option('--session-minutes <n>', 'for --next: minutes without an event that end a session', '30')
    .option('--drop-repeats', 'for --next: leave out events that repeat the item of the one before')
    .option('--online', 'for --next: models learn from the events of the test as they come; see below')
    .option('--split-seed <n>', 'seed of splits that draw at random', '0')
    .option('--resamples <n>', 'how often users are drawn anew for the 95 % intervals', '2000')
    .option('--auc-negatives <n>', 'items that auc compares with for each user, where there are more', '250')
    .option('--sample-seed <n>', 'seed of resamples and negatives', '0')
    .option('--record', 'write the metrics to the manifest of a saved model, too')
    .option('--threads <n>', 'threads that train and rank (default: all of the machine)')
    .option('--json', 'print one JSON object a model, and one a comparison')
  command.addHelpText(
    'after',
    () =>
      `\n${trainingNotes}\n${algorithmNotes()}\n${splitNotes}\n\n${nextNotes}\n\n${metricNotes}\n\n${intervalNotes}\n`,
  )
  command.optionsGroup('Where --train and --test are files:')
  addSourceOptions(command)
  addAlgorithmOptions(command)
}

const splitNotes = `What --split holds out of --train:
  random:SHARE         each pair with this probability
  kfold:FOLDS          each pair once: as many trainings, each without the pairs of one fold; printed is the mean over folds
  one                  one random pair of each user who has another (leave-one-out)
  users:SHARE[:FOUND]  a share of the users with all pairs: 0.2 of each one's, or FOUND, are to be found, and the others are given when
                       lists are made (strong generalisation: Liang et al. 2018, "VAE for collaborative filtering")
  last:PAIRS           the latest pairs of each user; needs --time
  time:DATE            the pairs from this date on; needs --time`

const nextNotes = `With --next what was before --split time:DATE is the training, and each event from then on is to be predicted from all that its user
did before (or each event of --test, which needs times). With --online models that can learn from events as they come do so, in order of
time, up to a minute late; new items may then come in lists. Metrics are means over events, with one item held out each; intervals
and --compare draw users. --by-history prints these views of the events apart, in place of users, also of what --compare finds:
${nextItemViews.map(({ name, note }) => `  ${name.padEnd(20)} ${note}`).join('\n')}`

const intervalNotes = `Below each mean is its 95 % interval by the bootstrap over users: how far it would go with other users of the same kind. For
kfold the standard deviation between folds is printed, too. Intervals of two models may overlap although one is better for nearly every
user: --compare has the interval of the difference, and for how many users each is better.`

/**
 * Checks what commander gathered, and finds contradictions before anything is read.
 *
 * @throws UsageError naming the option.
 */
export function parseEvaluateOptions(given: Readonly<Record<string, unknown>>): EvaluateFlags {
  const options = parseOptions(schema, given)
  const { train, test, split, splitSeed, model, metrics, next, online, compare, record } = options
  const saved = model.filter(name => algorithms.every(algorithm => algorithm.name !== name))
  for (const name of saved) {
    if (!existsSync(name)) {
      throw new UsageError(
        `--model must be ${names} or the directory of a model, got ${asGiven(name)}: nothing is there`,
      )
    }
  }
  if (split !== undefined) {
    asOption(() => parseSplit(split, splitSeed))
    if (test !== undefined) throw new UsageError('--split takes the test from --train: leave --test out, or --split')
    if (train === undefined) throw new UsageError('--split cuts what --train names: add --train')
    if (saved.length > 0) {
      throw new UsageError(`--split would judge ${saved[0]} by pairs that it may have learned from: give --test`)
    }
  } else if (test === undefined) throw new UsageError('what is held out must be named: by --test, or by --split')
  if (saved.length < model.length) {
    if (record) throw new UsageError(`--record needs saved models only: ${names} leave none behind here`)
    if (train === undefined) {
      throw new UsageError(`${names} learn from --train: add it, or give the directory of a model`)
    }
  }
  if (next) assertNext(options)
  else if (online) throw new UsageError('--online judges events in order of time: add --next, or leave it out')
  if (compare && model.length < 2) {
    throw new UsageError(`--compare needs two models or more, got only ${model[0]}: add --model, or leave it out`)
  }
  if (compare && metrics.every(({ kind }) => kind === 'coverage')) {
    throw new UsageError(
      '--compare needs a metric that each user has a value of, got only coverage: add one to --metrics',
    )
  }
  return options
}

function assertNext({ split, metrics }: EvaluateFlags): void {
  if (split !== undefined && !split.startsWith('time:')) {
    throw new UsageError(`--next judges events by their times: --split must be time:DATE, got ${split}`)
  }
  asOption(() => assertMetricsOfPlaces(metrics))
}
