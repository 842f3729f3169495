import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { Database } from '../../src/ingest/database.ts'
import { importDataset } from '../../src/ingest/import.ts'
import { transposed } from '../../src/storage/csr.ts'
import { Dataset } from '../../src/storage/dataset.ts'
import type { Id } from '../../src/storage/ids.ts'
import { freshFolder } from '../storage/folder.ts'
import { eventsOf, imported, type NamedEvent, pairsOf } from './imported.ts'

// Each import starts a database: where machines are busy, dozens of them take their time.
vi.setConfig({ testTimeout: 60_000 })

const plays =
  'user,item,plays,at\nbo,x,2,2024-01-01\nada,y,1,2024-01-02T10:00:00+02:00\nada,x,3,2024-01-03 04:05:06.789\nada,x,1,2024-01-01\n'

test('rows become pairs, laid out by popularity and then by id', async () => {
  const dataset = await imported(freshFolder(), plays, { weight: 'plays' })
  expect(pairsOf(dataset)).toEqual([
    ['ada', 'x', 4],
    ['ada', 'y', 1],
    ['bo', 'x', 2],
  ])
  expect(dataset.byItem).toMatchObject(transposed(dataset.byUser))
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
  expect(pairsOf(dataset)).toEqual([['a', 'x', weight]])
})

