import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { Database } from '../../src/ingest/database.ts'
import { importDataset } from '../../src/ingest/import.ts'
import { transposed } from '../../src/storage/csr.ts'
import { Dataset } from '../../src/storage/dataset.ts'
import { freshFolder } from '../storage/folder.ts'
import { imported, pairsOf } from './imported.ts'

// Each import starts a database: where machines are busy, dozens of them take their time.
vi.setConfig({ testTimeout: 60_000 })

const plays =
  'user,item,plays,at\nbo,x,2,2024-01-01\nada,y,1,2024-01-02T10:00:00+02:00\nada,x,3,2024-01-03 04:05:06.789\nada,x,1,2024-01-01\n'

test('rows become pairs, numbered by popularity and then by id', async () => {
  const dataset = await imported(freshFolder(), plays, { weight: 'plays', time: 'at' })
  expect(pairsOf(dataset)).toEqual([
    ['ada', 'x', 4, BigInt(Date.UTC(2024, 0, 3, 4, 5, 6, 789))],
    ['ada', 'y', 1, BigInt(Date.UTC(2024, 0, 2, 8))],
    ['bo', 'x', 2, BigInt(Date.UTC(2024, 0, 1))],
  ])
  expect(dataset.byItem).toEqual(transposed(dataset.byUser))
  expect(dataset.manifest).toMatchObject({
    users: 2,
    items: 2,
    pairs: 3,
    source: { rows: 4 },
    options: { weight: 'plays' },
  })
})

test.each([
  ['sum', 8],
  ['max', 5],
  ['count', 3],
  ['last', 2],
] as const)('many rows of a pair: %s', async (duplicates, weight) => {
  const text = 'user,item,w,t\na,x,1,100\na,x,2,300\na,x,5,200\n'
  const dataset = await imported(freshFolder(), text, { duplicates, weight: 'w', time: 't', timeUnit: 'ms' })
  expect(pairsOf(dataset)).toEqual([['a', 'x', weight, 300n]])
})

test('last without times, or at equal times, is last in the sources as they were named', async () => {
  const folder = freshFolder()
  writeFileSync(join(folder, '1.csv'), 'user,item,w,t\na,x,1,5\na,x,2,5\n')
  writeFileSync(join(folder, '2.csv'), 'w,user,item,t\n3,a,x,5\n')
  for (const [first, second, weight] of [
    ['1.csv', '2.csv', 3],
    ['2.csv', '1.csv', 2],
  ] as const) {
    for (const time of [{}, { time: 't' }]) {
      const sources = [join(folder, first), join(folder, second)]
      const out = join(folder, 'out')
      const options = { user: 'user', item: 'item', weight: 'w', duplicates: 'last', replace: true } as const
      await importDataset({ ...options, ...time, sources, out })
      expect(Dataset.open(out).byUser.weights).toEqual(Float32Array.of(weight))
    }
  }
})

