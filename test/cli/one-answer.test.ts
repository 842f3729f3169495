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
import { aurochs } from './aurochs.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 2 })
})
afterAll(() => pool.close())

const limit = 7

test.each(algorithms.map(algorithm => [algorithm.name, algorithm] as const))(
  '%s: a user gets the same items, scores and sources from `recommend`, from what is evaluated and from the server',
  async (_, algorithm) => {
    const model = await trained(algorithm, await datasetOf(randomInteractions(40, 30, 5)), { pool })
    // The last two are those of nobody.
    const ids = ['0', '7', '21', '39', '40', 'ann']
    const { status, stderr, json } = await aurochs('recommend', model, ...ids, '--limit', `${limit}`, '--json')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const printed = (json() as PrintedList[]).map(({ user, basis, items }) => ({ user: String(user), basis, items }))
    expect(printed.map(({ items }) => items.length)).toEqual(ids.map(() => limit))

    const models = await ModelPool.open(model, { pool })
    const { users, items } = models.artifact
    const rankings = await models.rank(ids.map(id => requestOf(users.indexOf(id), { limit, now: Date.now() })))
    const evaluated = rankings.map((ranking, at) => ({
      user: ids[at],
      basis: ranking.basis,
      items: Array.from(ranking.items, (row, place) => ({
        item: items.at(row),
        score: ranking.scores[place],
        source: itemSources[ranking.sources[place]!],
      })),
    }))
    await models.close()
    expect(evaluated).toEqual(printed)

    const server = await serve({ model, state: join(freshFolder(), 'state'), port: 0, threads: 1 })
    const served = await Promise.all(
      ids.map(async id => {
        const answer = await fetch(`${server.url}/v1/recommend/${id}?limit=${limit}`)
        const { user, basis, items } = (await answer.json()) as PrintedList
        return { user, basis, items }
      }),
    )
    await server.close()
    expect(served).toEqual(printed)
  },
)

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