test('last without times, or at equal times, is last in the sources as they were named', async () => {
  const folder = freshFolder()
  writeFileSync(join(folder, '1.csv'), 'user,item,w,t\na,x,1,5\na,x,2,5\n')
  writeFileSync(join(folder, '2.csv'), 'w,user,item,t\n3,a,x,5\n')
  writeFileSync(join(folder, '3.csv'), 'user,item,w,t\na,x,4,5\n')
  for (const [names, weight] of [
    [['1.csv', '2.csv'], 3],
    [['2.csv', '1.csv'], 2],
    [['1.csv', '2.csv', '3.csv'], 4],
    [['1.csv', '3.csv', '2.csv'], 3],
  ] as const) {
    for (const time of [{}, { time: 't' }]) {
      const sources = names.map(name => join(folder, name))
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
  const row = fc.record({ user: fc.nat(12), item: fc.nat(12), w: fc.integer({ min: -3, max: 9 }) })
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
  readonly user: number | string
  readonly item: number | string
  readonly w: number
}

/** Sums pairs, leaves out those that weigh 0 or less, cuts again and again, sorts by the number of pairs and then by id. */
function byHand(rows: readonly Row[], minUser: number, minItem: number): (number | string)[][] {
  const sums = new Map<string, Row>()
  for (const { user, item, w } of rows) {
    const key = `${user} ${item}`
    sums.set(key, { user, item, w: w + (sums.get(key)?.w ?? 0) })
  }
  let pairs = [...sums.values()].filter(({ w }) => w > 0)
  const degree = (side: 'user' | 'item', id: number | string) => pairs.filter(pair => pair[side] === id).length
  while (true) {
    const left = pairs.filter(({ user, item }) => degree('user', user) >= minUser && degree('item', item) >= minItem)
    if (left.length === pairs.length) break
    pairs = left
  }
  const order = (side: 'user' | 'item') => (a: Row, b: Row) =>
    degree(side, b[side]) - degree(side, a[side]) || (a[side] < b[side] ? -1 : a[side] > b[side] ? 1 : 0)
  return pairs.sort((a, b) => order('user')(a, b) || order('item')(a, b)).map(({ user, item, w }) => [user, item, w])
}

test('every row is an event of its user, in order of time and then of the source', async () => {
  const text = 'user,item,t,w,k\nbo,x,7,1,like\nada,z,5,2,play\nada,x,3,1,play\nada,y,5,1,like\nada,z,5,3,play\n'
  const dataset = await imported(freshFolder(), text, { time: 't', timeUnit: 'ms', weight: 'w', kind: 'k' })
  expect(eventsOf(dataset)).toEqual([
    { user: 'ada', item: 'x', time: 3, weight: 1, kind: 'play' },
    { user: 'ada', item: 'z', time: 5, weight: 2, kind: 'play' },
    { user: 'ada', item: 'y', time: 5, weight: 1, kind: 'like' },
    { user: 'ada', item: 'z', time: 5, weight: 3, kind: 'play' },
    { user: 'bo', item: 'x', time: 7, weight: 1, kind: 'like' },
  ])
  expect(dataset.manifest).toMatchObject({ pairs: 4, events: 5, kinds: ['like', 'play'], options: { kind: 'k' } })
})

test('a source without times has pairs only', async () => {
  const dataset = await imported(freshFolder(), plays, { weight: 'plays' })
  expect(dataset.events).toBeUndefined()
  expect(Object.keys(dataset.manifest.files)).not.toContain('events.safetensors')
})

test('weights and kinds of events are left out where they say nothing', async () => {
  const options = { time: 't', weight: 'w' }
  const { events } = await imported(freshFolder(), 'user,item,t,w\na,x,5,1\na,x,6,1.0\n', options)
  expect([events?.weights, events?.kinds]).toEqual([undefined, undefined])
})

test('kinds may be integers or truth values', async () => {
  const out = join(freshFolder(), 'out')
  const kindsOf = async (kind: string) => {
    const query = `select 1 as "user", 2 as item, 5 as t, ${kind} as k`
    const { kinds } = await importDataset({
      query,
      user: 'user',
      item: 'item',
      time: 't',
      kind: 'k',
      out,
      replace: true,
    })
    return kinds
  }
  expect([await kindsOf('7'), await kindsOf('true'), await kindsOf("'ünal'")]).toEqual([['7'], ['true'], ['ünal']])
})

test('events of users and items that are left out go too; those that weigh 0 stay, with or without a pair', async () => {
  const rows = ['a,x,1,1', 'a,x,2,0', 'a,y,3,1', 'b,x,4,1', 'b,y,5,1', 'b,z,6,1', 'c,x,7,0', 'b,w,8,0']
  const text = `user,item,t,w\n${rows.join('\n')}\n`
  const options = { time: 't', timeUnit: 'ms', weight: 'w' } as const
  const lines = (dataset: Dataset) =>
    eventsOf(dataset).map(({ user, item, time, weight }) => [user, item, time, weight].join())
  // c and w are in no pair that weighs more than 0.
  expect(lines(await imported(freshFolder(), text, options))).toEqual([
    ...['b,x,4,1', 'b,y,5,1', 'b,z,6,1'],
    ...['a,x,1,1', 'a,x,2,0', 'a,y,3,1'],
  ])
  // Only z has fewer than two users.
  const cut = await imported(freshFolder(), text, { ...options, minUser: 2, minItem: 2 })
  expect(lines(cut)).toEqual(['a,x,1,1', 'a,x,2,0', 'a,y,3,1', 'b,x,4,1', 'b,y,5,1'])
  expect(cut.manifest).toMatchObject({ pairs: 4, events: 5 })
  // The pair of b and z weighs 0 in the end, but both are in other pairs.
  const more = `${text}a,z,9,1\nb,z,10,0\n`
  const last = await imported(freshFolder(), more, { ...options, duplicates: 'last' })
  expect(pairsOf(last)).toContainEqual(['a', 'z', 1])
  expect(pairsOf(last)).not.toContainEqual(['b', 'z', 1])
  expect(lines(last)).toEqual(expect.arrayContaining(['b,z,6,1', 'b,z,10,0']))
})

test('the order of events agrees with sorting by hand, over several files and formats', async () => {
  const folder = freshFolder()
  const kind = fc.constantFrom('play', 'like', 'skip')
  const row = fc.record({
    user: fc.constantFrom('a', 'b', 'c', 'd'),
    item: fc.constantFrom('v', 'w', 'x', 'y', 'z'),
    time: fc.integer({ min: 1, max: 4 }),
    weight: fc.integer({ min: 0, max: 3 }),
    kind,
  })
  const format = fc.constantFrom('csv', 'ndjson', 'parquet')
  const files = fc.array(fc.record({ format, rows: fc.array(row, { minLength: 1, maxLength: 12 }) }), {
    minLength: 1,
    maxLength: 4,
  })
  const least = fc.integer({ min: 1, max: 2 })
  await fc.assert(
    fc.asyncProperty(files, least, least, fc.boolean(), async (parts, minUser, minItem, hasKinds) => {
      const rows = parts.flatMap(part => part.rows)
      const pairs = byHand(
        rows.map(({ user, item, weight }) => ({ user, item, w: weight })),
        minUser,
        minItem,
      )
      fc.pre(pairs.length > 0)
      const sources = await Promise.all(parts.map((part, at) => written(folder, `${at}`, part)))
      const out = join(folder, 'out')
      const columns = { user: 'user', item: 'item', time: 'time', weight: 'weight' }
      const options = { ...columns, timeUnit: 'ms', minUser, minItem, sources, out, replace: true } as const
      await importDataset(hasKinds ? { ...options, kind: 'kind' } : options)
      const dataset = Dataset.open(out, { verify: true })
      expect(pairsOf(dataset)).toEqual(pairs)
      expect(eventsOf(dataset)).toEqual(orderedByHand(rows, pairs, hasKinds))
    }),
    { numRuns: 25 },
  )
})

/** Writes rows to a file of that format. Gives its path. */
async function written(
  folder: string,
  name: string,
  { format, rows }: { readonly format: string; readonly rows: readonly NamedEvent[] },
): Promise<string> {
  const path = join(folder, `${name}.${format}`)
  const json = rows.map(row => `${JSON.stringify(row)}\n`).join('')
  const line = ({ user, item, time, weight, kind }: NamedEvent) => `${[user, item, time, weight, kind].join()}\n`
  if (format === 'csv') writeFileSync(path, `user,item,time,weight,kind\n${rows.map(line).join('')}`)
  else if (format === 'ndjson') writeFileSync(path, json)
  else {
    writeFileSync(`${path}.json`, json)
    const db = await Database.open({ spill: folder, memory: '128MiB', threads: 1 })
    await db.run(`copy (from read_json('${path}.json', format = 'newline_delimited')) to '${path}' (format parquet)`)
    db.close()
  }
  return path
}

/** The rows of users and items in `pairs`, users in the order of `pairs`; sorting keeps the order of equal times. */
function orderedByHand(rows: readonly NamedEvent[], pairs: readonly Id[][], hasKinds: boolean): NamedEvent[] {
  const users = [...new Set(pairs.map(([user]) => user))]
  const items = new Set(pairs.map(([, item]) => item))
  const hasWeights = rows.some(({ weight }) => weight !== 1)
  return users.flatMap(user =>
    rows
      .filter(row => row.user === user && items.has(row.item))
      .toSorted((a, b) => a.time - b.time)
      .map(row => ({ ...row, weight: hasWeights ? row.weight : undefined, kind: hasKinds ? row.kind : undefined })),
  )
}

test('a query decides the order of equal times', async () => {
  const out = join(freshFolder(), 'out')
  const query = `select 1 as "user", range as item, 5 as t from range(100_000) order by hash(range)`
  await importDataset({ query, user: 'user', item: 'item', time: 't', out })
  const db = await Database.open({ spill: out, memory: '128MiB', threads: 1 })
  const rows = await db.rows<{ range: bigint }>('select range from range(100_000) order by hash(range)')
  db.close()
  expect(eventsOf(Dataset.open(out)).map(({ item }) => item)).toEqual(rows.map(({ range }) => Number(range)))
})

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
    const dataset = await imported(folder, text, { time: 't', timeUnit })
    const found = eventsOf(dataset).map(({ time }) => time)
    const date = (time: number) => new Date(time).toISOString()
    expect(dataset.manifest.source).toMatchObject({ firstTime: date(found[0]!), lastTime: date(found.at(-1)!) })
    return found
  }
  const given = ['1700000000', '1700000000.25', '1700000000123', '1700000000123456', '1700000000123456789']
  expect(await times(given)).toEqual([...[1700000000000, 1700000000123, 1700000000123, 1700000000123], 1700000000250])
  expect(await times(['-5', '200000000000'], 's')).toEqual([-5000, 200000000000000])
})