test('the same whatever the format and the compression', async () => {
  const folder = freshFolder()
  const rows = [
    { user: 'ünal', item: 7, w: 1.5 },
    { user: 'b "quoted", with comma', item: -3, w: 2 },
    { user: '007', item: 7, w: 1e-3 },
  ]
  const csv = (delimiter: string) =>
    ['user,item,w', ...rows.map(row => [`"${row.user.replaceAll('"', '""')}"`, row.item, row.w].join(','))]
      .map(line => (delimiter === ',' ? line : line.replace(/,(?=[^"]*$)/g, delimiter)))
      .join('\n')
  const json = rows.map(row => JSON.stringify(row)).join('\n')
  const files: Record<string, string | Uint8Array> = {
    'a.csv': csv(','),
    'a.csv.gz': gzipSync(csv(',')),
    'a.csv.zst': zstdCompressSync(csv(',')),
    'a.tsv': csv('\t'),
    'a.ndjson': json,
    'a.jsonl.gz': gzipSync(json),
    'a.json.zst': zstdCompressSync(json),
  }
  const expected = [
    ['007', 7, Math.fround(1e-3)],
    ['ünal', 7, 1.5],
    ['b "quoted", with comma', -3, 2],
  ]
  const byText = (pairs: unknown[][]) => pairs.map(pair => pair.join('|')).sort()
  for (const [name, content] of Object.entries(files)) {
    const dataset = await imported(folder, content, { weight: 'w' }, name)
    expect(byText(pairsOf(dataset)), name).toEqual(byText(expected))
    expect([dataset.users.kind, dataset.items.kind], name).toEqual(['string', 'integer'])
  }
})

test('files of several formats make one dataset', async () => {
  const folder = freshFolder()
  writeFileSync(join(folder, 'a.csv'), 'user,item\n1,x\n')
  writeFileSync(join(folder, 'b.ndjson'), '{"item":"y","user":2}\n')
  const query = `copy (select 3::utinyint as "user", 'z' as item) to '${join(folder, 'c.parquet')}'`
  const db = await Database.open({ spill: folder, memory: '128MiB', threads: 1 })
  await db.run(query)
  db.close()
  const out = join(folder, 'out')
  const sources = ['a.csv', 'b.ndjson', 'c.parquet'].map(name => join(folder, name))
  await importDataset({ sources, user: 'user', item: 'item', out })
  expect(pairsOf(Dataset.open(out))).toEqual([
    [1, 'x', 1],
    [2, 'y', 1],
    [3, 'z', 1],
  ])
})

test('ids are integers only if all are written as such, and then come back as integers', async () => {
  const folder = freshFolder()
  const users = async (ids: string[]) => {
    const { users } = await imported(folder, `user,item\n${ids.map(id => `${id},x\n`).join('')}`)
    return Array.from({ length: users.size }, (_, index) => users.at(index))
  }
  expect(await users(['10', '9', '-1'])).toEqual([-1, 9, 10])
  expect(await users(['10', '9', '007'])).toEqual(['007', '10', '9'])
  expect(await users(['1.0', '2'])).toEqual(['1.0', '2'])
  expect(await users(['9223372036854775807', '1'])).toEqual([1, 9223372036854775807n])
  expect(await users(['9223372036854775808', '1'])).toEqual(['1', '9223372036854775808'])
  expect(await users(['2024-01-01', 'true'])).toEqual(['2024-01-01', 'true'])
})

test('any text is an id, as long as it is not empty', async () => {
  const folder = freshFolder()
  const id = fc.string({ unit: 'binary', minLength: 1 }).filter(text => text.isWellFormed() && !text.includes('\0'))
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(id, { minLength: 1, maxLength: 100 }), async ids => {
      const text = ids.map(id => `${JSON.stringify({ user: id, item: 'x' })}\n`).join('')
      const { users } = await imported(folder, text, {}, 'ids.ndjson')
      expect(ids.map(id => users.at(users.indexOf(id)))).toEqual(ids)
    }),
    { numRuns: 5 },
  )
})

test('all agrees with counting by hand, cuts included', async () => {
  const folder = freshFolder()
  const row = fc.record({ user: fc.nat(12), item: fc.nat(12), w: fc.integer({ min: 1, max: 9 }) })
  const least = fc.integer({ min: 1, max: 3 })
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 60, maxLength: 120 }), least, least, async (rows, minUser, minItem) => {
      const text = `user,item,w\n${rows.map(({ user, item, w }) => `${user},${item},${w}\n`).join('')}`
      const expected = byHand(rows, minUser, minItem)
      fc.pre(expected.length > 0)
      expect(pairsOf(await imported(folder, text, { weight: 'w', minUser, minItem }))).toEqual(expected)
    }),
    { numRuns: 12 },
  )
})

interface Row {
  readonly user: number
  readonly item: number
  readonly w: number
}

/** Sums pairs, cuts again and again, sorts by the number of pairs and then by id. */
function byHand(rows: readonly Row[], minUser: number, minItem: number): number[][] {
  const sums = new Map<string, Row>()
  for (const { user, item, w } of rows) {
    const key = `${user} ${item}`
    sums.set(key, { user, item, w: w + (sums.get(key)?.w ?? 0) })
  }
  let pairs = [...sums.values()]
  const degree = (side: 'user' | 'item', id: number) => pairs.filter(pair => pair[side] === id).length
  while (true) {
    const left = pairs.filter(({ user, item }) => degree('user', user) >= minUser && degree('item', item) >= minItem)
    if (left.length === pairs.length) break
    pairs = left
  }
  const order = (side: 'user' | 'item') => (a: Row, b: Row) =>
    degree(side, b[side]) - degree(side, a[side]) || a[side] - b[side]
  return pairs.sort((a, b) => order('user')(a, b) || order('item')(a, b)).map(({ user, item, w }) => [user, item, w])
}

test('a query chooses, joins and weighs', async () => {
  const query = 'select "user", item, 1 + log2(sum(plays)) as w from source group by all -- every pair once\n;'
  const dataset = await imported(freshFolder(), plays, { query, weight: 'w' })
  expect(pairsOf(dataset)).toEqual([
    ['ada', 'x', 3],
    ['ada', 'y', 1],
    ['bo', 'x', 2],
  ])
  const out = join(freshFolder(), 'out')
  await importDataset({ query: 'select \'a\' as "user", 5::hugeint as item', user: 'user', item: 'item', out })
  expect(pairsOf(Dataset.open(out))).toEqual([['a', 5, 1]])
})

