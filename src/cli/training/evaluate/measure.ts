import { join } from 'node:path'
import { type Evaluation, evaluate } from '../../../evaluation/evaluate.ts'
import { evaluateNext, evaluateOnline } from '../../../evaluation/next/evaluate-next.ts'
import { nextItems } from '../../../evaluation/next/next-items.ts'
import { heldOut, type Pairs } from '../../../evaluation/splits/held-out.ts'
import type { Algorithm } from '../../../models/algorithm.ts'
import { ModelPool } from '../../../models/open/model-pool.ts'
import { trainModel } from '../../../models/training/train.ts'
import type { Pool } from '../../../parallel/pool.ts'
import type { IdMap } from '../../../storage/ids.ts'
import { UsageError } from '../../command.ts'
import type { ProgressBar } from '../../terminal/progress.ts'
import { choose } from '../choose.ts'
import type { Fold } from './folds.ts'
import type { EvaluateFlags } from './options.ts'

/** One model, judged by one fold. */
export interface Measured {
  readonly model: string
  readonly options: object
  readonly train: { readonly users: number; readonly items: number; readonly pairs: number }
  readonly evaluation: Evaluation
  readonly seconds: { readonly train: number; readonly rank: number }
}

/** What all models of one call are measured with. */
export interface MeasureContext {
  readonly flags: EvaluateFlags
  readonly algorithmOptions: ReadonlyMap<Algorithm, Readonly<Record<string, unknown>>>
  readonly folder: string
  readonly pool: Pool
  readonly signal: AbortSignal
  readonly bar: ProgressBar
}

/** Trains the algorithm `name`, or opens the model there, and measures it as it would be served. */
export async function measure(name: string, fold: Fold, context: MeasureContext): Promise<Measured> {
  const { pool } = context
  const begun = performance.now()
  const newItems = context.flags.online ? newItemsOf(fold) : undefined
  const models = await ModelPool.open(await trainedModel(name, fold, context), { pool, newItems })
  try {
    const { history, manifest } = models.artifact
    const ready = performance.now()
    const evaluation = await judged(name, models, fold, context)
    const seconds = (from: number, to: number) => Math.round(to - from) / 1000
    return {
      model: name,
      options: manifest.options,
      train: { users: history.rows, items: history.columns, pairs: history.indices.length },
      evaluation,
      seconds: { train: seconds(begun, ready), rank: seconds(ready, performance.now()) },
    }
  } finally {
    await models.close()
  }
}

/** At the most. */
function newItemsOf({ test }: Fold): number {
  return test.kind === 'events' ? test.events.events.columns : 0
}

/** @throws UsageError where model and test have no ids in common. */
async function judged(name: string, models: ModelPool, fold: Fold, context: MeasureContext): Promise<Evaluation> {
  const { flags, signal, bar } = context
  const { metrics, seen, aucNegatives, sampleSeed, sessionMinutes, dropRepeats } = flags
  const { history, users, items, events, weighting } = models.artifact
  const training = { byUser: history, users, items }
  const onProgress = (share: number) => bar.show(`ranking by ${name}${foldOf(fold)}`, share)
  if (fold.test.kind === 'events') {
    const options = {
      seen,
      sessionGap: sessionMinutes * 60_000,
      dropRepeats,
      weights: weighting?.events,
      numbersNew: models.learns,
    }
    const next = nextItems(fold.test.events, { ...training, events }, options)
    assertKnown(
      name,
      items,
      fold.test.events,
      next.targets.every(item => item < 0 || item >= items.size) && next.users.every(user => user < 0),
    )
    const judge = models.learns ? evaluateOnline : evaluateNext
    return judge(models, next, metrics, { signal, onProgress })
  }
  const held = heldOut(fold.test.pairs, training, seen)
  const knowsNothing = held.unknownPairs > 0 && held.items.length === 0 && held.users.every(user => user < 0)
  assertKnown(name, items, fold.test.pairs, knowsNothing)
  return evaluate(models, held, metrics, { negatives: aucNegatives, seed: sampleSeed, signal, onProgress })
}

function assertKnown(name: string, known: IdMap, { items }: Pick<Pairs, 'items'>, knowsNothing: boolean): void {
  if (!knowsNothing) return
  throw new UsageError(
    `${name} knows neither users nor items of the test: its ids are ${known.kind}s like ${known.at(0)}, and the test has ids like ${items.at(0)}`,
  )
}

/** The directory of the model. */
async function trainedModel(name: string, fold: Fold, context: MeasureContext): Promise<string> {
  const { flags, algorithmOptions, folder, pool, signal, bar } = context
  const algorithm = [...algorithmOptions.keys()].find(chosen => chosen.name === name)
  if (!algorithm) return name
  const directory = join(folder, `model-${name}`)
  const given = algorithmOptions.get(algorithm)!
  const chosen = flags.tune ? await choose(fold.train!, algorithm, given, { pool, signal, bar }) : undefined
  await trainModel(fold.train!, directory, algorithm, chosen?.options ?? given, {
    pool,
    signal,
    replace: true,
    onProgress: progress => bar.training(`training ${name}${foldOf(fold)}`, progress),
  })
  signal.throwIfAborted()
  return directory
}

function foldOf({ number, folds }: Fold): string {
  return folds > 1 ? `, fold ${number} of ${folds}` : ''
}
