import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { importDataset } from '../../src/ingest/import.ts'
import { Dataset } from '../../src/storage/dataset.ts'
import { freshFolder } from '../storage/folder.ts'
import { imported, pairsOf } from './imported.ts'

// Each import starts a database: where machines are busy, dozens of them take their time.
vi.setConfig({ testTimeout: 60_000 })

/** The type that the column `c` with these values has in a query. */
async function typeOf(...values: string[]): Promise<string> {
  const query = 'select 1 as "user", typeof(c) as item from source'
  const dataset = await imported(freshFolder(), `c,d\n${values.map(value => `${value},1\n`).join('')}`, { query })
  return String(dataset.items.at(0))
}

test.each([
  ['BIGINT', ['7', '-3', '', '0']],
  ['DOUBLE', ['7', '1.50', '1e3', '0.5', '-0.25']],
  ['DATE', ['2024-01-31', '2024-02-01']],
  ['DATE', ['31/01/2024', '01/02/2024']],
  ['TIMESTAMP', ['2024-01-31 10:00:00', '2024-02-01 11:00:00']],
  ['BOOLEAN', ['true', 'false']],
  ['VARCHAR', ['007', '7']],
  ['VARCHAR', ['+1', '2']],
  ['VARCHAR', [' 1', '2']],
  ['VARCHAR', ['007.5', '2.5']],
  ['VARCHAR', ['12345678901234567890', '2']],
  ['VARCHAR', ['1', 'a']],
])('in a query, a column of a text file is %s if it has the values %j', async (type, values) => {
  expect(await typeOf(...values)).toBe(type)
})

test('one value far down, or in another file, decides it', async () => {
  expect(await typeOf(...Array.from({ length: 50_000 }, (_, row) => `${row}`), '007')).toBe('VARCHAR')
  const folder = freshFolder()
  writeFileSync(join(folder, '1.csv'), 'user,item\n7,1\n')
  writeFileSync(join(folder, '2.csv'), 'user,item\n007,2\n')
  const out = join(folder, 'out')
  const query = 'select "user", item * 2 as item from source'
  await importDataset({ sources: [join(folder, '*.csv')], query, user: 'user', item: 'item', out })
  expect(pairsOf(Dataset.open(out))).toEqual([
    ['007', 4, 1],
    ['7', 2, 1],
  ])
})

test('ids keep their text and weights are calculated', async () => {
  const text = 'user,item,w,day\n007,1,1.50,2024-01-31\n7,2,2,2023-01-31\n'
  const query =
    'select "user", item, sum(w) * 2 + ln(count(*)) as w from source where day >= date \'2023-01-01\' group by all'
  expect(pairsOf(await imported(freshFolder(), text, { query, weight: 'w' }))).toEqual([
    ['007', 1, 3],
    ['7', 2, 4],
  ])
})

test('a query that names columns by position says that text has no header', async () => {
  const query = 'select column0 as "user", column1 as item from source'
  expect(pairsOf(await imported(freshFolder(), 'a,x\nb,y\n', { query }))).toHaveLength(2)
})

test('a query on a broken file is told what is wrong with the file, not with the columns', async () => {
  const folder = freshFolder()
  for (const query of ['select "user", item from source', 'select nosuch from source']) {
    await expect(imported(folder, 'user,item\n1,2\n3,4\n5,6,7\n8,9\n', { query })).rejects.toThrow(
      `${join(folder, 'source.csv')}, line 4: expected 2 columns, got more: 5,6,7; correct it, or leave bad rows out`,
    )
  }
})

test('a column with one value that is no number is text: as a weight its row is bad, and to calculate with it is refused', async () => {
  const text = 'user,item,w\n1,2,3\n4,5,much\n'
  const options = { weight: 'w', badRows: 'skip' } as const
  const dataset = await imported(freshFolder(), text, { ...options, query: 'from source' })
  expect([pairsOf(dataset), dataset.manifest.source]).toMatchObject([[[1, 2, 3]], { rows: 1, badRows: 1 }])
  await expect(
    imported(freshFolder(), text, { ...options, query: 'select *, ln(w) as x from source' }),
  ).rejects.toThrow(
    /^the query: .*; of source, these columns are text, for not all of their values are numbers or times: "w"$/,
  )
})