test('pairs that weigh nothing are left out', async () => {
  const folder = freshFolder()
  const dataset = await imported(folder, 'user,item,w\na,x,0\na,x,0\na,y,0\na,y,2\nb,x,1e-60\n', { weight: 'w' })
  expect(pairsOf(dataset)).toEqual([['a', 'y', 2]])
  expect(dataset.manifest.source).toMatchObject({ rows: 5, weightlessPairs: 2 })
})

test('the spilled, the whole and the single-threaded give the same files, with equal times in the order of rows', async () => {
  const folder = freshFolder()
  const rows = Array.from({ length: 300_000 }, (_, row) => ({
    user: `user ${row % 60_013}`,
    item: `item number ${(row * 7919) % 90_001}`,
    time: Math.floor(row / 150_000),
  }))
  const text = `user,item,t\n${rows.map(({ user, item, time }) => `${user},${item},${time}\n`).join('')}`
  const byUser = (events: readonly Pick<NamedEvent, 'user' | 'item' | 'time'>[]) =>
    events
      .toSorted((a, b) => (a.user < b.user ? -1 : a.user > b.user ? 1 : 0))
      .map(({ user, item, time }) => `${user} ${item} ${time}`)
      .join('\n')
  const files = []
  for (const options of [{}, { threads: 1 }, { memory: '100MiB', threads: 2 }]) {
    const dataset = await imported(folder, text, { time: 't', timeUnit: 'ms', ...options })
    files.push(dataset.manifest.files)
    if (files.length === 1) expect(byUser(eventsOf(dataset))).toBe(byUser(rows))
    expect(readdirSync(folder).sort()).toEqual(['out', 'source.csv'])
  }
  expect(files[1]).toEqual(files[0])
  expect(files[2]).toEqual(files[0])
})

test('progress never falls', async () => {
  const rows = Array.from({ length: 400_000 }, (_, row) => `${row % 60_013},${(row * 7919) % 90_001}\n`)
  const seen: number[] = []
  await imported(freshFolder(), `user,item\n${rows.join('')}`, { onProgress: ({ done }) => seen.push(done) })
  expect(seen.length).toBeGreaterThan(2)
  expect(seen).toEqual([...seen].sort((a, b) => a - b))
  expect(seen.at(-1)).toBeLessThanOrEqual(1)
})
