import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Program, startProgram, stopProgram } from '../../bench/stream/program.ts'
import { RpcClient } from '../../src/client/rpc/index.ts'
import { aurochs, aurochsInTurn } from './aurochs.ts'

const folder = mkdtempSync(join(tmpdir(), 'aurochs-state-'))
const [plays, model, state] = ['plays', 'model', 'events'].map(name => join(folder, name)) as [string, string, string]
const rpc = `unix:${join(folder, 'rpc.sock')}`
let server: Program
let client: RpcClient

beforeAll(async () => {
  const rows = Array.from({ length: 60 }, (_, at) => `u${at % 12},i${(at * 5) % 17},${at}\n`).join('')
  writeFileSync(join(folder, 'plays.csv'), `user,item,t\n${rows}`)
  const done = await aurochsInTurn(
    [
      'import',
      join(folder, 'plays.csv'),
      '--user',
      'user',
      '--item',
      'item',
      '--time',
      't',
      '--time-unit',
      's',
      '--out',
      plays,
    ],
    ['train', plays, '--out', model, '--factors', '4', '--threads', '1'],
  )
  expect(done.map(({ status, stderr }) => [status, stderr])).toEqual([
    [0, ''],
    [0, ''],
  ])
  server = await startProgram('dist/cli/main.js', [
    'serve',
    model,
    '--state',
    state,
    '--port',
    '0',
    '--rpc',
    rpc,
    '--threads',
    '1',
    '--json',
    '--log-level',
    'warn',
  ])
  client = await RpcClient.connect(rpc)
})

afterAll(async () => {
  client.close()
  await stopProgram(server)
  rmSync(folder, { recursive: true })
})

const record = (user: string, item: string, id = `${user} ${item}`) => client.call('record', { id, user, item })

test('what is recorded is retrained, served without a restart, rolled back, exported, copied and forgotten', async () => {
  for (let user = 0; user < 12; user++) expect(await record(`u${user}`, 'new')).toMatchObject({ known: false })
  await record('someone', 'new')
  await record('someone', 'i3')
  const before = await client.call('info', {})
  const options = ['--state', state, '--out', plays, '--replace', '--train', model, '--threads', '1']
  const retrained = await aurochs('retrain', plays, ...options, '--swap', rpc)
  expect(retrained.stderr).toBe('')
  expect(retrained.stdout).toMatch(/plays: 14 events more; 13 users \(1 new\) × 18 items \(1 new\), \d+ pairs\n/)
  const after = await client.call('info', {})
  expect(after.model).toMatchObject({ users: 13, items: 18 })
  expect(retrained.stdout).toContain(`${rpc} serves it now, as ${after.generation}\n`)
  const { items } = await client.call('recommend', { user: 'stranger', limit: 18 })
  expect(items.map(({ item }) => item)).toContain('new')

  const again = await aurochs('retrain', plays, ...options)
  expect(again.stdout).toBe(`${plays}: there is nothing new\n`)

  expect((await aurochs('rollback', model, '--swap', rpc)).stdout).toContain(
    `${rpc} serves it now, as ${before.generation}\n`,
  )
  expect((await client.call('rollback', { from: before.generation })).generation).toBe(after.generation)

  const copy = join(folder, 'copy')
  const parquet = join(folder, 'events.parquet')
  const [copied, exported, lines] = await aurochsInTurn(
    ['backup', '--state', state, '--out', copy],
    ['export-events', '--state', state, '--out', parquet],
    ['export-events', '--state', state, '--out', '-', '--after', '12'],
  )
  expect([copied!.stdout, exported!.stdout]).toEqual([`${copy}: a copy of ${state}\n`, `${parquet}: 14 events\n`])
  expect(lines!.json()).toEqual([
    expect.objectContaining({ position: 13, user: 'someone', item: 'new', weight: 1 }),
    expect.objectContaining({ position: 14, user: 'someone', item: 'i3' }),
  ])
  const imported = await aurochs(
    'import',
    parquet,
    '--user',
    'user',
    '--item',
    'item',
    '--time',
    'time',
    '--weight',
    'weight',
    '--out',
    join(folder, 'of-events'),
  )
  expect(imported.stdout).toContain('13 users, 2 items, 14 pairs, 14 events')

  const forgotten = await aurochs('forget', 'someone', plays, '--rpc', rpc, '--json')
  expect(forgotten.stderr).toBe('')
  expect(forgotten.json()).toEqual([{ events: 2, directories: [model, plays] }])
  await expect(client.call('recommend', { user: 'someone', unknown: 'error' })).rejects.toMatchObject({
    code: 'unknown_user',
  })
  for (const directory of [plays, model, `${model}.previous`, state]) {
    for (const name of readdirSync(directory))
      expect(readFileSync(join(directory, name)).includes('someone')).toBe(false)
  }

  // Another process has the copy to itself, not the state.
  const keep = ['--keep', '0s', '--keep-ids', '0s']
  const [busy, compacted, gone] = await aurochsInTurn(
    ['compact', plays, '--state', state, ...keep],
    ['compact', plays, '--state', copy, ...keep],
    ['forget', 'u1', '--state', copy],
  )
  expect([busy!.status, busy!.stderr]).toEqual([1, expect.stringContaining('is in use by another server')])
  expect(compacted!.stdout).toBe(
    `${copy}: 14 events removed, 0 ids of those removed before, and 0 items shown long ago; all that is named has the events up to position 14 of 14\n`,
  )
  expect(gone!.stdout).toBe('removed 0 events; changed no dataset and no model\n')
})

