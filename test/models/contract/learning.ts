import { expect, test } from 'vitest'
import { noEvents, type UserEvents } from '../../../src/models/algorithm.ts'
import { ModelPool } from '../../../src/models/open/model-pool.ts'
import { checkerboard, datasetOf } from '../interactions.ts'
import type { Contract } from './contract.ts'

const minute = 60_000

function eventsOf(...items: number[]): UserEvents {
  return {
    items: Uint32Array.from(items),
    weights: new Float32Array(items.length).fill(1),
    times: Float64Array.from(items, (_, at) => 1_800_000_000_000 + at * minute),
  }
}

/** What a model that learns from events as they come makes of them; of others, that nothing changes. */
export function testLearning({ pools, train }: Contract): void {
  test('what users do next is learned as it comes, also of items that are new, and seen by all workers', async () => {
    const directory = await train(await datasetOf(checkerboard(20)))
    const models = await ModelPool.open(directory, { pool: pools()[1]!, newItems: 2 })
    const still = await ModelPool.open(directory, { pool: pools()[1]! })
    const recent = eventsOf(models.artifact.items.indexOf(4))
    const request = { user: -1, recent, seen: 'exclude', limit: 30, exclude: new Uint32Array() } as const
    const requests = Array.from({ length: 9 }, () => request)
    const before = await models.rank(requests)
    expect(before).toEqual(await still.rank(requests))
    const [known, fresh] = [recent.items[0]!, 21]
    const learn = (user: string, item: number, time: number, weight = 1) =>
      models.learn({ user, item, weight, time: 1_800_000_000_000 + time })
    for (let user = 0; user < 40; user++) {
      learn(`u${user}`, known, user * minute)
      learn(`u${user}`, fresh, (user + 1) * minute)
    }
    const after = await models.rank(requests)
    expect(await still.rank(requests)).toEqual(before)
    if (models.learns) {
      expect(models.items).toBe(22)
      for (const { items, scores } of after) {
        // Parts that do not learn have a say, too.
        expect(scores[items.indexOf(fresh)]).toBeGreaterThan(0)
        expect(scores.every(score => Number.isFinite(score))).toBe(true)
      }
      // Who did the new item gets what came with it; filters hold for it, too.
      const [back] = await models.rank([{ ...request, recent: eventsOf(fresh) }])
      expect(back!.scores[back!.items.indexOf(known)]).toBeGreaterThan(0)
      const [without] = await models.rank([{ ...request, exclude: Uint32Array.of(fresh) }])
      expect([...without!.items]).not.toContain(fresh)
      const [only] = await models.rank([{ ...request, only: Uint32Array.of(2, fresh) }])
      expect([...only!.items].sort()).toEqual([2, fresh])
      const [seen] = await models.rank([{ ...request, recent: eventsOf(fresh, known) }])
      expect([...seen!.items]).not.toContain(fresh)
      // Nothing is learned of what takes back.
      for (let user = 0; user < 99; user++) {
        learn(`w${user}`, known, 50 * minute)
        learn(`w${user}`, 20, 51 * minute, -1)
      }
      expect([...(await models.rank([request]))[0]!.items]).not.toContain(20)
    } else {
      expect(models.items).toBe(22)
      expect(after).toEqual(before)
    }
    const [nobody] = await models.rank([{ ...request, recent: noEvents }])
    expect(nobody!.basis).toBe('popularity')
    await Promise.all([models.close(), still.close()])
  })
}
