import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type WriteListsOptions, writeLists } from '../../src/interchange/lists/write-lists.ts'
import { itemSources, noEvents } from '../../src/models/algorithm.ts'
import { als } from '../../src/models/factors/als/index.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { plainId } from '../../src/storage/ids.ts'
import { aurochs, aurochsInTurn } from '../cli/aurochs.ts'
import { checkerboard, datasetOf, randomInteractions } from '../models/interactions.ts'
import { smallModel } from '../models/small-model.ts'
import { trained } from '../models/trained.ts'
import { freshFolder } from '../storage/folder.ts'
import { rowsOf } from './parquet.ts'

const columns = 'select "user", "rank", item, score, source from'

/** What the files should have, by the model itself. */
function expected(directory: string, limit: number, seen: 'allow' | 'exclude') {
  const model = OpenModel.open(directory)
  const { users, items } = model.artifact
  const exclude = new Uint32Array(0)
  const requests = Array.from({ length: users.size }, (_, user) => ({ user, recent: noEvents, seen, limit, exclude }))
  const rows = model.rank(requests).flatMap((list, user) =>
    Array.from(list.items, (item, at) => ({
      user: plainId(users.at(user)),
      rank: at + 1,
      item: plainId(items.at(item)),
      score: list.scores[at],
      source: itemSources[list.sources[at]!],
    })),
  )
  model.close()
  return rows
}

async function randomModel(): Promise<string> {
  const pool = new Pool({ threads: 2 })
  const directory = await trained(als, await datasetOf(randomInteractions(157, 40, 5)), { pool })
  await pool.close()
  return directory
}

const write = (model: string, out: string, options: WriteListsOptions = {}) =>
  writeLists(model, out, { threads: 2, ...options })

test('lists of all users are those that the model gives, however they are cut into parts', async () => {
  const model = await randomModel()
  for (const [usersInPart, seen] of [
    [1000, 'exclude'],
    [50, 'allow'],
    [157, 'exclude'],
  ] as const) {
    const out = join(freshFolder(), 'lists')
    const manifest = await write(model, out, { limit: 7, seen, usersInPart })
    expect(manifest).toMatchObject({ users: 157, limit: 7, seen, complete: true })
    const parts = readdirSync(out).filter(name => name.endsWith('.parquet'))
    expect(parts).toHaveLength(Math.ceil(157 / usersInPart))
    expect(readdirSync(out).sort()).toEqual(['lists.json', ...parts].sort())
    expect(await rowsOf(`${columns} '${out}/*.parquet'`)).toEqual(expected(model, 7, seen))
  }
})

test('ids of text stay text, and users without further items have none', async () => {
  const { directory } = await smallModel()
  const out = join(freshFolder(), 'lists')
  await write(directory, out, { limit: 3 })
  const rows = await rowsOf(`${columns} '${out}/*.parquet'`)
  expect(rows).toEqual(expected(directory, 3, 'exclude'))
  expect(rows.map(({ user, item }) => [user, item])).toEqual([
    ['ada', 40],
    ['bo', 10],
    ['bo', 40],
  ])
})

test('what was interrupted goes on: whole parts are kept, and the rest is as if nothing had been', async () => {
  const model = await randomModel()
  const out = join(freshFolder(), 'lists')
  const controller = new AbortController()
  const whole = () => readdirSync(out).filter(name => name.endsWith('.parquet'))
  const interrupted = write(model, out, {
    usersInPart: 20,
    signal: controller.signal,
    onProgress: ({ users }) => users >= 60 && controller.abort(new Error('enough')),
  })
  await expect(interrupted).rejects.toThrow('enough')
  const kept = whole()
  expect(kept.length).toBeGreaterThanOrEqual(2)
  expect(kept.length).toBeLessThan(8)
  expect(readdirSync(out).sort()).toEqual(['lists.json', ...kept].sort())
  const times = kept.map(name => statSync(join(out, name)).mtimeMs)
  const seen: number[] = []
  const manifest = await write(model, out, {
    onProgress: ({ users, before }) => {
      seen.push(users)
      expect(before).toBe(20 * kept.length)
    },
  })
  expect(seen[0]).toBe(20 * kept.length)
  expect(seen.at(-1)).toBe(157)
  expect(manifest.complete).toBe(true)
  expect(kept.map(name => statSync(join(out, name)).mtimeMs)).toEqual(times)
  expect(whole()).toHaveLength(8)
  expect(await rowsOf(`${columns} '${out}/*.parquet'`)).toEqual(expected(model, 10, 'exclude'))
  // A part that is lost is made again, and of what is whole nothing.
  rmSync(join(out, whole()[3]!))
  await write(model, out)
  expect(await rowsOf(`${columns} '${out}/*.parquet'`)).toEqual(expected(model, 10, 'exclude'))
})