test('what is wrong is said, and nothing is changed', async () => {
  const none = join(folder, 'none')
  const runs = await aurochsInTurn(
    ['retrain', plays, '--state', none, '--out', plays],
    ['retrain', plays, '--state', state, '--out', plays],
    ['retrain', plays, '--state', state, '--out', join(folder, 'x'), '--swap', rpc],
    ['rollback', plays],
    ['backup', '--state', state, '--out', plays],
    ['backup', '--state', none, '--out', join(folder, 'y')],
    ['forget', 'ann', '--state', state, '--rpc', rpc],
    ['forget', 'ann', '--state', none],
    ['forget', 'u1', none, '--rpc', rpc],
    ['rollback', model, '--swap', `unix:${none}.sock`],
    ['export-events', '--state', state, '--out', join(folder, 'events.parquet')],
    ['serve', model, '--state', none, '--retrain', '1h', '--dataset', model],
    ['compact', none, '--state', state],
    ['serve', model, '--state', none, '--retrain', '1h'],
    ['serve', model, '--state', none, '--keep', '1h'],
  )
  expect(runs.map(({ status, stderr }) => [status, stderr])).toEqual([
    [1, expect.stringContaining(`there is no ${join(none, 'events.db')}`)],
    [
      1,
      expect.stringContaining(`${plays} exists: remove it, choose another place, or replace it (replace, --replace)`),
    ],
    [2, 'aurochs: --swap needs --train: name the model to be served\n'],
    [1, expect.stringContaining(`there is no ${plays}.previous`)],
    [1, expect.stringContaining(`${plays} exists: name another place for the copy`)],
    [1, expect.stringContaining(`there is no ${join(none, 'events.db')}`)],
    [2, expect.stringContaining('name either --state, of a server that does not run, or --rpc, of one that does')],
    [1, expect.stringContaining(`there is no ${join(none, 'events.db')}`)],
    [2, expect.stringContaining(`${none} is neither a dataset nor a model: nothing was removed`)],
    [1, expect.stringContaining('cannot connect to')],
    [1, expect.stringContaining('events.parquet exists: name another file, or replace it (replace, --replace)')],
    [1, expect.stringContaining('must be a dataset')],
    [1, expect.stringContaining('is in use by another server')],
    [2, 'aurochs: --retrain needs --dataset: name the one that the model was trained on\n'],
    [2, 'aurochs: --dataset, --keep and --keep-ids need --retrain: say how often\n'],
  ])
  expect([existsSync(join(folder, 'x')), existsSync(join(folder, 'y')), existsSync(none)]).toEqual([
    false,
    false,
    false,
  ])
})
