import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Database } from '../../src/ingest/database.ts'
import { type ImportOptions, importDataset } from '../../src/ingest/import.ts'
import { Dataset } from '../../src/storage/dataset.ts'
import { freshFolder } from '../storage/folder.ts'
import { eventsOf, imported, pairsOf } from './imported.ts'

// Each import starts a database: where machines are busy, dozens of them take their time.
vi.setConfig({ testTimeout: 60_000 })

const positions = { user: 'column0', item: 'column1' }

/** The message of the error; the file is FILE in it. */
function failure(text: string, options: Partial<ImportOptions>): Promise<string> {
  const folder = freshFolder()
  return imported(folder, text, options).then(
    () => expect.unreachable('the import went well'),
    (error: Error) => error.message.replaceAll(join(folder, 'source.csv'), 'FILE'),
  )
}

const header = 'Its first line looks like a header: name its columns, or say --no-header if that line is a row'

test.each([
  ['differs in type', 'u,i,w\n1,2,3\n4,5,6\n', '"u", "i", "w"'],
  ['has a usual name of ids', 'songId,plays of\nann,x\nbob,y\n', '"songId", "plays of"'],
  ['has usual names only', 'user,song\nann,x\nbob,y\n', '"user", "song"'],
])('a header is no row where columns are named by position: one that %s', async (_, text, columns) => {
  expect(await failure(text, positions)).toBe(`FILE has no column "column0" for --user, only ${columns}. ${header}`)
})

test('a first line of text is a row where columns are named by position, and a header where they are named', async () => {
  const text = 'ann,x\nbob,y\n'
  expect(pairsOf(await imported(freshFolder(), text, positions))).toEqual([
    ['ann', 'x', 1],
    ['bob', 'y', 1],
  ])
  expect(pairsOf(await imported(freshFolder(), text, { user: 'ann', item: 'x' }))).toEqual([['bob', 'y', 1]])
  // The names may be what positions are called.
  const named = 'column0,column1\nann,x\n'
  expect(pairsOf(await imported(freshFolder(), named, positions))).toEqual([['ann', 'x', 1]])
})

test('the caller decides what the first line is', async () => {
  const users = async (text: string, options: Partial<ImportOptions>) =>
    pairsOf(await imported(freshFolder(), text, options)).map(([user]) => user)
  expect(await users('x,1\n2,3\n', { ...positions, header: false })).toEqual(['x', '2'].sort())
  expect(await users('user,item\nann,x\n', { ...positions, header: false })).toEqual(['ann', 'user'])
  expect(await users('1,2\n3,4\n', { user: '1', item: '2', header: true })).toEqual([3])
  const query = 'select column0 as "user", column1 as item from source'
  expect(await users('user,item\nann,x\n', { query, header: false })).toEqual(['ann', 'user'])
})

const rating = { user: 1, item: 1193, time: 978300760000, weight: 5 }

test.each([
  ['::', '1::1193::5::978300760\n2::661::3::978302109\n'],
  ['\t', '1\t1193\t5\t978300760\n2\t661\t3\t978302109\n'],
  ['\\t', '1\t1193\t5\t978300760\n2\t661\t3\t978302109\n'],
  [' ', '1 1193 5 978300760\n2 661 3 978302109\n'],
  ['~', '1~1193~5~978300760\n2~661~3~978302109\n'],
])('text without a header whose columns %j separates', async (delimiter, text) => {
  const columns = { ...positions, weight: 'column2', time: 'column3' }
  // All but the last are also found.
  for (const options of delimiter === '~' ? [{ delimiter }] : [{ delimiter }, {}]) {
    const dataset = await imported(freshFolder(), text, { ...columns, ...options }, 'ratings.dat')
    expect(eventsOf(dataset)[0]).toMatchObject(rating)
    expect(dataset.manifest.events).toBe(2)
  }
})

test('a delimiter that is named separates a file with a header, and the files of a query', async () => {
  const text = 'user~item~w\n1~a,b~2\n'
  const columns = { delimiter: '~', weight: 'w' }
  expect(pairsOf(await imported(freshFolder(), text, columns))).toEqual([[1, 'a,b', 2]])
  const query = 'select "user", item, w * 2 as w from source'
  expect(pairsOf(await imported(freshFolder(), text, { ...columns, query }))).toEqual([[1, 'a,b', 4]])
})

test('a column that no row has is not found by a character that stands in a value', async () => {
  const text = '1,Action|Comedy|Drama\n2,Action\n'
  expect(await failure(text, { user: 'column0', item: 'column2' })).toContain(
    'FILE has no column "column2" for --item, only "column0", "column1"',
  )
})

test('a header is found above rows of which most are bad, and below lines that are none', async () => {
  const bad = 'user,item,w,t\n"a","a","1",5\na,b,1,5,6\n'
  for (const options of [{}, { query: 'from source' }]) {
    expect(await failure(bad, options)).toContain('FILE, line 3: expected 4 columns, got more: a,b,1,5,6')
    expect(pairsOf(await imported(freshFolder(), bad, { ...options, badRows: 'skip' }))).toEqual([['a', 'a', 1]])
    const preamble = `Report of plays\n2024\nuser,item,w\n${'a,x,1\nb,y,2\n'.repeat(10)}`
    expect((await imported(freshFolder(), preamble, options)).manifest.source).toMatchObject({ rows: 20 })
  }
})

test('rows above a broken one are no preamble', async () => {
  for (const [separated, options] of [
    ['a x\nb y z\n', {}],
    ['a,x\nb,y,z\n', {}],
    ['a::x\nb::y::z\n', { delimiter: '::' }],
  ] as const) {
    expect(await failure(separated, { ...positions, ...options })).toMatch(/^FILE, line [12]: expected . columns, got /)
  }
})

test('a delimiter has 1 to 4 bytes, without quotes and ends of lines', async () => {
  for (const delimiter of ['', '"', '\n', '12345']) {
    expect(await failure('user,item\na,x\n', { delimiter })).toContain('delimiter must be 1 to 4 bytes')
  }
})

test('thousands of files with one header are inspected once, and a wrong column is found in the first', async () => {
  const folder = freshFolder()
  for (let file = 0; file < 3000; file++) writeFileSync(join(folder, `${file}.csv`), `user,item\n${file},x\n0,y\n`)
  const out = join(freshFolder(), 'out')
  const sources = [join(folder, '*.csv')]
  const queries = vi.spyOn(Database.prototype, 'rows')
  onTestFinished(() => void queries.mockRestore())
  await expect(importDataset({ sources, user: 'nope', item: 'item', out })).rejects.toThrow(
    '0.csv has no column "nope"',
  )
  expect(queries.mock.calls.length).toBeLessThan(50)
  const manifest = await importDataset({ sources, user: 'user', item: 'item', out })
  expect(queries.mock.calls.length).toBeLessThan(200)
  expect(manifest).toMatchObject({ users: 3000, source: { rows: 6000 } })
})

test('files with one header may differ in quotes and compression', async () => {
  const folder = freshFolder()
  const sources = ['1.tsv', '2.tsv', '3.tsv'].map(name => join(folder, name))
  const texts = ['user\titem\na\tx\n', 'user\titem\n"a"\t"y\tz"\n', 'user\titem\nb\tx\n']
  for (const [at, source] of sources.entries()) writeFileSync(source, texts[at]!)
  const out = join(folder, 'out')
  await importDataset({ sources, user: 'user', item: 'item', out })
  expect(pairsOf(Dataset.open(out))).toEqual([
    ['a', 'x', 1],
    ['a', 'y\tz', 1],
    ['b', 'x', 1],
  ])
})
