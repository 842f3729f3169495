/** Blends of models, by the fusion of the registry's `blend`, of lists that are there. */
import { evaluate, type Ranker } from '../../src/evaluation/evaluate.ts'
import { requestOf } from '../../src/evaluation/requests.ts'
import type { HeldOut } from '../../src/evaluation/splits/held-out.ts'
import type { ItemList } from '../../src/models/algorithm.ts'
import { fused, type Normalisation, normalisations } from '../../src/models/composite/blend/fusion.ts'
import { ModelPool } from '../../src/models/open/model-pool.ts'
import type { Pool } from '../../src/parallel/pool.ts'
import { songMetrics } from './tagged.ts'

/** Items of a list: as many as any metric looks at. */
export const depth = 250

/** The list of each judged playlist, by model. */
export type Lists = Readonly<Record<string, readonly ItemList[]>>

export interface Blend {
  /** Of each model. */
  readonly weights: Readonly<Record<string, number>>
  readonly normalisation: Normalisation
}

export async function listsOf(directory: string, held: HeldOut, pool: Pool): Promise<readonly ItemList[]> {
  const models = await ModelPool.open(directory, { pool, verify: false })
  try {
    return await models.rank([...held.rows.keys()].map(at => requestOf(held, at, { limit: depth, only: undefined })))
  } finally {
    await models.close()
  }
}

/** A ranker that gives these lists, in the order of the judged playlists. */
export function given(lists: readonly Pick<ItemList, 'items'>[], held: HeldOut): Ranker {
  let next = 0
  return { items: held.training.columns, rank: async requests => requests.map(() => lists[next++]!) }
}

export function blended(lists: Lists, { weights, normalisation }: Blend): readonly ItemList[] {
  const names = Object.keys(weights).filter(name => weights[name]! > 0)
  return lists[names[0]!]!.map((_, at) => {
    const parts = names.map(name => {
      const list = lists[name]![at]!
      return { list, weight: weights[name]!, source: 0, isWhole: list.items.length < depth }
    })
    return fused(parts, depth, { normalisation, depth: 200 })
  })
}

/** Weights beside that of the first model, which is 1. */
const weightGrid = [0, 0.2, 0.4, 0.7, 1, 1.5, 2.5]

/** Times that each weight is chosen anew. */
const rounds = 2

/**
 * The blend with the best sum of NDCG@100 and R-precision: for each normalisation the weights of the models, all 0.4 beside the first at the
 * begin, are chosen one after the other.
 */
export async function bestBlend(lists: Lists, held: HeldOut): Promise<{ blend: Blend; score: number }> {
  const [first, ...others] = Object.keys(lists) as [string, ...string[]]
  let best: { blend: Blend; score: number } | undefined
  for (const normalisation of normalisations) {
    const weights: Record<string, number> = { [first]: 1 }
    for (const name of others) weights[name] = 0.4
    let score = await blendScore(lists, { weights, normalisation }, held)
    for (let round = 0; round < rounds; round++) {
      for (const name of others) {
        for (const weight of weightGrid) {
          if (weight === weights[name]) continue
          const candidate = await blendScore(lists, { weights: { ...weights, [name]: weight }, normalisation }, held)
          if (candidate <= score) continue
          score = candidate
          weights[name] = weight
        }
      }
    }
    if (!best || score > best.score) best = { blend: { weights, normalisation }, score }
  }
  return best!
}

async function blendScore(lists: Lists, blend: Blend, held: HeldOut): Promise<number> {
  const { metrics } = await evaluate(given(blended(lists, blend), held), held, songMetrics)
  return songScore(metrics)
}

/** What options and blends are chosen by. */
export function songScore(metrics: Readonly<Record<string, number>>): number {
  return metrics['ndcg@100']! + metrics['r_precision@250']!
}
