/**
 * EASE on Gowalla, LightGCN's split with all of its 41 thousand items: seconds and peak memory of `aurochs train`, and Recall@20 and
 * NDCG@20 beside those that are published. There is no peer that trains it in the memory of this bar.
 */
import { createWriteStream, existsSync, readFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { evaluate } from '../../src/evaluation/evaluate.ts'
import { parseMetrics } from '../../src/evaluation/metrics/metrics.ts'
import { heldOut } from '../../src/evaluation/splits/held-out.ts'
import { importDataset } from '../../src/ingest/import.ts'
import { ModelPool } from '../../src/models/open/model-pool.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { Dataset } from '../../src/storage/dataset.ts'
import { benchCache } from '../data/brunch-data.ts'
import { peersPython, runPeer } from '../peers/python.ts'
import { atMost, type Bar } from '../support/bar.ts'
import { trainProcess } from '../support/train-process.ts'
import type { ModelBenchOptions } from './options.ts'
import { printTable } from './report.ts'

const gowalla = join(import.meta.dirname, '../../../shared/data/gowalla')

/** Recall@20 as hits over held-out items, and NDCG@20. */
const published = { recall: 0.1765, ndcg: 0.1467 }

const minutes = 20
const gibibytes = 12

export async function easePeers({ report, quick }: ModelBenchOptions): Promise<Bar[]> {
  const [train, test] = [await part('train', quick), await part('test', quick)]
  const { users, items, pairs } = train.manifest
  const [{ gflops: gemm }] = (await runPeer<{ gflops: number }>(peersPython('main', ['numpy']), 'gemm.py', [])) as [
    { gflops: number },
  ]
  report.print({ users, items, pairs, gemmGflops: gemm })
  const model = join(benchCache, 'ease-gowalla')
  const { seconds, peak } = await trainProcess(train, model, ['--model', 'ease'])
  const pool = new Pool({ threads: 2 })
  try {
    const models = await ModelPool.open(model, { pool, verify: false })
    const { history, users: userIds, items: itemIds } = models.artifact
    const held = heldOut(test, { byUser: history, users: userIds, items: itemIds })
    const { metrics } = await evaluate(models, held, parseMetrics('recall@20,ndcg@20'))
    await models.close()
    // An inverse of a symmetric matrix by sweeps on one triangle: n³ operations.
    const gflops = items ** 3 / seconds / 1e9
    printTable(report, `ease, ${items} items`, [
      {
        model: 'aurochs',
        seconds,
        'peak GiB': peak / 2 ** 30,
        'GFLOP/s': gflops,
        'share of gemm': gflops / gemm,
        'Recall@20': metrics['recall@20'],
        'NDCG@20': metrics['ndcg@20'],
      },
      { model: 'published', 'Recall@20': published.recall, 'NDCG@20': published.ndcg },
    ])
  } finally {
    await pool.close()
  }
  await rm(model, { recursive: true, force: true })
  return [
    atMost(`ease, ${items} items: minutes to train`, seconds / 60, minutes),
    atMost(`ease, ${items} items: GiB of memory at the peak`, peak / 2 ** 30, gibibytes),
  ]
}

/** One part of the split, imported once; for a quick run with a tenth of its items. */
async function part(name: 'train' | 'test', quick: boolean): Promise<Dataset> {
  const source = join(gowalla, `${name}.txt`)
  if (!existsSync(source)) throw new Error(`${source} is not there: ease is measured on LightGCN's split of Gowalla`)
  await mkdir(benchCache, { recursive: true })
  const out = join(benchCache, `gowalla-${name}${quick ? '-quick' : ''}`)
  if (existsSync(out)) return Dataset.open(out)
  const pairs = join(benchCache, `gowalla-${name}.csv`)
  const file = createWriteStream(pairs)
  file.write('user,item\n')
  for (const line of readFileSync(source, 'utf8').split('\n')) {
    const [user, ...items] = line.trim().split(' ').map(Number)
    for (const item of items) if (!quick || item % 10 === 0) file.write(`${user},${item}\n`)
  }
  file.end()
  await finished(file)
  await importDataset({ sources: [pairs], user: 'user', item: 'item', out })
  await rm(pairs)
  return Dataset.open(out)
}
