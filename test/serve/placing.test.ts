import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { catalogue, fresh, writeGenreModels } from '../recommend/genres.ts'
import { addKey } from './keys.ts'
import { Program } from './program.ts'

let directory: string
let program: Program
let key: string

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'aurochs-placing-'))
  await writeGenreModels(directory, ['als'])
  key = addKey(join(directory, 'state'), { admin: 'all' }).key
  await start()
  return async () => {
    await program.stop('SIGKILL')
    rmSync(directory, { recursive: true })
  }
})

async function start(): Promise<void> {
  program = await Program.start([
    join(directory, 'als'),
    ...['--port', '0', '--state', join(directory, 'state'), '--threads', '1'],
  ])
}

async function http(path: string, body?: object) {
  const headers = { authorization: `Bearer ${key}` }
  const init = body ? { method: 'POST', body: JSON.stringify(body), headers } : { headers }
  const response = await fetch(program.url + path, init)
  return { status: response.status, body: await response.json() }
}

/** The list of the user whose items are of genre 1, once it is as wanted. */
async function list(isWanted: (ids: readonly string[]) => boolean): Promise<{ item: string; score: number }[]> {
  for (;;) {
    const { items } = (await http('/v1/recommend/u1?limit=20')).body
    if (isWanted(items.map(({ item }: { item: string }) => item))) return items
    await wait(20)
  }
}

test('an item that is put is in lists and similar lists within a moment, after kill -9 as well, and not once it is hidden', async () => {
  expect((await http('/v1/put_items', { items: [...catalogue, fresh('n1', 1)] })).status).toBe(200)
  const before = await list(ids => ids.includes('n1'))
  const similar = (await http('/v1/similar/n1?limit=5')).body.items
  expect(similar).toHaveLength(5)
  expect((await http('/v1/explain/u1?items=n1')).body.items).toMatchObject([{ item: 'n1', source: 'fresh' }])
  const { placing } = (await http('/v1/info')).body.model
  expect(placing).toMatchObject({ known: 40, isBetterThanChance: true })
  expect(await program.stop('SIGKILL')).toBe('SIGKILL')

  await start()
  expect(await list(ids => ids.includes('n1'))).toEqual(before)
  expect((await http('/v1/similar/n1?limit=5')).body.items).toEqual(similar)
  await http('/v1/hide_items', { items: ['n1'] })
  expect((await list(() => true)).map(({ item }) => item)).not.toContain('n1')
})

test('vectors of the wrong length are refused by name, and what was placed before stays', async () => {
  await http('/v1/put_items', { items: [{ ...fresh('n2', 1), vector: [1, 0, 0] }] })
  await list(ids => ids.includes('n2'))
  const { status, body } = await http('/v1/put_items', { items: [{ ...fresh('n3', 1), vector: [1, 0] }] })
  expect(status).toBe(400)
  expect(body.error.message).toContain('item "n3", vector: expected 3 numbers')
  expect((await list(ids => ids.includes('n2'))).map(({ item }) => item)).not.toContain('n3')
})
