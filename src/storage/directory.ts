/**
 * Directories of files that belong together, under one `manifest.json` that names, sizes and checksums them. They
 * appear whole or not at all.
 */
import { createHash, randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { native } from '../native.ts'
import { NotReplaceableError } from './not-replaceable.ts'

/** Of a dataset or a model, in its directory. */
export const manifestName = 'manifest.json'

const formats = ['aurochs-dataset', 'aurochs-model', 'aurochs-words', 'aurochs-tagger', 'aurochs-song-space'] as const
export type Format = (typeof formats)[number]

/** What every manifest says; each format adds its own. */
export interface Manifest {
  readonly format: Format
  readonly version: number
  /** By name: size, and CRC-32 (IEEE) in eight hexadecimal digits. */
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly crc32: string }>>
}

const manifestSchema: z.ZodType<Manifest> = z.looseObject({
  format: z.enum(formats),
  version: z.int().positive(),
  files: z.record(
    z.string().refine(name => basename(name) === name && name !== '..', 'must be a plain file name'),
    z.object({ bytes: z.int().nonnegative(), crc32: z.string().regex(/^[0-9a-f]{8}$/) }),
  ),
})

const title: Record<Format, string> = {
  'aurochs-dataset': 'dataset',
  'aurochs-model': 'model',
  'aurochs-words': 'directory of word vectors',
  'aurochs-tagger': 'tagger',
  'aurochs-song-space': 'song space',
}

/** The only version of each format that is read and written, and the command that makes one. */
const currentVersion: Record<Format, number> = {
  'aurochs-dataset': 2,
  'aurochs-model': 2,
  'aurochs-words': 1,
  'aurochs-tagger': 1,
  'aurochs-song-space': 1,
}
const command: Record<Format, string> = {
  'aurochs-dataset': '`aurochs import`',
  'aurochs-model': '`aurochs train`',
  'aurochs-words': '`aurochs words`',
  'aurochs-tagger': '`aurochs music train-tagger`',
  'aurochs-song-space': '`aurochs music build-space`',
}

export interface WriteOptions {
  /** Take the place of what is at the target, if that is of the same format and holds nothing else. Default: refuse. */
  readonly replace?: boolean
}

/**
 * Lets `write` fill a fresh directory beside `target`, adds the manifest made of what `write` returns and of the
 * checksums of the files, waits until the disk has everything, and only then renames it to `target`. If anything
 * fails, nothing remains.
 *
 * @returns the manifest
 * @throws Error when `target` exists and may not be replaced, when the disk is full, and what `write` throws.
 */
export async function writeDirectory<Fields extends Pick<Manifest, 'format' | 'version'>>(
  target: string,
  write: (directory: string) => Promise<Fields>,
  { replace = false }: WriteOptions = {},
): Promise<Fields & Pick<Manifest, 'files'>> {
  const place = resolve(target)
  refuseToLose(place, replace)
  return withDraft(target, async draft => {
    const fields = await write(draft)
    const manifest = { ...fields, files: await checksums(draft) }
    await writeFile(join(draft, manifestName), sealed(manifest), { flush: true })
    await sync(draft)
    refuseToLose(place, replace, fields.format)
    await swapIn(draft, place)
    return manifest
  })
}

/**
 * Lets `fill` write to a fresh directory beside `target`, to put it, or a file of it, in that place by a rename. What is left of
 * it afterwards is removed, also when the process exits meanwhile.
 *
 * @throws what `fill` throws, and Error naming the remedy when the disk is full.
 */
export async function withDraft<Result>(target: string, fill: (draft: string) => Promise<Result>): Promise<Result> {
  const place = resolve(target)
  await mkdir(dirname(place), { recursive: true })
  removeAbandoned(place)
  const draft = beside(place, 'partial')
  const discard = () => rmSync(draft, { recursive: true, force: true })
  process.on('exit', discard)
  try {
    await mkdir(draft)
    return await fill(draft)
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOSPC'
      ? new Error(`the disk is full: ${target} was not written; free some space or write to another disk`, {
          cause: error,
        })
      : error
  } finally {
    process.off('exit', discard)
    await rm(draft, { recursive: true, force: true })
  }
}

/**
 * Reads the manifest of `directory` and checks that all its files are there with their sizes. O(files).
 *
 * @throws RangeError where there is none of `format`; Error saying which file is missing, of another size or of another version.
 */
