/** The reads of brunch as sessions: an hour's reads of a user are one, what repeats the item of the one before is left out, and the last seven days are predicted. */
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Evaluation } from '../../src/evaluation/evaluate.ts'
import { parseMetrics } from '../../src/evaluation/metrics/metrics.ts'
import { evaluateOnline } from '../../src/evaluation/next/evaluate-next.ts'
import { judgedWhere, nextItems } from '../../src/evaluation/next/next-items.ts'
import type { UserValues } from '../../src/evaluation/significance/user-values.ts'
import { splitEvents, type TestEvents } from '../../src/evaluation/splits/events-from.ts'
import { chooseOptions, trialsToChoose } from '../../src/evaluation/tune/choose-options.ts'
import { importDataset } from '../../src/ingest/import.ts'
import { ModelPool } from '../../src/models/open/model-pool.ts'
import { algorithmNamed } from '../../src/models/registry.ts'
import { trainModel } from '../../src/models/training/train.ts'
import { newestOf } from '../../src/models/weighting/event-sums.ts'
import type { Pool } from '../../src/parallel/pool.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { benchCache } from '../data/brunch-data.ts'
import type { Candidate } from './judge.ts'

const hour = 3_600_000
const day = 24 * hour

/** What was before the last seven days, and these; of the reads up to `weeksBefore` weeks before the last one. */
export async function brunchInTime(
  source: string,
  weeksBefore = 0,
): Promise<{ readonly train: Dataset; readonly test: TestEvents }> {
  if (!existsSync(source)) {
    throw new Error(`${source} is not there: name a Parquet file with columns user, item and hour by --data`)
  }
  await mkdir(benchCache, { recursive: true })
  const whole = join(benchCache, `brunch-reads-${Buffer.from(source).toString('hex').slice(-24)}`)
  if (!existsSync(whole))
    await importDataset({ sources: [source], user: 'user', item: 'item', time: 'hour', out: whole })
  let [dataset, directory] = [Dataset.open(whole), whole]
  for (let weeks = weeksBefore; ; weeks--) {
    const from = Math.floor(newestOf(dataset.events!.times) / day + 1) * day - 7 * day
    const { train, test } = splitEvents(dataset, from, { dropRepeats: true })
    directory += '-before'
    await writeDataset(directory, train, { replace: true })
    // The one before stays open: the test has its ids.
    dataset = Dataset.open(directory)
    if (weeks === 0) return { train: dataset, test }
  }
}

/** One in so many users is judged; models learn from all. */
const judgedOf = 8

/** In %, by view, and in seconds. */
export interface JudgedOnline {
  readonly events: number
  readonly trainSeconds: number
  readonly rankSeconds: number
  readonly views: Readonly<Record<string, { readonly hitRate: number; readonly mrr: number }>>
  /** By view. */
  readonly perUser: Readonly<Record<string, UserValues>>
}

/** Trains `candidate` on what was before, as `aurochs train` does, and has it predict the test in order of time while it learns, if it can. */
export async function judgeOnline(
  { model, options }: Candidate,
  { train, test }: { readonly train: Dataset; readonly test: TestEvents },
  { pool, folder }: { readonly pool: Pool; readonly folder: string },
): Promise<JudgedOnline> {
  const directory = join(folder, 'judged-model')
  const begun = performance.now()
  const algorithm = algorithmNamed(model)
  const { options: chosen } =
    trialsToChoose(train, algorithm, options) > 0
      ? await chooseOptions(train, algorithm, options, { pool, folder })
      : { options }
  await trainModel(train, directory, algorithm, chosen, { pool, replace: true })
  const trained = performance.now()
  const models = await ModelPool.open(directory, { pool, verify: false, newItems: test.events.columns })
  try {
    const { history: byUser, users, items, events } = models.artifact
    const all = nextItems(
      test,
      { byUser, users, items, events },
      { sessionGap: hour, dropRepeats: true, numbersNew: models.learns },
    )
    const next = judgedWhere(all, row => row % judgedOf === 0)
    const evaluation = await evaluateOnline(models, next, parseMetrics('hit@20,mrr@20'))
    const inPercent = ({ metrics }: Pick<Evaluation, 'metrics'>) => ({
      hitRate: 100 * metrics['hit@20']!,
      mrr: 100 * metrics['mrr@20']!,
    })
    const views = evaluation.groups.map(group => [group.group, inPercent(group)] as const)
    return {
      events: evaluation.pairs,
      trainSeconds: (trained - begun) / 1000,
      rankSeconds: (performance.now() - trained) / 1000,
      views: { all: inPercent(evaluation), ...Object.fromEntries(views) },
      perUser: {
        all: evaluation.perUser,
        ...Object.fromEntries(evaluation.groups.map(({ group, perUser }) => [group, perUser])),
      },
    }
  } finally {
    await models.close()
  }
}
