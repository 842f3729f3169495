/** Whether a compressed file ends where it should: of one that was cut off, DuckDB reads the rows that are there. */
import { createReadStream, statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import zlib from 'node:zlib'
import { SourceError } from '../source-error.ts'
import { type Compression, compressionAt } from './content.ts'
import type { SourceFile } from './file.ts'

/**
 * Whether `file` is whole: reads one of gzip to its end, of one of zstd the heads of all blocks, of others nothing.
 *
 * @throws SourceError naming the file that is cut off or damaged.
 */
export async function assertWhole({ path, name }: SourceFile, signal?: AbortSignal): Promise<void> {
  const compression = compressionAt(path)
  try {
    if (compression === 'gzip') await readGzip(path, signal)
    else if (compression === 'zstd') await walkZstd(path)
  } catch (error) {
    signal?.throwIfAborted()
    throw damaged(name, compression, error)
  }
}

/** That a compressed file could not be read to its end. */
export function damaged(name: string, compression: Compression, error: unknown): SourceError {
  return new SourceError(
    `${name} is damaged: expected ${compression} up to its end, got ${(error as Error).message}; copy or download it again`,
    { cause: error },
  )
}

async function readGzip(path: string, signal: AbortSignal | undefined): Promise<void> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), zlib.createGunzip(), nowhere, { signal })
}

/** Frames of https://www.rfc-editor.org/rfc/rfc8878#section-3.1, by what their headers say of sizes. */
async function walkZstd(path: string): Promise<void> {
  const { size } = statSync(path)
  const file = await open(path)
  try {
    let at = 0
    while (at < size) at = await frameEnd(file, at)
    if (at > size) throw new Error('its end too early')
  } finally {
    await file.close()
  }
}

async function frameEnd(file: FileHandle, begin: number): Promise<number> {
  const head = await bytesAt(file, begin, 8)
  const magic = head.readUInt32LE()
  // Skippable frames.
  if (magic >>> 4 === 0x184d2a5) return begin + 8 + head.readUInt32LE(4)
  if (magic !== 0xfd2fb528) throw new Error('other bytes')
  const descriptor = head[4]!
  const isSingleSegment = (descriptor & 0x20) !== 0
  const contentSizes = [isSingleSegment ? 1 : 0, 2, 4, 8]
  const dictionarySizes = [0, 1, 2, 4]
  let at = begin + 5 + (isSingleSegment ? 0 : 1) + dictionarySizes[descriptor & 3]! + contentSizes[descriptor >> 6]!
  for (let isLast = false; !isLast; ) {
    const block = (await bytesAt(file, at, 3)).readUIntLE(0, 3)
    isLast = (block & 1) === 1
    const isRepeatedByte = ((block >> 1) & 3) === 1
    at += 3 + (isRepeatedByte ? 1 : block >> 3)
  }
  const hasChecksum = (descriptor & 4) !== 0
  return at + (hasChecksum ? 4 : 0)
}

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  const { bytesRead } = await file.read(bytes, 0, length, position)
  if (bytesRead < length) throw new Error('its end too early')
  return bytes
}
