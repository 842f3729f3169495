import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Evaluation } from '../../src/evaluation/evaluate.ts'
import { parseMetrics } from '../../src/evaluation/metrics/metrics.ts'
import { evaluateNext } from '../../src/evaluation/next/evaluate-next.ts'
import { nextItems } from '../../src/evaluation/next/next-items.ts'
import type { TestEvents } from '../../src/evaluation/splits/events-from.ts'
import { ModelPool } from '../../src/models/open/model-pool.ts'
import { algorithmNamed } from '../../src/models/registry.ts'
import { trainModel } from '../../src/models/training/train.ts'
import type { Pool } from '../../src/parallel/pool.ts'
import type { Dataset } from '../../src/storage/dataset.ts'

/** An algorithm with options. */
export interface Candidate {
  readonly model: string
  readonly options: Readonly<Record<string, unknown>>
}

/** In %, of the events that are not the first of their session. */
export interface Judged {
  readonly hitRate: number
  readonly mrr: number
  readonly events: number
  readonly trainSeconds: number
  readonly rankSeconds: number
}

/** Trains `candidate` on `dataset`, and has it predict `test` event by event; `folder` is for the model. */
export async function judge(
  { model, options }: Candidate,
  dataset: Dataset,
  test: TestEvents,
  { pool, folder }: { readonly pool: Pool; readonly folder: string },
): Promise<Judged> {
  const directory = join(folder, 'judged-model')
  const begun = performance.now()
  await trainModel(dataset, directory, algorithmNamed(model), options, { pool, replace: true })
  const trained = performance.now()
  const models = await ModelPool.open(directory, { pool, verify: false })
  try {
    const { history: byUser, users, items, events } = models.artifact
    const next = nextItems(test, { byUser, users, items, events })
    const evaluation = await evaluateNext(models, next, parseMetrics('hit@20,mrr@20'))
    const seconds = (from: number, to: number) => (to - from) / 1000
    return {
      ...laterIn(evaluation),
      trainSeconds: seconds(begun, trained),
      rankSeconds: seconds(trained, performance.now()),
    }
  } finally {
    await models.close()
    await rm(directory, { recursive: true })
  }
}

/** What a session's first event would be told from is not known: published figures leave it out. */
function laterIn({ groups }: Evaluation) {
  const { metrics, perUser } = groups.find(({ group }) => group === 'later in a session')!
  return { hitRate: 100 * metrics['hit@20']!, mrr: 100 * metrics['mrr@20']!, events: perUser.rows.length }
}
