import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import zlib from 'node:zlib'
import { expect, test, vi } from 'vitest'
import { Database, literal } from '../../src/ingest/database.ts'
import { type ImportOptions, importDataset } from '../../src/ingest/import.ts'
import { freshFolder } from '../storage/folder.ts'
import { imported, pairsOf } from './imported.ts'

// Each import starts a database: where machines are busy, dozens of them take their time.
vi.setConfig({ testTimeout: 60_000 })

const main = join(import.meta.dirname, '../../dist/cli/main.js')

/** Imports `text`; gives the error, the name of the file in it as FILE. Checks that nothing remains. */
async function failure(text: string | Uint8Array, options: Partial<ImportOptions> = {}, name = 'source.csv') {
  const folder = freshFolder()
  const file = join(folder, name)
  writeFileSync(file, text)
  return failureOf({ sources: [file], ...options }, folder, file)
}

async function failureOf(options: Partial<ImportOptions>, folder = freshFolder(), file = '') {
  const before = readdirSync(folder)
  const error: Error = await importDataset({ user: 'user', item: 'item', out: join(folder, 'out'), ...options }).then(
    () => expect.unreachable('the import went well'),
    error => error,
  )
  expect(readdirSync(folder)).toEqual(before)
  return `${error.name}: ${file ? error.message.replaceAll(file, 'FILE') : error.message}`
}

const good = 'a,x,1,5\n'
const header = 'user,item,w,t\n'
const remedy = 'correct it, select rows with --query, or leave bad rows out with --bad-rows skip'

test.each([
  ['a missing user', ',x,1,5', 'column "user": expected an id, got nothing'],
  ['a quoted empty item', 'a,"",1,5', 'column "item": expected an id, got nothing'],
  ['a weight that is not a number', 'a,x,lots,5', 'column "w": expected a number from -3.4e38 to 3.4e38, got lots'],
  ['NaN', 'a,x,nan,5', 'column "w": expected a number from -3.4e38 to 3.4e38, got nan'],
  ['infinity', 'a,x,inf,5', 'column "w": expected a number from -3.4e38 to 3.4e38, got inf'],
  ['infinity by overflow', 'a,x,1e999,5', 'column "w": expected a number from -3.4e38 to 3.4e38, got 1e999'],
  ['a weight beyond 32 bits', 'a,x,3.5e38,5', 'column "w": expected a number from -3.4e38 to 3.4e38, got 3.5e38'],
  ['a weight too far below 0', 'a,x,-3.5e38,5', 'column "w": expected a number from -3.4e38 to 3.4e38, got -3.5e38'],
  ['no weight', 'a,x,,5', 'column "w": expected a number from -3.4e38 to 3.4e38, got nothing'],
  ['no time', 'a,x,1,', 'column "t": expected a time such as 2024-05-31T18:30:00Z or a number since 1970, got nothing'],
  [
    'a time that is none',
    'a,x,1,noon',
    'column "t": expected a time such as 2024-05-31T18:30:00Z or a number since 1970, got noon',
  ],
  [
    'an infinite time',
    'a,x,1,infinity',
    'column "t": expected a time such as 2024-05-31T18:30:00Z or a number since 1970, got infinity',
  ],
])('%s is found in its row, far down', async (_, row, fault) => {
  const text = `${header}${good.repeat(30_000)}${row}\n${good.repeat(10)},,,\n`
  const message = await failure(text, { weight: 'w', time: 't' })
  expect(message).toBe(`Error: FILE, row 30001 after the header, ${fault}; ${remedy}`)
})

