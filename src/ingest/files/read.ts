/** Reading a file as it is, but decompressed. */
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
// Not by name: Node before 22.15 has no zstd.
import zlib from 'node:zlib'
import type { Compression } from './content.ts'
import type { SourceFile } from './file.ts'

/** The bytes of a file, decompressed. */
export function contentsOf({ path }: SourceFile, compression: Compression): Readable {
  const bytes = createReadStream(path)
  if (compression === 'none') return bytes
  const decompress = compression === 'gzip' ? zlib.createGunzip() : zlib.createZstdDecompress()
  bytes.on('error', error => decompress.destroy(error))
  // Where the reader needs no more, the file is closed, too.
  decompress.on('close', () => bytes.destroy())
  return bytes.pipe(decompress)
}

/** The line, counted from 1, in which byte number `byte` stands, and how it begins. Reads the file up to there. */
export async function lineAt(
  file: SourceFile,
  compression: Compression,
  byte: number,
): Promise<{ line: number; text: string }> {
  let line = 1
  let begin = 0
  let text = Buffer.alloc(0)
  for await (const piece of contentsOf(file, compression) as AsyncIterable<Buffer>) {
    let from = 0
    for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, from)) {
      if (begin + end >= byte) return { line, text: `${Buffer.concat([text, piece.subarray(from, end)])}` }
      line++
      from = end + 1
      text = Buffer.alloc(0)
    }
    text = Buffer.concat([text, piece.subarray(from)]).subarray(0, 1000)
    begin += piece.length
  }
  return { line, text: `${text}` }
}
