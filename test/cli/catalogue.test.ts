import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Program } from '../serve/program.ts'
import { writeSmallModel } from '../serve/small-model.ts'
import { freshFolder } from '../storage/folder.ts'
import { aurochsInTurn } from './aurochs.ts'

test('items of a file come into a state or a running server, and out again', async () => {
  const folder = freshFolder()
  const at = (name: string) => join(folder, name)
  writeFileSync(at('items.csv'), 'id,title,tags,hidden\ni1,One,x|y,\ni2,Two <b>,x,true\ni1,"One, again",z,\n,none,,\n')
  const state = at('state')
  const [refused, imported, exported, twice, mistaken] = await aurochsInTurn(
    ['catalogue', 'import', at('items.csv'), '--state', state],
    ['catalogue', 'import', at('items.csv'), '--state', state, '--bad-rows', 'skip', '--json'],
    ['catalogue', 'export', '--state', state, '--out', at('out.ndjson')],
    ['catalogue', 'export', '--state', state, '--out', at('out.ndjson')],
    ['catalogue', 'import', at('items.csv')],
  )
  expect([refused!.status, refused!.stderr]).toEqual([
    1,
    expect.stringContaining('items.csv, row 4 after the header, id: expected text, got nothing'),
  ])
  const firstBadRow = expect.stringContaining('items.csv, row 4 after the header')
  expect(imported!.json()).toEqual([{ items: 2, duplicates: 1, badRows: 1, firstBadRow }])
  expect(exported!.stdout).toBe(`${at('out.ndjson')}: 2 items\n`)
  const lines = readFileSync(at('out.ndjson'), 'utf8').trim().split('\n')
  expect(lines.map(line => JSON.parse(line))).toEqual([
    { id: 'i1', title: 'One, again', tags: ['z'], categories: [], hidden: false },
    { id: 'i2', title: 'Two <b>', tags: ['x'], categories: [], hidden: true },
  ])
  expect([twice!.status, twice!.stderr]).toEqual([
    2,
    expect.stringContaining('exists: name another --out, or add --replace'),
  ])
  expect(mistaken!.stderr).toContain('name either --state, of a server that does not run, or --rpc, of one that does')

  await writeSmallModel(folder)
  const rpc = `unix:${at('rpc')}`
  const program = await Program.start([at('model'), '--port', '0', '--state', state, '--threads', '1', '--rpc', rpc])
  try {
    writeFileSync(
      at('more.ndjson'),
      '{"id": "i3", "vector": [1, 2]}\n{"id": "i2", "title": "Shown", "hidden": false}\n',
    )
    writeFileSync(at('wrong.ndjson'), '{"id": "i4", "vector": [1, 2, 3]}\n')
    const [busy, more, wrong] = await aurochsInTurn(
      ['catalogue', 'import', at('items.csv'), '--state', state, '--bad-rows', 'skip'],
      ['catalogue', 'import', at('more.ndjson'), '--rpc', rpc],
      ['catalogue', 'import', at('wrong.ndjson'), '--rpc', rpc],
    )
    expect([busy!.status, busy!.stderr]).toEqual([1, expect.stringContaining('is in use by another server')])
    expect(more!.stdout).toMatch(/^2 items in /)
    expect([wrong!.status, wrong!.stderr]).toEqual([
      1,
      expect.stringContaining('item "i4", vector: expected 2 numbers'),
    ])
    const found = await fetch(`${program.url}/v1/get_items?items=i2&items=i3&items=i4`)
    expect(await found.json()).toEqual({
      items: [
        { id: 'i2', title: 'Shown', tags: ['x'], categories: [], hidden: false },
        { id: 'i3', tags: [], categories: [], vector: [1, 2], hidden: false },
        null,
      ],
    })
  } finally {
    await program.stop('SIGKILL')
  }
})