test('in Parquet too, and in the one file of many', async () => {
  const folder = freshFolder()
  const db = await Database.open({ spill: folder, memory: '128MiB', threads: 1 })
  const write = (name: string, sql: string) =>
    db.run(`copy (${sql}) to ${literal(join(folder, name))} (format parquet)`)
  await write('1.parquet', `select range as "user", 1 as item from range(200000)`)
  await write(
    '2.parquet',
    `select case range when 150000 then null else range end as "user", 1 as item from range(200000)`,
  )
  await write('3.parquet', `select '' as "user", 1 as item`)
  await write('4.parquet', `select 1.5::double as "user", true as item, [1] as list`)
  db.close()
  const of = (name: string, options: Partial<ImportOptions> = {}) =>
    failureOf({ sources: [join(folder, name)], ...options }, folder)
  expect(await of('[12].parquet')).toContain('2.parquet, row 150001, column "user": expected an id, got nothing')
  expect(await of('3.parquet')).toContain('3.parquet, row 1, column "user": expected an id, got empty text')
  expect(await of('4.parquet')).toMatch(
    /^RangeError: .*column "user": expected strings or integers as ids, got DOUBLE; make them so by --query/,
  )
  expect(await of('4.parquet', { user: 'item' })).toContain(
    'column "item": expected strings or integers as ids, got BOOLEAN',
  )
  expect(await of('4.parquet', { user: 'list' })).toContain('got INTEGER[]')
})

test('columns that are not there', async () => {
  expect(await failure(header + good, { user: 'who' })).toBe(
    'RangeError: FILE has no column "who" for --user, only "user", "item", "w", "t". If it has no header, name columns by position, from column0 on',
  )
  expect(await failure('{"user":1}\n', {}, 'a.ndjson')).toBe(
    'RangeError: FILE has no column "item" for --item, only "user"',
  )
  expect(await failure('user,User,item,item\n1,2,3,4\n')).toBe(
    'Error: FILE has 2 columns "item": rename them so that they differ',
  )
  expect(await failureOf({ query: 'select 1 as item' })).toBe(
    'RangeError: the query has no column "user" for --user, only "item"',
  )
})

test('types that cannot be weights or times', async () => {
  const query = `select 1 as "user", 2 as item, date '2024-01-01' as d, interval 1 day as i`
  expect(await failureOf({ query, weight: 'd' })).toContain('column "d": expected numbers as weights, got DATE')
  expect(await failureOf({ query, time: 'i' })).toContain(
    'expected timestamps, dates, numbers or text as times, got INTERVAL',
  )
})

test('kinds that are missing, too many, of no fitting type, or without times', async () => {
  const kinds = (values: readonly string[]) => `user,item,t,k\n${values.map(kind => `a,x,5,${kind}\n`).join('')}`
  expect(await failure(kinds(['play', '', 'like']), { time: 't', kind: 'k' })).toBe(
    `Error: FILE, row 2 after the header, column "k": expected a kind, got nothing; ${remedy}`,
  )
  const many = Array.from({ length: 256 }, (_, kind) => `kind ${kind}`)
  expect(await failure(kinds(many), { time: 't', kind: 'k' })).toBe(
    'Error: column "k" must have at most 255 different kinds, got more: merge some by --query',
  )
  const query = `select 1 as "user", 2 as item, 5 as t, [1] as k`
  expect(await failureOf({ query, time: 't', kind: 'k' })).toBe(
    'RangeError: the query, column "k": expected text, integers or truth values as kinds, got INTEGER[]; make them so by --query',
  )
  expect(await failure(kinds(['play']), { kind: 'k' })).toBe(
    'TypeError: kinds belong to events in order of time: name a column of times (--time) beside kind k',
  )
})

test('sources that are not there, empty, or no files', async () => {
  const folder = freshFolder()
  expect(await failure('')).toBe('Error: FILE is empty')
  expect(await failure('user,item\n')).toBe('Error: there is not one row in FILE')
  expect(await failureOf({ sources: [join(folder, 'x*')] })).toBe(
    `RangeError: there is no file ${join(folder, 'x*')}: check the path, and quote globs`,
  )
  expect(await failureOf({ sources: [folder] })).toContain(
    `${folder} is a directory: name its files, as in '${folder}/*.parquet'`,
  )
  expect(await failureOf({ sources: ['s3://bucket/x.parquet'] })).toContain('is not on this machine: download it first')
  expect(await failureOf({})).toBe('TypeError: the import needs a source or a query, got neither')
})