test('names that mean something to SQL or to globs are only names', async () => {
  const folder = freshFolder()
  for (const name of ["it's; drop table pairs; --.csv", 'a[1]*?.csv', '"q".csv']) {
    expect(pairsOf(await imported(folder, 'user,item\na,x\n', {}, name))).toEqual([['a', 'x', 1]])
  }
  const odd = 'we"ird\'; --'
  const header = `"${odd.replaceAll('"', '""')}",item`
  expect(pairsOf(await imported(folder, `${header}\na,x\n`, { user: odd }))).toEqual([['a', 'x', 1]])
})

test('a glob takes all files that match', async () => {
  const folder = freshFolder()
  mkdirSync(join(folder, 'deep'))
  writeFileSync(join(folder, 'deep', 'a.csv'), 'user,item\na,x\n')
  writeFileSync(join(folder, 'b.csv'), 'user,item\nb,x\n')
  const out = join(folder, 'out')
  const manifest = await importDataset({ sources: [join(folder, '**/*.csv')], user: 'USER', item: 'Item', out })
  expect(manifest).toMatchObject({
    users: 2,
    source: { files: [join(folder, 'b.csv'), join(folder, 'deep', 'a.csv')] },
  })
})

test('text files without a header, or all of text, or with late quotes, are read right', async () => {
  const folder = freshFolder()
  expect(pairsOf(await imported(folder, 'a,x\nb,y\n', { user: 'column0', item: 'column1' }))).toEqual([
    ['a', 'x', 1],
    ['b', 'y', 1],
  ])
  const many = Array.from({ length: 30_000 }, (_, row) => `u${row % 5},x\n`).join('')
  const dataset = await imported(folder, `user,item\n${many}"last, one","y ""z"""\n`)
  expect(pairsOf(dataset)[0]).toEqual(['last, one', 'y "z"', 1])
})

test('numbers are times in the unit that their size shows, or in the one that is named', async () => {
  const folder = freshFolder()
  const times = async (given: string[], timeUnit: 'auto' | 's' = 'auto') => {
    const text = `user,item,t\n${given.map((t, item) => `a,${item},${t}\n`).join('')}`
    return [...(await imported(folder, text, { time: 't', timeUnit })).times!]
  }
  const given = ['1700000000', '1700000000.25', '1700000000123', '1700000000123456', '1700000000123456789']
  expect(await times(given)).toEqual([1700000000000n, 1700000000250n, ...Array(3).fill(1700000000123n)])
  expect(await times(['-5', '200000000000'], 's')).toEqual([-5000n, 200000000000000n])
})

test('pairs that weigh nothing are left out', async () => {
  const folder = freshFolder()
  const dataset = await imported(folder, 'user,item,w\na,x,0\na,x,0\na,y,0\na,y,2\nb,x,1e-60\n', { weight: 'w' })
  expect(pairsOf(dataset)).toEqual([['a', 'y', 2]])
  expect(dataset.manifest.source).toMatchObject({ rows: 5, weightless: 2 })
})

test('the spilled, the whole and the single-threaded give the same files', async () => {
  const folder = freshFolder()
  const rows = Array.from(
    { length: 300_000 },
    (_, row) => `user ${row % 60_013},item number ${(row * 7919) % 90_001},${row}\n`,
  )
  const text = `user,item,t\n${rows.join('')}`
  const files = []
  for (const options of [{}, { threads: 1 }, { memory: '100MiB', threads: 2 }]) {
    files.push((await imported(folder, text, { time: 't', ...options })).manifest.files)
    expect(readdirSync(folder).sort()).toEqual(['out', 'source.csv'])
  }
  expect(files[1]).toEqual(files[0])
  expect(files[2]).toEqual(files[0])
})

test('progress never falls and tells of every stage of a long import', async () => {
  const rows = Array.from({ length: 400_000 }, (_, row) => `${row % 60_013},${(row * 7919) % 90_001}\n`)
  const seen: number[] = []
  await imported(freshFolder(), `user,item\n${rows.join('')}`, { onProgress: ({ done }) => seen.push(done) })
  expect(seen.length).toBeGreaterThan(2)
  expect(seen).toEqual([...seen].sort((a, b) => a - b))
  expect(seen.at(-1)).toBeLessThanOrEqual(1)
})
