import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ZipFile } from '../../../src/storage/numpy/zip.ts'
import { freshFolder } from '../folder.ts'
import { zipBytes } from './archive.ts'

const files = { 'a.npy': Buffer.from('abc'.repeat(5000)), 'empty.npy': Buffer.alloc(0), 'b.npy': Buffer.from('xyz') }

function written(bytes: Uint8Array): string {
  const path = join(freshFolder(), 'archive.npz')
  writeFileSync(path, bytes)
  return path
}

async function contentsOf(path: string, name: string): Promise<string> {
  const archive = await ZipFile.open(path)
  const pieces: Buffer[] = []
  for await (const piece of archive.contents(name)) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

test('files are read whether they are stored or deflated, with and without fields of zip64', async () => {
  for (const options of [{}, { isDeflated: true }, { isZip64: true }, { isDeflated: true, isZip64: true }]) {
    const path = written(zipBytes(files, options))
    expect((await ZipFile.open(path)).names).toEqual(Object.keys(files))
    for (const [name, contents] of Object.entries(files)) expect(await contentsOf(path, name)).toBe(String(contents))
  }
})

test('a comment at the end is no harm', async () => {
  const bytes = Buffer.concat([zipBytes(files), Buffer.from('made by hand')])
  bytes.writeUInt16LE(12, bytes.length - 14)
  expect(await contentsOf(written(bytes), 'b.npy')).toBe('xyz')
})

test('what is cut off, altered, encrypted or not there is refused by name', async () => {
  const bytes = zipBytes(files, { isDeflated: true })
  await expect(ZipFile.open(written(bytes.subarray(0, -30)))).rejects.toThrow(
    'archive.npz is no whole zip archive: its list of files at its end is missing; copy or save it again',
  )
  await expect(ZipFile.open(written(Buffer.concat([bytes.subarray(0, 20), bytes.subarray(-22)])))).rejects.toThrow(
    'its list of files is not in its place',
  )
  await expect(contentsOf(written(bytes), 'c.npy')).rejects.toThrow('must have c.npy, but has a.npy, empty.npy, b.npy')
  const altered = zipBytes(files)
  altered[40] = altered[40]! ^ 1
  await expect(contentsOf(written(altered), 'a.npy')).rejects.toThrow('a.npy differs from its checksum')
  const broken = Buffer.from(bytes)
  broken.fill(0xff, 40, 50)
  await expect(contentsOf(written(broken), 'a.npy')).rejects.toThrow('a.npy cannot be unpacked')
  const at = bytes.indexOf('PK\x01\x02')
  const encrypted = Buffer.from(bytes)
  encrypted[at + 8] = 1
  await expect(contentsOf(written(encrypted), 'a.npy')).rejects.toThrow('a.npy is encrypted')
  const packed = Buffer.from(bytes)
  packed[at + 10] = 14
  await expect(contentsOf(written(packed), 'a.npy')).rejects.toThrow(
    'must be stored or deflated, but is packed by method 14',
  )
})
