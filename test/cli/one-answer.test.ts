import { join } from 'node:path'
import { Command } from 'commander'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { register } from '../../src/cli/lists/recommend.ts'
import { itemSources } from '../../src/models/algorithm.ts'
import { als } from '../../src/models/factors/als/index.ts'
import { ModelPool } from '../../src/models/open/model-pool.ts'
import { algorithms } from '../../src/models/registry.ts'
import { native } from '../../src/native.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { serve } from '../../src/serve/serve.ts'
import { datasetOf, randomInteractions } from '../models/interactions.ts'
import { requestOf } from '../models/requests.ts'
import { trained } from '../models/trained.ts'
import { freshFolder } from '../storage/folder.ts'
import { aurochsInTurn } from './aurochs.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 2 })
})
afterAll(() => pool.close())

const limit = 7

test('by any algorithm a user gets the same items, scores and sources from `recommend`, from what is evaluated and from the server', async () => {
  const dataset = await datasetOf(randomInteractions(40, 30, 5))
  // The last two are those of nobody.
  const ids = ['0', '7', '21', '39', '40', 'ann']
  const directories: string[] = []
  for (const algorithm of algorithms) directories.push(await trained(algorithm, dataset, { pool }))
  const runs = await aurochsInTurn(
    ...directories.map(model => ['recommend', model, ...ids, '--limit', `${limit}`, '--json']),
  )
  for (const [at, { name }] of algorithms.entries()) {
    const [model, run] = [directories[at]!, runs[at]!]
    expect([name, run.status, run.stderr]).toEqual([name, 0, ''])
    const printed = (run.json() as PrintedList[]).map(({ user, basis, items }) => ({
      user: String(user),
      basis,
      items,
    }))
    expect(printed.map(({ items }) => items.length)).toEqual(ids.map(() => limit))
    expect(await evaluatedLists(model, ids), name).toEqual(printed)
    expect(await servedLists(model, ids), name).toEqual(printed)
  }
})

/** What an evaluation measures, as it is printed. */
async function evaluatedLists(model: string, ids: readonly string[]): Promise<object[]> {
  const models = await ModelPool.open(model, { pool })
  const { users, items } = models.artifact
  const rankings = await models.rank(ids.map(id => requestOf(users.indexOf(id), { limit, now: Date.now() })))
  const lists = rankings.map((ranking, at) => ({
    user: ids[at],
    basis: ranking.basis,
    items: Array.from(ranking.items, (row, place) => ({
      item: items.at(row),
      score: ranking.scores[place],
      source: itemSources[ranking.sources[place]!],
    })),
  }))
  await models.close()
  return lists
}

/** What a server answers. */
async function servedLists(model: string, ids: readonly string[]): Promise<object[]> {
  const server = await serve({ model, state: join(freshFolder(), 'state'), port: 0, threads: 1 })
  const lists = await Promise.all(
    ids.map(async id => {
      const answer = await fetch(`${server.url}/v1/recommend/${id}?limit=${limit}`)
      const { user, basis, items } = (await answer.json()) as PrintedList
      return { user, basis, items }
    }),
  )
  await server.close()
  return lists
}

interface PrintedList {
  readonly user: string | number
  readonly basis: string
  readonly items: readonly { readonly item: string | number; readonly score: number; readonly source: string }[]
}

test('`recommend` opens the index that is stored with the model, and builds none', async () => {
  const builders = (['topKOrder', 'topKHead', 'topKTiles'] as const).map(name => vi.spyOn(native, name))
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  try {
    const model = await trained(als, await datasetOf(randomInteractions(40, 30, 5)), { pool })
    for (const builder of builders) expect(builder).toHaveBeenCalled()
    vi.clearAllMocks()
    const program = new Command()
    register(program)
    await program.parseAsync(['recommend', model, '0', '--json'], { from: 'user' })
    expect(write).toHaveBeenCalledOnce()
    for (const builder of builders) expect(builder).not.toHaveBeenCalled()
  } finally {
    vi.restoreAllMocks()
  }
})
