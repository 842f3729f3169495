/** Blends of models, by the fusion of the registry's `blend`, of lists that are there. */
import { evaluate, type Ranker } from '../../src/evaluation/evaluate.ts'
import { requestOf } from '../../src/evaluation/requests.ts'
import type { HeldOut } from '../../src/evaluation/splits/held-out.ts'
import type { ItemList } from '../../src/models/algorithm.ts'
import { fused } from '../../src/models/composite/blend/fusion.ts'
import { ModelPool } from '../../src/models/open/model-pool.ts'
import type { Pool } from '../../src/parallel/pool.ts'
import { songMetrics } from './tagged.ts'

/** Items of a list: as many as any metric looks at. */
export const depth = 250

/** The list of each judged playlist, by model. */
export type Lists = Readonly<Record<string, readonly ItemList[]>>

/** A weight for each of some models. */
export type Weights = Readonly<Record<string, number>>

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

export function blended(lists: Lists, weights: Weights): readonly ItemList[] {
  const names = Object.keys(weights).filter(name => weights[name]! > 0)
  return lists[names[0]!]!.map((_, at) => {
    const parts = names.map(name => {
      const list = lists[name]![at]!
      return { list, weight: weights[name]!, source: 0, isWhole: list.items.length < depth }
    })
    return fused(parts, depth, { normalisation: 'norm', depth: 200 })
  })
}

/** The weights, of a grid, of the blend with the best NDCG@100; the first model has weight 1. */
export async function bestWeights(lists: Lists, held: HeldOut): Promise<{ weights: Weights; score: number }> {
  const [first, ...others] = Object.keys(lists) as [string, ...string[]]
  let grid: Weights[] = [{ [first]: 1 }]
  for (const name of others)
    grid = grid.flatMap(weights => [0, 0.4, 0.8, 1.5].map(weight => ({ ...weights, [name]: weight })))
  let best = { weights: grid[0]!, score: Number.NEGATIVE_INFINITY }
  for (const weights of grid) {
    const { metrics } = await evaluate(given(blended(lists, weights), held), held, songMetrics)
    const score = metrics['ndcg@100']!
    if (score > best.score) best = { weights, score }
  }
  return best
}
