/** Blends of models, by the fusion of the registry's `blend`, of lists that are there. */
import { evaluate, type Ranker } from '../../src/evaluation/evaluate.ts'
import { requestOf } from '../../src/evaluation/requests.ts'
import type { UserValues } from '../../src/evaluation/significance/user-values.ts'
import type { HeldOut } from '../../src/evaluation/splits/held-out.ts'
import type { ItemList } from '../../src/models/algorithm.ts'
import { fused, type Normalisation, normalisations } from '../../src/models/composite/blend/fusion.ts'
import { ModelPool } from '../../src/models/open/model-pool.ts'
import type { Pool } from '../../src/parallel/pool.ts'
import type { Draw } from './data.ts'
import { meansOfDraws } from './summary.ts'
import { songMetrics } from './tagged.ts'

/** Items of a list: as many as any metric looks at. */
export const depth = 250

/** By model, the list of each judged playlist of each draw. */
export type Lists = Readonly<Record<string, readonly (readonly ItemList[])[]>>

export interface Blend {
  /** Of each model. */
  readonly weights: Readonly<Record<string, number>>
  readonly normalisation: Normalisation
}

/** Of each draw. */
export async function listsOf(
  directory: string,
  draws: readonly Draw[],
  pool: Pool,
): Promise<readonly (readonly ItemList[])[]> {
  const models = await ModelPool.open(directory, { pool, verify: false })
  try {
    const lists: (readonly ItemList[])[] = []
    for (const { held } of draws) {
      const requests = [...held.rows.keys()].map(at => requestOf(held, at, { limit: depth, only: undefined }))
      lists.push(await models.rank(requests))
    }
    return lists
  } finally {
    await models.close()
  }
}

/** NDCG@100 and R-precision of lists, of each draw. */
export async function judgeLists(
  lists: readonly (readonly Pick<ItemList, 'items'>[])[],
  draws: readonly Draw[],
): Promise<readonly UserValues[]> {
  const judged: UserValues[] = []
  for (const [draw, { held }] of draws.entries()) {
    judged.push((await evaluate(rankerOf(lists[draw]!, held), held, songMetrics)).perUser)
  }
  return judged
}

/** A ranker that gives these lists, in the order of the judged playlists. */
function rankerOf(lists: readonly Pick<ItemList, 'items'>[], held: HeldOut): Ranker {
  let next = 0
  return { items: held.training.columns, rank: async requests => requests.map(() => lists[next++]!) }
}

/** Of each draw. */
export function blended(lists: Lists, { weights, normalisation }: Blend): readonly (readonly ItemList[])[] {
  const names = Object.keys(weights).filter(name => weights[name]! > 0)
  return lists[names[0]!]!.map((ofDraw, draw) =>
    ofDraw.map((_, at) => {
      const parts = names.map(name => {
        const list = lists[name]![draw]![at]!
        return { list, weight: weights[name]!, source: 0, isWhole: list.items.length < depth }
      })
      return fused(parts, depth, { normalisation, depth: 200 })
    }),
  )
}

/** Weights beside that of the first model, which is 1. */
const weightGrid = [0, 0.1, 0.2, 0.4, 0.7, 1, 1.5, 2.5]

/** Times that each weight is chosen anew. */
const rounds = 2

/**
 * The blend with the best sum of NDCG@100 and R-precision: for each normalisation the weights of the models, all 0.4 beside the first at the
 * begin, are chosen one after the other.
 */
export async function bestBlend(lists: Lists, draws: readonly Draw[]): Promise<{ blend: Blend; score: number }> {
  const [first, ...others] = Object.keys(lists) as [string, ...string[]]
  let best: { blend: Blend; score: number } | undefined
  for (const normalisation of normalisations) {
    const weights: Record<string, number> = { [first]: 1 }
    for (const name of others) weights[name] = 0.4
    let score = await blendScore(lists, { weights, normalisation }, draws)
    for (let round = 0; round < rounds; round++) {
      for (const name of others) {
        for (const weight of weightGrid) {
          if (weight === weights[name]) continue
          const candidate = await blendScore(lists, { weights: { ...weights, [name]: weight }, normalisation }, draws)
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

async function blendScore(lists: Lists, blend: Blend, draws: readonly Draw[]): Promise<number> {
  return songScore(await judgeLists(blended(lists, blend), draws))
}

/** What options and blends are chosen by. */
export function songScore(draws: readonly UserValues[]): number {
  const means = meansOfDraws(draws)
  return means['ndcg@100']! + means['r_precision@250']!
}
