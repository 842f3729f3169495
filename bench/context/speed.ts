/** How fast a context model answers and learns. */
import { join } from 'node:path'
import { nextItems } from '../../src/evaluation/next/next-items.ts'
import { requestOfNext } from '../../src/evaluation/requests.ts'
import type { TestEvents } from '../../src/evaluation/splits/events-from.ts'
import { ModelPool } from '../../src/models/open/model-pool.ts'
import { algorithmNamed } from '../../src/models/registry.ts'
import { trainModel } from '../../src/models/training/train.ts'
import type { Pool } from '../../src/parallel/pool.ts'
import type { Dataset } from '../../src/storage/dataset.ts'

export interface ContextSpeed {
  /** Lists of 20 items, each for a request of its own, by all workers. */
  readonly listsPerSecond: number
  /** The same of a model that has learned. */
  readonly listsPerSecondLearned: number
  /** µs of the thread that learns, for an event. */
  readonly learn: number
}

/** Requests that the workers get at once, as a server under load forms them. */
const atOnce = 512
const listLength = 20

/** By an algorithm that learns, with its defaults, for the events of `test` as they come. */
export async function contextSpeed(
  model: string,
  dataset: Dataset,
  test: TestEvents,
  { pool, folder }: { readonly pool: Pool; readonly folder: string },
): Promise<ContextSpeed> {
  const directory = join(folder, 'speed-model')
  await trainModel(dataset, directory, algorithmNamed(model), {}, { pool, replace: true })
  const models = await ModelPool.open(directory, { pool, verify: false, newItems: test.events.columns })
  try {
    const { history: byUser, users, items, events } = models.artifact
    const next = nextItems(test, { byUser, users, items, events }, { numbersNew: true })
    const requests = Array.from(next.rows.keys(), at => requestOfNext(next, at, listLength))
    const rate = async () => {
      const begun = performance.now()
      for (let first = 0; first < requests.length; first += atOnce)
        await models.rank(requests.slice(first, first + atOnce))
      return (1000 * requests.length) / (performance.now() - begun)
    }
    // Once to warm up.
    await rate()
    const listsPerSecond = await rate()
    const { known } = next
    const begun = performance.now()
    known.items.forEach((item, at) => {
      models.learn({ user: known.rows[at]!, item, time: known.times[at]!, weight: 1 })
    })
    const learn = (1000 * (performance.now() - begun)) / known.items.length
    return { listsPerSecond, listsPerSecondLearned: await rate(), learn }
  } finally {
    await models.close()
  }
}