export function openDirectory(directory: string, format: Format): Manifest {
  const found = statSync(directory, { throwIfNoEntry: false })
  if (!found) throw new RangeError(`there is no ${title[format]} at ${directory}: ${command[format]} makes one`)
  if (!found.isDirectory()) {
    throw new RangeError(`${directory} is a file: a ${title[format]} is a directory, which ${command[format]} makes`)
  }
  const manifest = readManifest(directory)
  if (!manifest) {
    throw new RangeError(
      `${directory} is no ${title[format]} of Aurochs: it has no valid ${manifestName}; ${command[format]} makes one`,
    )
  }
  if (manifest.format !== format) {
    throw new RangeError(
      `${directory} must be a ${title[format]}, which ${command[format]} makes, but is a ${title[manifest.format]}`,
    )
  }
  const current = currentVersion[format]
  if (manifest.version !== current) {
    const remedy = manifest.version > current ? 'update Aurochs' : `make it anew by ${command[format]} with --replace`
    throw new Error(
      `${directory} is a ${title[format]} of version ${manifest.version}, and this Aurochs reads version ${current}: ${remedy}`,
    )
  }
  for (const [name, { bytes }] of Object.entries(manifest.files)) {
    const file = join(directory, name)
    const fault = fileFault(file, bytes)
    if (fault === undefined) continue
    // Where the manifest itself is altered, there may be no such file.
    verifyManifest(directory, manifest)
    throw new Error(`${file} is ${fault}; make the ${title[format]} anew`)
  }
  return manifest
}

/** What is wrong with a file that must have so many bytes, in words, or nothing. */
function fileFault(file: string, bytes: number): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false })
  if (!found) return 'missing'
  if (!found.isFile()) return 'damaged: it must be a file'
  return found.size === bytes ? undefined : `damaged: expected ${bytes} bytes, got ${found.size}`
}

/** What `directory` holds, if it is one of ours. */
export function formatOf(directory: string): Format | undefined {
  return readManifest(directory)?.format
}

/** How often {@link openConsistent} starts again when the directory is replaced while it reads. */
const attempts = 10

/**
 * Opens the files of `directory` by `open`, which gets the manifest. If another process replaces the directory
 * meanwhile, so that manifest and files may be of two artifacts, it is opened again.
 *
 * @throws what {@link openDirectory} and `open` throw.
 */
export function openConsistent<Opened>(
  directory: string,
  format: Format,
  open: (manifest: Manifest) => Opened,
  close: (opened: Opened) => void,
): Opened {
  for (let attempt = 1; ; attempt++) {
    const before = identityOf(directory)
    let opened: Opened
    try {
      opened = open(openDirectory(directory, format))
    } catch (error) {
      if (attempt < attempts && identityOf(directory) !== before) continue
      throw error
    }
    if (identityOf(directory) === before) return opened
    close(opened)
    if (attempt === attempts) {
      throw new Error(`${directory} was replaced ${attempts} times while it was opened: open it again later`)
    }
  }
}

/** Differs between an artifact and the one that takes its place: of the directory's inode and its time of change. */
export function identityOf(directory: string): string {
  const found = statSync(directory, { throwIfNoEntry: false, bigint: true })
  return found ? `${found.dev} ${found.ino} ${found.ctimeNs}` : ''
}

/** Reads all files of `manifest`, itself too, and compares checksums. @throws Error naming the first altered file. */
export function verifyDirectory(directory: string, manifest: Manifest): void {
  verifyManifest(directory, manifest)
  for (const [name, { crc32 }] of Object.entries(manifest.files)) {
    assertChecksum(join(directory, name), manifest, crc32, hex(checksumOfFile(join(directory, name))))
  }
}

function verifyManifest(directory: string, manifest: Manifest): void {
  const file = join(directory, manifestName)
  const text = readFileSync(file, 'utf8')
  const [seal, sum] = sealPattern.exec(text) ?? []
  if (!seal || !sum) assertChecksum(file, manifest, 'in its last line', 'none')
  else assertChecksum(file, manifest, sum, hex(native.crc32(Buffer.from(text.slice(0, -seal.length)))))
}

function assertChecksum(file: string, { format }: Manifest, expected: string, found: string): void {
  if (found === expected) return
  throw new Error(`${file} is damaged: expected the checksum ${expected}, got ${found}; make the ${title[format]} anew`)
}

/** Reads the file rather than mapping it: pages of a map would count as ours long after. */
function checksumOfFile(path: string): number {
  const file = openSync(path, 'r')
  try {
    const piece = new Uint8Array(pieceLength(fstatSync(file).size))
    let sum = 0
    for (let length = readSync(file, piece); length > 0; length = readSync(file, piece)) {
      sum = native.crc32(piece.subarray(0, length), sum)
    }
    return sum
  } finally {
    closeSync(file)
  }
}

/** One short name for the contents of all files, equal for equal contents. */
export function checksumOf({ files }: Pick<Manifest, 'files'>): string {
  const lines = Object.entries(files).map(([name, { bytes, crc32 }]) => `${name} ${bytes} ${crc32}\n`)
  return createHash('sha256').update(lines.sort().join('')).digest('hex').slice(0, 16)
}

/** The last line of a manifest: the checksum of all bytes before it. */
const sealPattern = /,\n {2}"crc32": "([0-9a-f]{8})"\n\}\n$/