test('a process that is killed leaves whole parts, with which the next goes on', async () => {
  const model = await randomModel()
  const out = join(freshFolder(), 'lists')
  await write(model, out, { usersInPart: 50 })
  // As such a process leaves them: without the last parts, and with one that it was writing.
  for (const part of ['part-00002.parquet', 'part-00003.parquet']) rmSync(join(out, part))
  mkdirSync(join(out, '.part-00002.parquet.elsewhere-1.0badcafe.partial'))
  writeFileSync(join(out, 'lists.json'), readFileSync(join(out, 'lists.json'), 'utf8').replace('true', 'false'))
  await write(model, out)
  expect(JSON.parse(readFileSync(join(out, 'lists.json'), 'utf8'))).toMatchObject({ complete: true, usersInPart: 50 })
  expect(await rowsOf(`${columns} '${out}/*.parquet'`)).toEqual(expected(model, 10, 'exclude'))
})

test('lists of another model or limit are not mixed, but replaced where that is asked for', async () => {
  const [first, second] = [await randomModel(), (await smallModel()).directory]
  const out = join(freshFolder(), 'lists')
  await write(first, out, { usersInPart: 50 })
  await expect(write(second, out)).rejects.toThrow(
    /must hold lists of the model \w{16} to go on, but holds \w{16}: begin anew \(replace, --replace\), ask for the same, or choose another place/,
  )
  await expect(write(first, out, { limit: 3 })).rejects.toThrow('must hold lists with limit 3 to go on, but holds 10')
  await write(second, out, { replace: true })
  expect(readdirSync(out).sort()).toEqual(['lists.json', 'part-00000.parquet'])
  expect(await rowsOf(`${columns} '${out}/*.parquet'`)).toEqual(expected(second, 10, 'exclude'))
})

test('a directory of other files is left alone, and a damaged manifest is named', async () => {
  const { directory } = await smallModel()
  const out = join(freshFolder(), 'lists')
  mkdirSync(out)
  writeFileSync(join(out, 'mine.txt'), 'precious')
  await expect(write(directory, out, { replace: true })).rejects.toThrow(
    'lists must be empty or hold lists, but holds mine.txt and no lists.json: choose another place',
  )
  expect(existsSync(join(out, 'mine.txt'))).toBe(true)
  rmSync(join(out, 'mine.txt'))
  writeFileSync(join(out, 'lists.json'), '{"format": "aurochs-lists"}')
  await expect(write(directory, out)).rejects.toThrow('lists.json is damaged: version must be')
  expect(await write(directory, out, { replace: true })).toMatchObject({ complete: true })
})

test('the command writes them, says how many, and what it expects', async () => {
  const pool = new Pool({ threads: 1 })
  const directory = await trained(als, await datasetOf(checkerboard(20)), { pool })
  await pool.close()
  const out = join(freshFolder(), 'lists')
  const done = await aurochs('recommend', directory, '--all', '--out', out, '--limit', '4', '--threads', '1')
  expect(done.stderr).toBe('')
  expect(done.stdout).toMatch(/^.*lists: lists of up to 4 items for 20 users \(\d+\.\d s\)\n$/)
  const [again, json, lacking, both, neither, foreign] = await aurochsInTurn(
    ['recommend', directory, '--all', '--out', out, '--limit', '4'],
    ['recommend', directory, '--all', '--out', out, '--limit', '4', '--replace', '--json'],
    ['recommend', directory, '--all'],
    ['recommend', directory, '4', '--all', '--out', out],
    ['recommend', directory],
    ['recommend', directory, '4', '--out', out],
  )
  expect(again!.stdout).toContain('for 20 users, 20 of them from an earlier run')
  expect(json!.json()).toMatchObject([{ format: 'aurochs-lists', users: 20, limit: 4, complete: true }])
  expect(await rowsOf(`${columns} '${out}/*.parquet'`)).toEqual(expected(directory, 4, 'exclude'))
  expect([lacking, both, neither, foreign].map(run => run!.status)).toEqual([2, 2, 2, 2])
  expect(lacking!.stderr).toContain('--all needs --out, the directory of the lists; got nothing')
  expect(both!.stderr).toContain('--all is for all users: leave it out, or the ids 4')
  expect(neither!.stderr).toContain('recommend needs ids of users, or --all with --out; got neither')
  expect(foreign!.stderr).toContain('--out is an option of --all')
})
