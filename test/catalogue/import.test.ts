import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { batchesOf } from '../../src/catalogue/import/batches.ts'
import { itemOfTexts } from '../../src/catalogue/import/fields.ts'
import { type ReadItemsOptions, readItems } from '../../src/catalogue/import/read-items.ts'
import type { ItemPatch } from '../../src/catalogue/item.ts'
import { Database } from '../../src/ingest/database.ts'
import type { Rows } from '../../src/ingest/rows.ts'
import { freshFolder } from '../storage/folder.ts'

/** All that is read of a file of these contents. */
async function read(name: string, contents: string, options: Partial<ReadItemsOptions> = {}) {
  const path = join(freshFolder(), name)
  writeFileSync(path, contents)
  return readFiles([path], options)
}

async function readFiles(sources: readonly string[], options: Partial<ReadItemsOptions> = {}) {
  const folder = join(freshFolder(), 'meanwhile')
  const items: ItemPatch[] = []
  let last: Rows<ItemPatch> | undefined
  const { signal } = new AbortController()
  const given = { sources, columns: {}, separator: '|', folder, signal, badRows: 'refuse' as const, ...options }
  for await (const rows of readItems(given)) {
    items.push(...rows.rows)
    last = rows
  }
  expect(existsSync(folder)).toBe(false)
  return { items, badRows: last?.badRows, firstBadRow: last?.firstBadRow }
}

test('columns are found by their usual names, or by those that are given; what has no value is taken away', async () => {
  const csv = 'item_id,name,genres,year,hidden\n007,"Dr. No, again",Spy|Action,1962,\n8,,,1963,true\n'
  expect((await read('items.csv', csv)).items).toEqual([
    { id: '007', title: 'Dr. No, again', tags: ['Spy', 'Action'], hidden: null },
    { id: '8', title: null, tags: null, hidden: true },
  ])
  const tsv = 'k\tt\tc\tv\tfrom\nx\tone\ta; b\t1 2.5\t2024-05-31\n'
  const columns = { id: 'k', title: 't', categories: 'c', vector: 'v', availableFrom: 'from' }
  expect((await read('items.tsv', tsv, { columns, separator: ';' })).items).toEqual([
    { id: 'x', title: 'one', categories: ['a', 'b'], vector: [1, 2.5], availableFrom: Date.UTC(2024, 4, 31) },
  ])
  await expect(read('items.csv', csv, { columns: { tags: 'labels' } })).rejects.toThrow(
    '--tags must name a column: expected "labels", and there are "item_id", "name", "genres"',
  )
  await expect(read('items.csv', 'a,b\n1,2\n')).rejects.toThrow(
    '--id must name a column: expected one of id, item, item_id',
  )
})

test('NDJSON and Parquet have lists, numbers and times of their own', async () => {
  const ndjson =
    '{"id": 7, "tags": ["a, b", "c"], "vector": [0.5, 1], "text": "<b>"}\n{"id": "8", "available_until": 1700000000}\n'
  expect((await read('items.ndjson', ndjson)).items).toEqual([
    { id: '7', tags: ['a, b', 'c'], vector: [0.5, 1], text: '<b>', availableUntil: null },
    { id: '8', tags: null, vector: null, text: null, availableUntil: 1_700_000_000_000 },
  ])
  const folder = freshFolder()
  const file = join(folder, 'items.parquet')
  const db = await Database.open({ spill: join(folder, 'spill'), memory: '256MiB', threads: 1 })
  await db.run(`copy (select 7 as id, ['x', 'y'] as tags, [0.25::float, 2] as vector, true as hidden,
    timestamp '2024-05-31 10:00:00' as available_from) to '${file}' (format parquet)`)
  db.close()
  expect((await readFiles([file])).items).toEqual([
    { id: '7', tags: ['x', 'y'], vector: [0.25, 2], hidden: true, availableFrom: Date.UTC(2024, 4, 31, 10) },
  ])
})

test('a damaged row ends the import by its place, or is left out and counted', async () => {
  const csv = 'id,title,vector\na,one,1|2\n,two,1|2\nc,three,1|x\nd,"four\n'
  await expect(read('items.csv', csv.slice(0, csv.lastIndexOf('d,')))).rejects.toThrow(
    /items\.csv, row 2 after the header, id: expected text, got nothing; correct it, or leave bad rows out with --bad-rows skip/,
  )
  const { items, badRows, firstBadRow } = await read('items.csv', csv, { badRows: 'skip' })
  expect(items).toEqual([{ id: 'a', title: 'one', vector: [1, 2] }])
  expect(badRows).toBe(3)
  expect(firstBadRow).toContain('items.csv')
  await expect(readFiles(['nowhere.csv'])).rejects.toThrow('nowhere.csv')
})

test('texts of a row become fields, or say what they should be', () => {
  const of = (texts: object) => itemOfTexts({ id: 'a', ...texts }, '|')
  expect(of({ tags: ' x | y |x||' })).toEqual({ id: 'a', tags: ['x', 'y'] })
  expect(of({ vector: '1, 2;3 4' })).toEqual({ id: 'a', vector: [1, 2, 3, 4] })
  expect(of({ availableFrom: '1700000000', availableUntil: '1700000000000' })).toEqual({
    id: 'a',
    availableFrom: 1_700_000_000_000,
    availableUntil: 1_700_000_000_000,
  })
  expect(of({ availableFrom: '2024-05-31 12:00:00+02' })).toMatchObject({ availableFrom: Date.UTC(2024, 4, 31, 10) })
  expect(() => of({ availableFrom: 'soon' })).toThrow('availableFrom: expected a time such as')
  expect(() => of({ hidden: 'maybe' })).toThrow('hidden: expected true or false, got maybe')
  expect(() => of({ tags: '["a"' })).toThrow('tags: expected a list in JSON')
  expect(() => of({ title: 'x'.repeat(1001) })).toThrow('item "a", title: expected text of 0 to 1000 characters')
})

test('batches keep the order and fit the bounds', () => {
  const items = Array.from({ length: 50 }, (_, at) => ({ id: `${at}`, vector: Array(at).fill(1) }))
  const batches = [...batchesOf(items, { items: 7, bytes: 300, values: 60 })]
  expect(batches.flat()).toEqual(items)
  expect(Math.max(...batches.map(batch => batch.length))).toBeLessThanOrEqual(7)
  for (const batch of batches) if (batch.length > 1) expect(JSON.stringify(batch).length).toBeLessThanOrEqual(310)
})
