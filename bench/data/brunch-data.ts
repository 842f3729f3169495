import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { importDataset } from '../../src/ingest/import.ts'
import { Dataset } from '../../src/storage/dataset.ts'
import { brunchTest, brunchTrain, quickTest, quickTrain } from '../brunch.ts'

/** Where benches keep what they make of their data from one run to the next; AUROCHS_BENCH_CACHE names another place. */
export const benchCache = process.env.AUROCHS_BENCH_CACHE ?? join(tmpdir(), 'aurochs-bench')

export const reads = join(import.meta.dirname, '../../../shared/data/brunch/reads.parquet')

export interface BrunchOptions {
  /** Of a twentieth of the users. */
  readonly quick?: boolean
}

/** Both parts of the split of the brunch reads, imported once; see brunch.ts. */
export async function brunchSplit(
  source = reads,
  { quick = false }: BrunchOptions = {},
): Promise<{ readonly train: Dataset; readonly test: Dataset }> {
  if (!existsSync(source)) {
    throw new Error(`${source} is not there: name a Parquet file with columns user and item by --data`)
  }
  await mkdir(benchCache, { recursive: true })
  const part = async (name: string, query: string) => {
    const out = join(benchCache, `${name}-${Buffer.from(source).toString('hex').slice(-24)}`)
    if (!existsSync(out)) {
      await importDataset({ sources: [source], user: 'user', item: 'item', weight: 'weight', query, out })
    }
    return Dataset.open(out, { verify: true })
  }
  if (quick) return { train: await part('quick-train', quickTrain), test: await part('quick-test', quickTest) }
  return { train: await part('brunch-train', brunchTrain), test: await part('brunch-test', brunchTest) }
}
