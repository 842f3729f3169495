import { existsSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { type ImportOptions, importDataset } from '../../src/ingest/import.ts'
import { Dataset } from '../../src/storage/dataset.ts'
import { freshFolder } from '../storage/folder.ts'
import { eventsOf, imported, pairsOf } from './imported.ts'

// Each import starts a database: where machines are busy, dozens of them take their time.
vi.setConfig({ testTimeout: 60_000 })

const skip = { badRows: 'skip' } as const

/** What `source` of the manifest says of an import of `text`; the file is FILE in it. */
async function counted(text: string | Uint8Array, options: Partial<ImportOptions> = {}, name = 'source.csv') {
  const folder = freshFolder()
  const { manifest } = await imported(folder, text, { ...skip, ...options }, name)
  const { rows, badRows, firstBadRow } = manifest.source as { rows: number; badRows: number; firstBadRow?: string }
  return [rows, badRows, firstBadRow?.replaceAll(join(folder, name), 'FILE')]
}

const good = 'a,x,1,5\n'
const header = 'user,item,w,t\n'
const unclosed = 'expected a quoted value to be closed before the next delimiter, got an open quote or text after it'

test.each([
  ['too few columns', 'a,x', 'line 30002: expected 4 columns, got 2: a,x'],
  ['too many columns', 'a,x,1,2,3', 'line 30002: expected 4 columns, got more: a,x,1,2,3'],
  ['an open quote', '"a,x,1,2', `line 30002: ${unclosed}: "a,x,1,2`],
  ['text after a quote', '"a"b,x,1,2', `line 30002: ${unclosed}: "a"b,x,1,2`],
  [
    'bytes that are no UTF-8',
    '\xfc,x,1,2',
    'line 30002: expected UTF-8 (as iconv -f CP1252 -t UTF-8 makes it), got other bytes: \ufffd,x,1,2',
  ],
  ['no id', ',x,1,2', 'row 30001 after the header, column "user": expected an id, got nothing'],
  [
    'no weight',
    'a,x,lots,2',
    'row 30001 after the header, column "w": expected a number from -3.4e38 to 3.4e38, got lots',
  ],
])('a row with %s is left out and counted, or refused', async (_, row, message) => {
  const text = Buffer.from(`${header}${good.repeat(30_000)}${row}\n${good.repeat(30_000)}`, 'latin1')
  for (const columns of [{ weight: 'w', time: 't' }, { weight: 'w' }]) {
    expect(await counted(text, columns)).toEqual([60_000, 1, `FILE, ${message}`])
    const error = `${message}; correct it, ${/^row/.test(message) ? 'select rows with --query, ' : ''}or leave bad rows out`
    await expect(imported(freshFolder(), text, columns)).rejects.toThrow(error)
  }
})

test('the errors about lines that are no rows are whole sentences of our own', async () => {
  for (const row of ['c', 'c,d,e', '"c,d', '"c"d,e']) {
    const folder = freshFolder()
    for (const options of [{}, { query: 'from source' }]) {
      const error = await imported(folder, `user,item\na,b\n${row}\nd,e\n`, options).then(
        () => expect.unreachable('the import went well'),
        (error: Error) => error.message,
      )
      const line = `${join(folder, 'source.csv')}, line 3: expected `
      expect(error).toContain(line)
      expect(error).toMatch(/, got .*: .*; correct it, or leave bad rows out with --bad-rows skip$/)
      expect(error.split('\n')).toHaveLength(1)
    }
  }
})

test('nothing is bad in a good file, and the count is 0 where bad rows are refused', async () => {
  expect(await counted(header + good)).toEqual([1, 0, undefined])
  expect(await counted(header + good, { badRows: 'refuse' })).toEqual([1, 0, undefined])
})

test('a source without one good row is an error', async () => {
  await expect(counted('user,item\na,\n,b\nc\n')).rejects.toThrow(
    /none of the 3 rows in .*source.csv can be used; the first: .*row 1 after the header, column "item": expected an id/,
  )
})

test('one open quote does not take the rows after it, in whatever compression', async () => {
  const rows = `${header}"multi\nline",x,1,5\n"open,x,1,5\n${good.repeat(50_000)}b,"open,1,5\n${good.repeat(5000)}c,"y""z",1,5\n`
  const expected = [55_002, 2, `FILE, line 4: ${unclosed}: "open,x,1,5`]
  expect(await counted(rows, { weight: 'w', time: 't' })).toEqual(expected)
  expect(await counted(gzipSync(rows), {}, 'source.csv.gz')).toEqual(expected)
  expect(await counted(zstdCompressSync(rows), {}, 'source.csv.zst')).toEqual(expected)
})

test('the line of a row that is none is right at any place, with any end of line', async () => {
  // DuckDB's own number of it is wrong at some places of large files.
  const rows = 5_000_000
  const large = Buffer.from(`user,item\n${'abcdefgh,xyz\n'.repeat(rows)}a,"open\n${good.repeat(3)}`)
  expect(await counted(large)).toEqual([rows, 4, `FILE, line ${rows + 2}: ${unclosed}: a,"open`])
  for (const end of ['\n', '\r\n']) {
    for (const last of ['', end, `${end}a,x${end}`]) {
      const text = `user,item${end}"multi${end}line",x${end}a${last}`
      const [, badRows, first] = await counted(text)
      expect([badRows, first]).toEqual([1, 'FILE, line 4: expected 2 columns, got 1: a'])
    }
  }
})

test('lines that are no JSON are left out', async () => {
  const json = '{"user":1,"item":"x"}\n{"user":\n{"user":null,"item":"x"}\n{"user":2,"item":"y"}\n'
  const expected = [2, 2, 'FILE, row 2, column "user": expected an id, got nothing']
  expect(await counted(json, {}, 'a.ndjson')).toEqual(expected)
})

test('rows of a query are left out as well as lines of its source', async () => {
  const query = 'select "user", item, case when item = \'y\' then 1e39 else 1 end as w from source'
  const text = 'user,item\na,x\na,y\na\nb,x\n'
  const expected = [2, 2, 'FILE, line 4: expected 2 columns, got 1: a']
  expect(await counted(text, { query, weight: 'w' })).toEqual(expected)
})

test('a line that is no UTF-8 is left out of a query that does not select where', async () => {
  const text = Buffer.from('user,item,title\na,x,good\nb,y,gr\xfcn\n', 'latin1')
  const expected = [
    1,
    1,
    'FILE, line 3: expected UTF-8 (as iconv -f CP1252 -t UTF-8 makes it), got other bytes: b,y,gr\ufffdn',
  ]
  expect(await counted(text, { query: 'select "user", item from source' })).toEqual(expected)
})

test('the first bad row is the first in the order of files and rows', async () => {
  const folder = freshFolder()
  const sources = ['1.csv', '2.csv', '3 [a]*.csv'].map(name => join(folder, name))
  const first = async (...texts: string[]) => {
    for (const [at, source] of sources.entries()) writeFileSync(source, `user,item\na,x\n${texts[at] ?? ''}`)
    const manifest = await importDataset({ ...skip, sources, user: 'user', item: 'item', out, replace: true })
    const { firstBadRow, badRows } = manifest.source as { badRows: number; firstBadRow: string }
    return [badRows, firstBadRow.replace(`${folder}/`, '').replace(/[:,] (column|expected).*/, '')]
  }
  const out = join(folder, 'out')
  expect(await first('', 'b\n', ',x\n')).toEqual([2, '2.csv, line 3'])
  expect(await first('', ',x\n', 'b\n')).toEqual([2, '2.csv, row 2 after the header'])
  expect(await first('', ',x\nb\n')).toEqual([2, '2.csv, row 2 after the header'])
  expect(await first('', 'b\n,x\n')).toEqual([2, '2.csv, line 3'])
  expect(await first('', '', '"b,x\n,x\n')).toEqual([2, '3 [a]*.csv, line 3'])
})

test('what is left is what the good rows alone give, however many are bad', async () => {
  const folder = freshFolder()
  const id = fc.constantFrom('a', 'b', 'c')
  const goodRow = fc.tuple(id, id, fc.nat(9)).map(([user, item, time]) => [`${user},${item},1,${time}`, true] as const)
  const quoted = fc.tuple(id, id).map(([user, item]) => [`"${user}","${item}","1",5`, true] as const)
  const badRow = fc
    .constantFrom('a', 'a,b,1,5,6', 'a,"b,1,5', 'a,"b"c,1,5', 'a,,1,5', ',b,1,5', 'a,b,1e39,5', 'a,b,1,never')
    .map(row => [row, false] as const)
  const rows = fc.array(fc.oneof({ weight: 4, arbitrary: goodRow }, quoted, badRow), { minLength: 1, maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(rows, async rows => {
      const left = rows.filter(([, isGood]) => isGood)
      fc.pre(left.length > 0)
      const text = (some: typeof rows) => `user,item,w,t\n${some.map(([row]) => `${row}\n`).join('')}`
      const options = { weight: 'w', time: 't' }
      const expected = await imported(folder, text(left), options)
      const [pairs, events] = [pairsOf(expected), eventsOf(expected)]
      const dataset = await imported(folder, text(rows), { ...options, ...skip })
      expect(dataset.manifest.source).toMatchObject({ rows: left.length, badRows: rows.length - left.length })
      expect([pairsOf(dataset), eventsOf(dataset)]).toEqual([pairs, events])
    }),
    { numRuns: 25 },
  )
})

test('counts are exact over many threads and pieces of a file', async () => {
  const bad = ['a', 'a,x,1,2,3', '"a"b,x,1,5', ',x,1,5', 'a,x,no,5']
  const lines = Array.from({ length: 400_000 }, (_, row) => (row % 997 === 0 ? bad[row % 5]! : `u${row % 100},x,1,5`))
  const faults = Math.ceil(lines.length / 997)
  const [rows, badRows] = await counted(`${header}${lines.join('\n')}\n`, { weight: 'w', threads: 4 })
  expect([rows, badRows]).toEqual([lines.length - faults, faults])
})

test('every good row of several files is an event, in order, though a file among them has broken quotes', async () => {
  const folder = freshFolder()
  const sources = ['1.csv', '2.csv', '3.csv'].map(name => join(folder, name))
  const texts = ['user,item,t\na,x,5\n', 'user,item,t\n"a,y,5\na,z,5\n', 'user,item,t\na,w,5\n']
  for (const [at, source] of sources.entries()) writeFileSync(source, texts[at]!)
  const out = join(folder, 'out')
  await importDataset({ ...skip, sources, user: 'user', item: 'item', time: 't', out })
  expect(eventsOf(Dataset.open(out)).map(({ item }) => item)).toEqual(['x', 'z', 'w'])
})

test('quotes are found beside a delimiter of several bytes that is no ASCII', async () => {
  const quoted = Array.from({ length: 30_000 }, (_, at) => `"u${at}"§"x§${at}"\n`).join('')
  const text = `user§item\n${quoted}"b§y\nc§"z"\n`
  const dataset = await imported(freshFolder(), text, { ...skip, delimiter: '§' })
  expect(pairsOf(dataset).slice(0, 2)).toEqual([
    ['c', 'z', 1],
    ['u0', 'x§0', 1],
  ])
  expect(dataset.manifest).toMatchObject({ pairs: 30_001, source: { badRows: 1 } })
})

test.skipIf(!existsSync('/proc/self/fd'))('no compressed file of which rows are left out stays open', async () => {
  const folder = freshFolder()
  const sources = Array.from({ length: 20 }, (_, file) => join(folder, `${file}.csv.gz`))
  for (const [file, source] of sources.entries()) {
    writeFileSync(source, gzipSync(`user,item\nu${file},x\nbad\n${'a,b\n'.repeat(100_000)}`))
  }
  const isOpen = () => readdirSync('/proc/self/fd').filter(fd => target(fd).startsWith(folder))
  await importDataset({ sources, user: 'user', item: 'item', out: join(folder, 'out'), ...skip })
  expect(isOpen()).toEqual([])
})

function target(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}

test('an id with a NUL, which nobody could ask for, is a bad row', async () => {
  const lines = ['{"user":"a","item":"x"}', '{"user":"b","item":"hit\\u0000x"}', '{"user":"c\\u0000","item":"x"}']
  const name = 'source.ndjson'
  expect(await counted(`${lines.join('\n')}\n`, {}, name)).toEqual([1, 2, expect.stringContaining('expected an id')])
})
