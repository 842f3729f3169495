/** What a file holds, by its first bytes: its name may mislead, and a pipe has none. */
import { closeSync, openSync, readSync } from 'node:fs'
// Not by name: Node before 22.15 has no zstd.
import zlib from 'node:zlib'
import { SourceError } from '../source-error.ts'
import type { SourceFile } from './file.ts'

/** The last four have columns of their own: see ../matrices/implied-columns.ts. */
export const formats = ['csv', 'json', 'parquet', 'npz', 'matrix-market', 'adjacency', 'movielens'] as const
export type Format = (typeof formats)[number]

/** As DuckDB names them. */
export type Compression = 'none' | 'gzip' | 'zstd'

export interface Content {
  readonly format: Format
  readonly compression: Compression
  /** The first bytes, as far as they were looked at, decompressed; a character each. */
  readonly head: string
}

const endings: readonly [RegExp, Format][] = [
  [/\.(parquet|pq)$/i, 'parquet'],
  [/\.(json|ndjson|jsonl)(\.(gz|zst))?$/i, 'json'],
  [/\.(csv|tsv)(\.(gz|zst))?$/i, 'csv'],
]

const asText = 'write its rows to CSV, NDJSON or Parquet first'
const pipe = (program: string) => `unpack it, or pipe it: ${program} < FILE | aurochs import -`

const begins =
  (...beginnings: readonly string[]) =>
  (head: string) =>
    beginnings.some(beginning => head.startsWith(beginning))

const zip = begins('PK\x03\x04', 'PK\x05\x06')

/** What cannot be read, by its first bytes: what it is and the remedy. The first that fits counts. */
const foreign: readonly [fits: (head: string) => boolean, what: string, remedy: string][] = [
  [head => zip(head) && head.includes('[Content_Types].xml'), 'an Excel workbook or the like', 'save it as CSV'],
  [zip, 'a zip archive', 'unpack it, or pipe one of its files: unzip -p ARCHIVE FILE | aurochs import -'],
  [begins('\x93NUMPY'), 'a NumPy array (.npy)', asText],
  [begins('SQLite format 3\0'), 'an SQLite database', asText],
  [begins('\x89HDF\r\n'), 'an HDF5 file', asText],
  [begins('ARROW1'), 'an Arrow file', asText],
  [head => head.startsWith('ORC') && head.includes('\0'), 'an ORC file', asText],
  [begins('%PDF-'), 'a PDF document', asText],
  [head => head.startsWith('BZh') && head.startsWith('1AY&SY', 4), 'compressed by bzip2', pipe('bunzip2')],
  [begins('\xfd7zXZ'), 'compressed by xz', pipe('unxz')],
  [begins('7z\xbc\xaf'), 'a 7z archive', 'unpack it'],
  [
    head => head.startsWith('ustar', 257),
    'a tar archive',
    'unpack it, or pipe one of its files: tar -xOf ARCHIVE FILE | aurochs import -',
  ],
  [begins('\xff\xfe', '\xfe\xff'), 'text in UTF-16', 'make it UTF-8, as by iconv -f UTF-16 -t UTF-8'],
]

/**
 * Recognises Parquet, JSON, gzip and zstd by what they begin with, whatever the name; else the format is `format`, or
 * that of the file's name, or CSV. O(1): reads 64 KiB.
 *
 * @throws SourceError saying what the file is where that cannot be read, or that it is empty.
 */
export function contentOf({ path, name }: SourceFile, format?: Format): Content {
  const bytes = firstBytes(path)
  if (bytes.length === 0) throw new SourceError(`${name} is empty`)
  const compression = compressionOf(bytes)
  if (compression === 'zstd' && !('zstdDecompressSync' in zlib)) {
    throw new SourceError(
      `${name} is compressed by zstd, which Node reads from 22.15 on, and this is ${process.version}: ${pipe('unzstd')}`,
    )
  }
  const head = decompressed(bytes, compression, name).toString('latin1')
  if (head === '') throw new SourceError(`${name} holds nothing in ${compression}: it is empty, or cut off`)
  const known = knownFormat(head)
  if (known && (format ?? known) !== known) {
    throw new SourceError(`${name} is ${formatNames[known]}, and --format says ${format}: leave it out`)
  }
  if (!known && (format === 'npz' || format === 'matrix-market')) {
    throw new SourceError(
      `${name} is not ${formatNames[format]}, for it does not begin as one: name its format by --format`,
    )
  }
  if (known && known !== 'matrix-market' && compression !== 'none') {
    throw new SourceError(`${name} is ${formatNames[known]} in ${compression}, which cannot be read: unpack it`)
  }
  if (known) return { format: known, compression, head }
  const [, what, remedy] = foreign.find(([fits]) => fits(head)) ?? []
  if (what) throw new SourceError(`${name} is ${what}, which cannot be read: ${remedy}`)
  const named = format ?? endings.find(([ending]) => ending.test(name))?.[1]
  if (named === 'parquet') {
    throw new SourceError(`${name} is no Parquet file, for it does not begin as one: name its format by --format`)
  }
  if (head.includes('\0')) {
    throw new SourceError(`${name} is binary (there is a byte 0), and neither text nor Parquet: ${asText}`)
  }
  return { format: named ?? (/^(\xef\xbb\xbf)?\s*(\{|\[\s*[{\]])/.test(head) ? 'json' : 'csv'), compression, head }
}

const formatNames = { parquet: 'Parquet', npz: 'a NumPy archive (.npz)', 'matrix-market': 'Matrix Market' } as const

/** What shows itself by its first bytes, whatever its name. */
function knownFormat(head: string): keyof typeof formatNames | undefined {
  if (head.startsWith('PAR1')) return 'parquet'
  if (zip(head) && head.slice(30, 200).includes('.npy')) return 'npz'
  return /^%%MatrixMarket\b/i.test(head) ? 'matrix-market' : undefined
}

/** How a file is compressed. */
export function compressionAt(path: string): Compression {
  return compressionOf(firstBytes(path, 4))
}

function firstBytes(path: string, most = 1 << 16): Buffer {
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(most)
    let length = 0
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(file, bytes, length, bytes.length - length, null)
    }
    return bytes.subarray(0, length)
  } finally {
    closeSync(file)
  }
}

function compressionOf(bytes: Buffer): Compression {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return 'gzip'
  return bytes.length >= 4 && bytes.readUInt32LE() === 0xfd2fb528 ? 'zstd' : 'none'
}

/** The beginning of what `bytes`, the beginning of a file, are compressed from. */
function decompressed(bytes: Buffer, compression: Compression, name: string): Buffer {
  try {
    if (compression === 'gzip') return zlib.gunzipSync(bytes, { finishFlush: zlib.constants.Z_SYNC_FLUSH })
    if (compression === 'zstd') return zlib.zstdDecompressSync(bytes, { finishFlush: zlib.constants.ZSTD_e_flush })
    return bytes
  } catch (error) {
    throw new SourceError(`${name} is damaged: it cannot be decompressed (${(error as Error).message})`)
  }
}
