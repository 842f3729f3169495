import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { popular } from '../../src/models/popular/index.ts'
import { Pool } from '../../src/parallel/pool.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { imported } from '../ingest/imported.ts'
import { freshFolder } from '../storage/folder.ts'
import { forgedModel, withValue } from './forged.ts'
import { requestOf } from './requests.ts'
import { trained } from './trained.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 1 })
})
afterAll(() => pool.close())

const day = 86_400_000

type Event = readonly [user: number, item: number, day: number]

/** The events as a dataset with times. */
function timed(events: readonly Event[]): Promise<Dataset> {
  const lines = events.map(([user, item, at]) => `u${user},i${item},${at * day}`)
  return imported(freshFolder(), `user,item,t\n${lines.join('\n')}\n`, { time: 't', timeUnit: 'ms' })
}

const train = (dataset: Dataset, halfLife: number) => trained(popular, dataset, { pool, options: { halfLife } })

/** All items by what they count, the slow way. */
function naive(dataset: Dataset, events: readonly Event[], halfLife: number) {
  const newest = Math.max(...events.map(([, , at]) => at))
  const pairs = new Map<string, number>()
  for (const [user, item, at] of events) {
    const pair = `${user} i${item}`
    pairs.set(pair, (pairs.get(pair) ?? 0) + 2 ** ((at - newest) / halfLife))
  }
  const counting = [...pairs].map(([pair, sum]) => [pair.split(' ')[1], Math.min(1, sum)] as const)
  const mean = counting.reduce((all, [, count]) => all + count, 0) / counting.length
  return Array.from({ length: dataset.items.size }, (_, row) =>
    counting.reduce((all, [item, count]) => (item === dataset.items.at(row) ? all + count / mean : all), 0),
  )
}

test('an item counts its users by when they had it, from the newest event back', async () => {
  const events = fc.array(fc.tuple(fc.nat(9), fc.nat(6), fc.nat(100)), { minLength: 1, maxLength: 120 })
  await fc.assert(
    fc.asyncProperty(events, fc.constantFrom(0.5, 7, 1000), async (events, halfLife) => {
      const dataset = await timed(events)
      const model = OpenModel.open(await train(dataset, halfLife))
      const expected = naive(dataset, events, halfLife)
      const [list] = model.rank([requestOf(0, { seen: 'allow', limit: 100 })])
      expect(list!.items).toHaveLength(expected.length)
      list!.scores.forEach((score, at) => {
        expect(score).toBeCloseTo(expected[list!.items[at]!]!, 3)
        if (at > 0) expect(score).toBeLessThanOrEqual(list!.scores[at - 1]!)
      })
      // Who is not known gets the same.
      const [unknown] = model.rank([requestOf(-1, { limit: 100 })])
      expect([unknown!.basis, [...unknown!.items]]).toEqual(['popularity', [...list!.items]])
    }),
    { numRuns: 6 },
  )
})

test('what is old counts less, whenever the training is', async () => {
  const dataset = await timed([...[1, 2, 3].map(user => [user, 1, 0] as const), [4, 2, 100], [5, 2, 100]])
  const first = async (directory: string) => {
    const model = OpenModel.open(directory)
    const [list] = model.rank([requestOf(-1, { limit: 1 })])
    return model.artifact.items.at(list!.items[0]!)
  }
  expect(await first(await trained(popular, dataset, { pool }))).toBe('i1')
  expect(await first(await train(dataset, 10))).toBe('i2')
  expect(await first(await train(dataset, 100_000))).toBe('i1')
})

test('a dataset without times is refused with the remedy, before anything is written', async () => {
  const dataset = await imported(freshFolder(), 'user,item\n1,2\n1,3\n')
  const directory = join(freshFolder(), 'model')
  await expect(trained(popular, dataset, { pool, directory, options: { halfLife: 3 } })).rejects.toThrow(
    'a half-life (halfLife, --half-life) needs times: import the source with times (time, --time), or leave it out',
  )
  expect(() => OpenModel.open(directory)).toThrow('there is no model')
})

test('aborting ends the training with the reason', async () => {
  const reason = new Error('enough')
  const signal = AbortSignal.abort(reason)
  const dataset = await timed([[1, 1, 1]])
  await expect(trained(popular, dataset, { pool, signal, options: { halfLife: 3 } })).rejects.toBe(reason)
})

test('damage of what items count is found', async () => {
  const directory = await train(
    await timed([
      [1, 1, 1],
      [2, 1, 3],
      [2, 2, 5],
    ]),
    2,
  )
  const file = 'tensors.safetensors'
  for (const [name, value] of [
    ['sums', Number.NaN],
    ['sums', -1],
    ['order', 7],
    ['order', 1],
  ] as const) {
    const { artifact } = OpenModel.open(directory)
    const place = name === 'order' && artifact.tensor('order', Uint32Array).data[0] === value ? 1 : 0
    const copy = await forgedModel(directory, file, tensors => withValue(tensors, name, place, value))
    expect(() => OpenModel.open(copy), `${name} ${value}`).toThrow(
      `${join(copy, file)} is damaged: the tensor ${name}:`,
    )
  }
})
