import { evaluate } from '../../src/evaluation/evaluate.ts'
import { parseMetrics } from '../../src/evaluation/metrics/metrics.ts'
import type { HeldOut } from '../../src/evaluation/splits/held-out.ts'
import { freeSharedMemory } from '../../src/parallel/free-shared-memory.ts'
import type { Pool } from '../../src/parallel/pool.ts'
import { factorRanker } from '../peers/factor-ranker.ts'
import type { Factors } from './library.ts'

export interface Quality {
  readonly recall: number
  readonly ndcg: number
}

/** Recall@20 and NDCG@20 of the lists that factors give, whoever trained them: all items ranked, those of the training left out. */
export async function qualityOf(factors: Factors, held: HeldOut, pool: Pool): Promise<Quality> {
  await freeSharedMemory(pool)
  const ranker = factorRanker(pool, { ...factors, history: held.training })
  const { metrics } = await evaluate(ranker, held, parseMetrics('recall@20,ndcg@20'))
  return { recall: metrics['recall@20']!, ndcg: metrics['ndcg@20']! }
}
