import { execFileSync } from 'node:child_process'
import { createWriteStream, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { expect, test, vi } from 'vitest'
import { Database } from '../../src/ingest/database.ts'
import { importDataset } from '../../src/ingest/import.ts'
import { freshFolder } from '../storage/folder.ts'
import { imported, pairsOf } from './imported.ts'

// Each import starts a database: where machines are busy, dozens of them take their time.
vi.setConfig({ testTimeout: 60_000 })

const csv = 'user,item\n1,x\n2,y\n'
const pairs = [
  [1, 'x', 1],
  [2, 'y', 1],
]

async function parquet(): Promise<Buffer> {
  const path = join(freshFolder(), 'a')
  const db = await Database.open({ spill: '', memory: '128MiB', threads: 1 })
  await db.run(`copy (select * from (values (1, 'x'), (2, 'y')) t("user", item)) to '${path}' (format parquet)`)
  db.close()
  return readFileSync(path)
}

test('formats and compressions that are read are known by the contents, whatever the name', async () => {
  const json = '{"user":1,"item":"x"}\n{"user":2,"item":"y"}\n'
  const files: [name: string, content: string | Uint8Array][] = [
    ['gzip.csv', gzipSync(csv)],
    ['zstd.txt', zstdCompressSync(csv)],
    ['plain.csv.gz', csv],
    ['json', json],
    ['json.dat', zstdCompressSync(json)],
    ['parquet', await parquet()],
    ['parquet.csv', await parquet()],
    // Larger than what is looked at.
    ['long', gzipSync(csv + '1,x\n'.repeat(200_000))],
  ]
  for (const [name, content] of files) {
    const dataset = await imported(freshFolder(), content, { duplicates: 'max' }, name)
    expect(pairsOf(dataset), name).toEqual(pairs)
  }
})

const zip = (name: string) => `PK\x03\x04${'.'.repeat(26)}${name} and so on`

test.each([
  ['a.csv', zip('a.csv'), 'a zip archive', 'unzip -p ARCHIVE FILE | aurochs import -'],
  ['a.xlsx', zip('[Content_Types].xml'), 'an Excel workbook', 'save it as CSV'],
  ['a.npy', '\x93NUMPY\x01\x00', 'a NumPy array (.npy)', 'write its rows to CSV'],
  ['a.db', 'SQLite format 3\0', 'an SQLite database', 'write its rows to CSV'],
  ['a.h5', '\x89HDF\r\n\x1a\n', 'an HDF5 file', 'write its rows to CSV'],
  ['a.csv', '\xff\xfeu\0s\0', 'text in UTF-16', 'iconv -f UTF-16 -t UTF-8'],
  ['a.bz2', 'BZh91AY&SY', 'compressed by bzip2', 'bunzip2 < FILE | aurochs import -'],
  ['a.csv', 'user,item\n1,\0\n', 'binary (there is a byte 0)', 'write its rows to CSV'],
  ['a.parquet', csv, 'no Parquet file', 'name its format by --format'],
])('%s with %j is refused as what it is', async (name, content, what, remedy) => {
  const folder = freshFolder()
  const message = await imported(folder, Buffer.from(content, 'latin1'), {}, name).then(
    () => expect.unreachable('the import went well'),
    (error: Error) => error.message,
  )
  expect(message).toContain(`${join(folder, name)} is ${what}`)
  expect(message).toContain(remedy)
})

test('an archive inside gzip, or Parquet where the format is named, is refused too', async () => {
  const tar = Buffer.alloc(512)
  tar.write('a.csv')
  tar.write('ustar', 257)
  await expect(imported(freshFolder(), gzipSync(tar), {}, 'a.tgz')).rejects.toThrow('is a tar archive')
  await expect(imported(freshFolder(), gzipSync(await parquet()), {}, 'a.gz')).rejects.toThrow('is Parquet in gzip')
  await expect(imported(freshFolder(), await parquet(), { format: 'csv' }, 'a.csv')).rejects.toThrow(
    'is Parquet, and --format says csv: leave it out',
  )
})

test('a named pipe is waited for and read to its end, named as such, and its copy is gone', async () => {
  const folder = freshFolder()
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  const out = join(folder, 'out')
  const running = importDataset({ sources: [pipe], user: 'user', item: 'item', out })
  await new Promise(resolve => setTimeout(resolve, 500))
  createWriteStream(pipe).end(gzipSync(csv))
  expect(await running).toMatchObject({ pairs: 2, source: { files: [pipe] } })
  expect(readdirSync(out).sort()).toEqual([
    'by-item.safetensors',
    'by-user.safetensors',
    'items.arrow',
    'manifest.json',
    'users.arrow',
  ])
})

test('faults in what came by a pipe name the pipe', async () => {
  const folder = freshFolder()
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  const message = (text: string) => {
    createWriteStream(pipe).end(text)
    return importDataset({ sources: [pipe], user: 'user', item: 'item', out: join(folder, 'out') }).then(
      () => expect.unreachable('the import went well'),
      (error: Error) => error.message,
    )
  }
  expect(await message('user,item\n,x\n')).toContain(`${pipe}, row 1 after the header, column "user"`)
  expect(await message('user,item\na,x\nb\n')).toContain(`${pipe}, line 3: expected 2 columns, got 1: b`)
  expect(await message('{"user":\n')).toContain(`${pipe}: Malformed JSON in file "${pipe}"`)
  expect(await message('')).toBe(`${pipe} is empty`)
  expect(readdirSync(folder)).toEqual(['pipe'])
})

test('an abort ends the wait for a pipe, and nothing remains', async () => {
  const folder = freshFolder()
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  const signal = AbortSignal.timeout(300)
  const running = importDataset({ sources: [pipe], user: 'user', item: 'item', out: join(folder, 'out'), signal })
  await expect(running).rejects.toThrow(signal.reason)
  expect(readdirSync(folder)).toEqual(['pipe'])
})

test('a compressed file that is cut off anywhere is refused as damaged, and nothing of it is taken', async () => {
  const rows = Array.from({ length: 30_000 }, (_, row) => `u${row * 7919},x${row}\n`).join('')
  const text = Buffer.from(`user,item\n${rows}`)
  const second = Buffer.from('9,z\n'.repeat(1000))
  const options = { params: { [constants.ZSTD_c_checksumFlag]: 1 } }
  for (const whole of [
    gzipSync(text),
    Buffer.concat([gzipSync(text), gzipSync(second)]),
    zstdCompressSync(text),
    zstdCompressSync(text, options),
    Buffer.concat([zstdCompressSync(text), zstdCompressSync(second)]),
    zstdCompressSync(Buffer.concat([text, Buffer.alloc(0), Buffer.from('a,a\n'.repeat(200_000))])),
  ]) {
    expect((await imported(freshFolder(), whole)).manifest.pairs).toBeGreaterThanOrEqual(30_000)
    const { length } = whole
    for (const end of [length - 1, length - 5, length - 200, Math.floor(length * 0.9), length >> 1]) {
      const cut = whole.subarray(0, end)
      for (const badRows of ['refuse', 'skip'] as const) {
        await expect(imported(freshFolder(), cut, { badRows }), `${end} of ${length} bytes`).rejects.toThrow(
          /source\.csv (is damaged: expected (gzip|zstd) up to its end|holds nothing in)/,
        )
      }
    }
  }
})
