import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { native } from '../../src/native.ts'
import {
  checksumOf,
  openConsistent,
  openDirectory,
  verifyDirectory,
  writeDirectory,
} from '../../src/storage/directory.ts'
import { freshFolder } from './folder.ts'

const dataset = { format: 'aurochs-dataset', version: 2 } as const

function filled(files: Record<string, string>) {
  return async (draft: string) => {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(draft, name), content)
    return { ...dataset, note: 'ours' }
  }
}

/** What another process does, but for the contents: a rename gives a directory another identity. */
function replaceBySame(directory: string): void {
  renameSync(directory, `${directory}-elsewhere`)
  renameSync(`${directory}-elsewhere`, directory)
}

test('a directory appears whole, with parents, manifest and checksums', async () => {
  const target = join(freshFolder(), 'deep', 'down')
  const manifest = await writeDirectory(target, filled({ b: '123456789', a: '' }))
  expect(readdirSync(target).sort()).toEqual(['a', 'b', 'manifest.json'])
  // cbf43926 is the check value of CRC-32 in its catalogues.
  expect(manifest.files).toEqual({ a: { bytes: 0, crc32: '00000000' }, b: { bytes: 9, crc32: 'cbf43926' } })
  expect(openDirectory(target, 'aurochs-dataset')).toEqual(manifest)
  expect(manifest.note).toBe('ours')
  verifyDirectory(target, manifest)
  expect(statSync(target).mode & 0o777).toBe(0o777 & ~process.umask())
})

test('when writing fails nothing remains, and the old is untouched', async () => {
  const folder = freshFolder()
  const target = join(folder, 'data')
  const failing = async (draft: string) => {
    writeFileSync(join(draft, 'half'), 'x')
    throw new Error('no more')
  }
  await expect(writeDirectory(target, failing)).rejects.toThrow('no more')
  expect(readdirSync(folder)).toEqual([])
  await writeDirectory(target, filled({ a: 'old' }))
  await expect(writeDirectory(target, failing, { replace: true })).rejects.toThrow('no more')
  expect(readdirSync(folder)).toEqual(['data'])
  expect(readFileSync(join(target, 'a'), 'utf8')).toBe('old')
})

test('what exists is replaced only when asked, and only if it is of the same format', async () => {
  const folder = freshFolder()
  const target = join(folder, 'data')
  await writeDirectory(target, filled({ a: 'old' }))
  await expect(writeDirectory(target, filled({ a: 'new' }))).rejects.toThrow(`${target} exists`)
  await writeDirectory(target, filled({ b: 'new' }), { replace: true })
  expect(readdirSync(target).sort()).toEqual(['b', 'manifest.json'])
  const model = async () => ({ format: 'aurochs-model', version: 2 }) as const
  await expect(writeDirectory(target, model, { replace: true })).rejects.toThrow(
    'is a dataset, so no model takes its place',
  )
  expect(readdirSync(folder)).toEqual(['data'])
})

test('where two directories cannot be exchanged, the new one comes by two renames', async () => {
  const folder = freshFolder()
  const target = join(folder, 'data')
  await writeDirectory(target, filled({ a: 'old' }))
  const exchange = vi.spyOn(native, 'exchangePaths').mockReturnValue(false)
  onTestFinished(() => exchange.mockRestore())
  await writeDirectory(target, filled({ a: 'new' }), { replace: true })
  expect(exchange).toHaveBeenCalledOnce()
  expect(readFileSync(join(target, 'a'), 'utf8')).toBe('new')
  expect(readdirSync(folder)).toEqual(['data'])
  // A second rename that fails gives the old one back.
  exchange.mockImplementation(draft => {
    rmSync(draft, { recursive: true })
    return false
  })
  await expect(writeDirectory(target, filled({ a: 'newer' }), { replace: true })).rejects.toThrow('ENOENT')
  expect(readFileSync(join(target, 'a'), 'utf8')).toBe('new')
  expect(readdirSync(folder)).toEqual(['data'])
})

test('an empty directory needs no exchange', async () => {
  const target = join(freshFolder(), 'data')
  mkdirSync(target)
  const exchange = vi.spyOn(native, 'exchangePaths')
  onTestFinished(() => exchange.mockRestore())
  await writeDirectory(target, filled({ a: 'x' }))
  expect(exchange).not.toHaveBeenCalled()
  expect(readdirSync(target).sort()).toEqual(['a', 'manifest.json'])
})

test('what is replaced while it is opened is opened again, ten times at most', async () => {
  const target = join(freshFolder(), 'data')
  await writeDirectory(target, filled({ a: '1' }))
  let [opened, closed] = [0, 0]
  const replacedTimes = (times: number) => {
    opened = 0
    closed = 0
    return openConsistent(
      target,
      'aurochs-dataset',
      () => {
        if (opened++ < times) replaceBySame(target)
        return opened
      },
      () => {
        closed++
      },
    )
  }
  expect([replacedTimes(0), opened, closed]).toEqual([1, 1, 0])
  expect([replacedTimes(3), opened, closed]).toEqual([4, 4, 3])
  expect(() => replacedTimes(100)).toThrow(`${target} was replaced 10 times while it was opened: open it again later`)
  expect([opened, closed]).toEqual([10, 10])
})

