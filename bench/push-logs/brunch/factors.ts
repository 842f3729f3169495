import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { importDataset } from '../../../src/ingest/import.ts'
import { OpenModel } from '../../../src/models/open/open-model.ts'
import { algorithmNamed } from '../../../src/models/registry.ts'
import { trainModel } from '../../../src/models/training/train.ts'
import type { TrainedUsers } from '../../../src/push/prefer/components/user-factors.ts'
import { Dataset } from '../../../src/storage/dataset.ts'
import type { LogContext } from '../log-bench.ts'

/** The generation that would be served from this hour (since 1970) on: ALS of all reads before it. */
export async function trainedUsersOf(
  userIds: readonly number[],
  before: number,
  { folder, pool }: LogContext,
): Promise<TrainedUsers> {
  const place = await mkdtemp(join(tmpdir(), 'aurochs-push-logs-'))
  try {
    const dataset = join(place, 'reads')
    const query = `
      SELECT "user", item, 1 + ln(count(*)) AS weight FROM source
      WHERE epoch(hour) < ${before * 3600} GROUP BY ALL`
    const source = { sources: [join(folder, 'reads.parquet')], user: 'user', item: 'item', weight: 'weight' }
    await importDataset({ ...source, query, out: dataset })
    const als = algorithmNamed('als')
    const options = als.options.parse({ factors: 64, epochs: 8, unobservedWeight: 0.003, regularization: 0.003 })
    const model = join(place, 'model')
    const open = Dataset.open(dataset)
    await trainModel(open, model, als, options as Record<string, unknown>, { pool })
    const trained = OpenModel.open(model, { verify: false })
    try {
      const { data, factors } = trained.vectors('users')
      // The file goes when it is closed.
      return { data: data.slice(), factors, rows: trained.artifact.users.indicesOf([...userIds]) }
    } finally {
      trained.close()
    }
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}