test('columns that may be either of two, and one for users and items both, are refused', async () => {
  const folder = freshFolder()
  const of = (text: string, columns: object, name = 'a.csv') => imported(folder, text, columns, name)
  const cases = 'id,ID\nu1,i1\nu1,i2\n'
  await expect(of(cases, { user: 'id', item: 'ID' })).rejects.toThrow(
    'has no column "ID" for --item, only "id", "ID_1"',
  )
  const dataset = await of(cases, { user: 'id', item: 'ID_1' })
  expect(pairsOf(dataset)).toEqual([
    ['u1', 'i1', 1],
    ['u1', 'i2', 1],
  ])
  await expect(of('id,Item\nu1,i1\n', { user: 'id', item: 'ID' })).rejects.toThrow(
    '--user and --item must name two columns, got "id" for both',
  )
  const nested = '{"user":{"no":1},"item":2}\n'
  await expect(of(nested, {}, 'a.ndjson')).rejects.toThrow(`'select * replace ("user"."no" as "user") from source'`)
  const query = 'select * replace ("user"."no" as "user") from source'
  expect(pairsOf(await of(nested, { query }, 'a.ndjson'))).toEqual([[1, 2, 1]])
})

test('JSON that nests deeper than its reader can follow is refused by its line, and what is less deep is read', async () => {
  const good = '{"user":"a","item":"b"}\n'.repeat(3000)
  const nested = (levels: number) => `{"user":"a","item":"c","x":${'['.repeat(levels)}${']'.repeat(levels)}}\n`
  const refused = 'Error: FILE, line 3001: expected JSON of at most 10000 levels, got more: correct or remove it'
  for (const badRows of ['refuse', 'skip'] as const) {
    expect(await failure(`${good}${nested(50_000)}${good}`, { badRows }, 'a.ndjson')).toBe(refused)
    expect(await failure(zlib.gzipSync(good + nested(200_000)), { badRows }, 'a.ndjson.gz')).toBe(refused)
    const cut = zlib.gzipSync(good + nested(5000)).subarray(0, -12)
    expect(await failure(cut, { badRows }, 'a.ndjson.gz')).toContain('FILE is damaged: expected gzip up to its end')
  }
  const text = `{"user":"a","item":"c","x":"${'['.repeat(50_000)}\\"${'{'.repeat(20_000)}"}\n`
  const dataset = await imported(
    freshFolder(),
    good + nested(5000) + text + nested(9000) + text.trimEnd(),
    {},
    'a.ndjson',
  )
  expect(pairsOf(dataset)).toEqual([
    ['a', 'b', 3000],
    ['a', 'c', 4],
  ])
})

test('files that are not what they should be', async () => {
  expect(await failure(`${header}${good.repeat(30_000)}a,x,1,2,3,4,5\n`)).toBe(
    `Error: FILE, line 30002: expected 4 columns, got more: a,x,1,2,3,4,5; correct it, or leave bad rows out with --bad-rows skip`,
  )
  const latin1 = Buffer.concat([Buffer.from(header + good.repeat(30_000)), Buffer.from([0xfc, 0x2c, 0x78, 0x0a])])
  const expected = 'expected UTF-8 (as iconv -f CP1252 -t UTF-8 makes it), got other bytes: '
  expect(await failure(latin1)).toContain(`Error: FILE, line 30002: ${expected}`)
  expect(await failure('PAR1 and then nothing', {}, 'a.parquet')).toMatch(/^Error: FILE: /)
  expect(await failure('{"user":1,"item":2}\n{"user":', {}, 'a.ndjson')).toMatch(/^Error: .*FILE.* in line 3/)
  expect(await failure(Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]), {}, 'a.csv.gz')).toMatch(/^Error: .*/)
})