function sealed(manifest: object): string {
  const text = JSON.stringify(manifest, null, 2).slice(0, -'\n}'.length)
  return `${text},\n  "crc32": "${hex(native.crc32(Buffer.from(text)))}"\n}\n`
}

function readManifest(directory: string): Manifest | undefined {
  try {
    // Reading a pipe would wait for whoever writes to it.
    if (!statSync(join(directory, manifestName)).isFile()) return undefined
    const { crc32: _seal, ...manifest } = JSON.parse(readFileSync(join(directory, manifestName), 'utf8'))
    return manifestSchema.parse(manifest)
  } catch {
    return undefined
  }
}

/** @throws {NotReplaceableError} where {@link writeDirectory} could not put one of `format` in the place of `directory`. */
export function assertReplaceable(directory: string, format: Format): void {
  refuseToLose(resolve(directory), true, format)
}

/** Only an empty directory, or one of `format` with nothing else in it where `replace` is set, may be replaced. */
function refuseToLose(place: string, replace: boolean, format?: Format): void {
  const found = statSync(place, { throwIfNoEntry: false })
  if (!found || (found.isDirectory() && isEmpty(place))) return
  if (!replace)
    throw new NotReplaceableError(
      `${place} exists: remove it, choose another place, or replace it (replace, --replace)`,
    )
  const old = found.isDirectory() ? readManifest(place) : undefined
  if (!old)
    throw new NotReplaceableError(`${place} was not written by Aurochs, so it is not replaced: choose another place`)
  const foreign = readdirSync(place).find(name => name !== manifestName && !Object.hasOwn(old.files, name))
  if (foreign !== undefined) {
    const what = `the ${title[old.format]} at ${place} is not replaced`
    throw new NotReplaceableError(
      `${join(place, foreign)} is not part of it, so ${what}: move it away, or choose another place`,
    )
  }
  if (format && old.format !== format) {
    throw new NotReplaceableError(
      `${place} is a ${title[old.format]}, so no ${title[format]} takes its place: choose another place`,
    )
  }
}

/** Puts `draft` in the place of `place`; what was there is then at `draft`. */
async function swapIn(draft: string, place: string): Promise<void> {
  if (existsSync(place) && !isEmpty(place)) return exchangeDirectories(draft, place)
  await rename(draft, place)
  await sync(dirname(place))
}

/**
 * Puts each of two directories in the place of the other, in one step: a reader of `place` finds one of them. Where the file
 * system cannot exchange two directories, there is none at `place` for the time between two renames.
 */
export async function exchangeDirectories(other: string, place: string): Promise<void> {
  if (!native.exchangePaths(other, place)) {
    const old = beside(place, 'old')
    await rename(place, old)
    try {
      await rename(other, place)
    } catch (error) {
      await rename(old, place)
      throw error
    }
    await rename(old, other)
  }
  await sync(dirname(place))
}

async function checksums(directory: string): Promise<Manifest['files']> {
  const files: Record<string, Manifest['files'][string]> = {}
  for (const name of (await readdir(directory)).sort()) {
    const file = await open(join(directory, name))
    try {
      const bytes = (await file.stat()).size
      files[name] = { bytes, crc32: hex(await crc32(file, bytes)) }
      await file.sync()
    } finally {
      await file.close()
    }
  }
  return files
}

/** Reads in pieces rather than by map: pages of a map count as memory of this process for as long as it lives. */
async function crc32(file: FileHandle, bytes: number): Promise<number> {
  const piece = new Uint8Array(pieceLength(bytes))
  for (let sum = 0; ; ) {
    const { bytesRead } = await file.read(piece)
    if (bytesRead === 0) return sum
    sum = native.crc32(piece.subarray(0, bytesRead), sum)
  }
}

/** Bytes of a file of `bytes` to read at a time: no more than there are, since V8 collects its whole heap after each 64 MiB of buffers. */
function pieceLength(bytes: number): number {
  return Math.max(1, Math.min(bytes, 1 << 20))
}

/** Waits until the disk has what a directory lists, or a file holds. */
export async function sync(path: string): Promise<void> {
  const file = await open(path)
  await file.sync().finally(() => file.close())
}

function beside(place: string, purpose: string): string {
  return join(dirname(place), `.${basename(place)}.${owner}.${randomBytes(4).toString('hex')}.${purpose}`)
}

/** The machine and the process: what a process that was killed leaves is known by it. */
const owner = `${hostname()}-${process.pid}`

/** Removes drafts for `place` of processes of this machine that are gone. */
function removeAbandoned(place: string): void {
  const ours = `.${basename(place)}.${hostname()}-`
  for (const name of readdirSync(dirname(place))) {
    const pid = name.startsWith(ours) ? /^(\d+)\.[0-9a-f]{8}\.partial$/.exec(name.slice(ours.length))?.[1] : undefined
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(dirname(place), name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

function isEmpty(directory: string): boolean {
  return readdirSync(directory).length === 0
}

function hex(sum: number): string {
  return sum.toString(16).padStart(8, '0')
}