test('what Aurochs did not write is never replaced, but an empty directory is filled', async () => {
  const folder = freshFolder()
  const foreign = join(folder, 'foreign')
  mkdirSync(foreign)
  await writeDirectory(foreign, filled({ a: 'x' }))
  const precious = join(folder, 'precious')
  mkdirSync(precious)
  writeFileSync(join(precious, 'thesis.tex'), 'x')
  for (const place of [precious, join(precious, 'thesis.tex')]) {
    let ran = false
    const write = async (draft: string) => {
      ran = true
      return filled({})(draft)
    }
    await expect(writeDirectory(place, write, { replace: true })).rejects.toThrow('was not written by Aurochs')
    expect(ran).toBe(false)
  }
  expect(existsSync(join(precious, 'thesis.tex'))).toBe(true)
})

test('missing, cut and altered files are refused by name', async () => {
  const target = join(freshFolder(), 'data')
  await writeDirectory(target, filled({ a: 'hello', b: 'world' }))
  const open = () => verifyDirectory(target, openDirectory(target, 'aurochs-dataset'))
  open()
  writeFileSync(join(target, 'b'), 'worle')
  expect(open).toThrow(`${join(target, 'b')} is damaged: expected the checksum`)
  writeFileSync(join(target, 'b'), 'worl')
  expect(open).toThrow(`${join(target, 'b')} is damaged: expected 5 bytes, got 4`)
  rmSync(join(target, 'b'))
  expect(open).toThrow(`${join(target, 'b')} is missing`)
})

test('a manifest vouches for itself: changes that still parse are refused too', async () => {
  const target = join(freshFolder(), 'data')
  await writeDirectory(target, filled({ a: 'hello' }))
  const manifest = join(target, 'manifest.json')
  const text = readFileSync(manifest, 'utf8')
  const open = () => verifyDirectory(target, openDirectory(target, 'aurochs-dataset'))
  for (const altered of [
    text.replace('"version": 2', '"version": 2, "users": 2'),
    text.replace(/\n$/, ''),
    `${text} `,
  ]) {
    expect(altered).not.toBe(text)
    writeFileSync(manifest, altered)
    expect(open).toThrow(`${manifest} is damaged: expected the checksum`)
  }
  writeFileSync(manifest, text)
  open()
})

test.skipIf(process.platform === 'win32')('a pipe in the place of a file is refused, and not waited for', async () => {
  const target = join(freshFolder(), 'data')
  await writeDirectory(target, filled({ a: 'hello' }))
  for (const name of ['a', 'manifest.json']) {
    rmSync(join(target, name))
    execFileSync('mkfifo', [join(target, name)])
    expect(() => openDirectory(target, 'aurochs-dataset')).toThrow(
      name === 'a' ? `${join(target, 'a')} is damaged: it must be a file` : 'has no valid manifest.json',
    )
    expect(() => native.mapFile(join(target, name))).toThrow(`cannot map ${join(target, name)}: it must be a file`)
  }
  await expect(writeDirectory(target, filled({ a: 'new' }), { replace: true })).rejects.toThrow(
    'not written by Aurochs',
  )
})

test('a manifest that cannot be is refused', async () => {
  const target = join(freshFolder(), 'data')
  expect(() => openDirectory(target, 'aurochs-dataset')).toThrow(`there is no dataset at ${target}`)
  mkdirSync(target)
  const saying = (manifest: unknown) => {
    writeFileSync(join(target, 'manifest.json'), typeof manifest === 'string' ? manifest : JSON.stringify(manifest))
    return () => openDirectory(target, 'aurochs-dataset')
  }
  expect(() => openDirectory(target, 'aurochs-dataset')).toThrow('is no dataset of Aurochs')
  expect(saying('{')).toThrow('is no dataset of Aurochs')
  expect(saying({ ...dataset, files: { '../../etc/passwd': { bytes: 1, crc32: '00000000' } } })).toThrow(
    'is no dataset',
  )
  expect(saying({ ...dataset, format: 'aurochs-model', files: {} })).toThrow(
    'must be a dataset, which `aurochs import` makes, but is a model',
  )
})

test('another version is refused with the command that makes it anew, or with that to update', () => {
  const target = freshFolder()
  const opened = (format: 'aurochs-dataset' | 'aurochs-model', version: number) => () => {
    writeFileSync(join(target, 'manifest.json'), JSON.stringify({ format, version, files: {} }))
    return openDirectory(target, format)
  }
  expect(opened('aurochs-dataset', 1)).toThrow(
    `${target} is a dataset of version 1, and this Aurochs reads version 2: make it anew by \`aurochs import\` with --replace`,
  )
  expect(opened('aurochs-model', 1)).toThrow(
    `${target} is a model of version 1, and this Aurochs reads version 2: make it anew by \`aurochs train\` with --replace`,
  )
  expect(opened('aurochs-dataset', 3)).toThrow(
    `${target} is a dataset of version 3, and this Aurochs reads version 2: update Aurochs`,
  )
  expect(opened('aurochs-dataset', 2)().files).toEqual({})
})

test('what is of version 1 is replaced when asked', async () => {
  const target = join(freshFolder(), 'data')
  await writeDirectory(target, filled({ a: 'old' }))
  const manifest = join(target, 'manifest.json')
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"version": 2', '"version": 1'))
  await writeDirectory(target, filled({ b: 'new' }), { replace: true })
  expect(Object.keys(openDirectory(target, 'aurochs-dataset').files)).toEqual(['b'])
})

test('the checksum of a directory tells its contents, in whatever order they stand', () => {
  const [a, b] = [
    { bytes: 1, crc32: '00000001' },
    { bytes: 2, crc32: '00000002' },
  ] as const
  expect(checksumOf({ files: { a, b } })).toBe(checksumOf({ files: { b, a } }))
  expect(checksumOf({ files: { a, b } })).not.toBe(checksumOf({ files: { a: b, b: a } }))
})