test('a query that is none', async () => {
  expect(await failureOf({ query: 'select * frm x' })).toMatch(/^Error: the query: syntax error/)
  expect(await failureOf({ query: 'select * from nosuch' })).toContain(
    'the query: Table with name nosuch does not exist!',
  )
  expect(await failureOf({ query: 'select 1 as "user", null as item' })).toContain(
    'the query, row 1, column "item": expected',
  )
})

test('weights and cuts that leave nothing, or too much', async () => {
  expect(await failure(header + good, { minUser: 2 })).toContain(
    'no pair is left: there are no users and items with at least 2 and 1',
  )
  expect(await failure(`${header}a,x,0,5\n`, { weight: 'w' })).toBe(
    'Error: all 1 pairs weigh 0 or less: nothing is left',
  )
  expect(await failure(`${header}a,x,3e38,5\na,x,3e38,5\n`, { weight: 'w' })).toContain(
    'the weights of a pair must stay below 3.4e38',
  )
})

test('options that cannot be', async () => {
  const options = [
    { minUser: 0 },
    { minItem: 1.5 },
    { duplicates: 'first' as 'last' },
    { memory: 'lots' },
    { user: '' },
  ]
  for (const option of options)
    expect(await failureOf({ query: 'select 1', ...option })).toMatch(
      /^TypeError: the options of the import are not valid/,
    )
})

test('too little memory', async () => {
  const query = 'select hash(range) % 1003 as "user", hash(range)::varchar as item from range(1_000_000)'
  expect(await failureOf({ query, memory: '10MiB' })).toBe(
    'Error: 10MiB of memory is too little: allow more by --memory',
  )
})

test('an abort ends the import long before its end and leaves nothing', async () => {
  const folder = freshFolder()
  const controller = new AbortController()
  setTimeout(() => controller.abort(new Error('enough')), 300)
  const query = 'select range % 100003 as "user", hash(range)::varchar as item from range(200_000_000)'
  const begun = performance.now()
  const running = importDataset({
    query,
    user: 'user',
    item: 'item',
    out: join(folder, 'out'),
    signal: controller.signal,
  })
  await expect(running).rejects.toThrow('enough')
  expect(performance.now() - begun).toBeLessThan(30_000)
  expect(readdirSync(folder)).toEqual([])
})

test('Ctrl-C at the terminal ends with 130 and leaves nothing', async () => {
  const folder = freshFolder()
  const query = 'select range % 100003 as "user", hash(range)::varchar as item from range(200_000_000)'
  const args = [main, 'import', '--query', query, '--user', 'user', '--item', 'item', '--out', join(folder, 'out')]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  const ended = once(child, 'close')
  // It has begun once its draft is there.
  while (readdirSync(folder).length === 0) await new Promise(resolve => setTimeout(resolve, 10))
  child.kill('SIGINT')
  const [status] = await ended
  expect([status, stderr]).toEqual([130, 'aurochs: interrupted: nothing was written\n'])
  expect(readdirSync(folder)).toEqual([])
})

const canMount = spawnSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0

// Needs a disk of our own to fill: Linux, and user namespaces that may mount.
test.skipIf(!canMount)(
  'a full disk is an error that says so and leaves nothing, be it while spilling or while writing',
  () => {
    const query = 'select hash(range) % 1003 as "user", (range // 3)::varchar as item from range(1_000_000)'
    const attempt = (memory: string) => {
      const command = `mount -t tmpfs -o size=6m none /mnt && cd /mnt && "$@" --out /mnt/out --memory ${memory}; echo "code $?"; ls -A /mnt`
      const args = [
        '-c',
        command,
        'sh',
        process.execPath,
        main,
        'import',
        '--query',
        query,
        '--user',
        'user',
        '--item',
        'item',
      ]
      return spawnSync('unshare', ['-Urm', 'sh', ...args], { encoding: 'utf8' })
    }
    for (const memory of ['40MB', '1GB']) {
      const { stdout, stderr } = attempt(memory)
      expect(stderr).toBe(
        'aurochs: the disk is full: /mnt/out was not written; free some space or write to another disk\n',
      )
      expect(stdout).toBe('code 1\n')
    }
  },
)
