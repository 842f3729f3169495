import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'

/** A line that is longer is cut here, at a space where there is one: a file may be one line. */
const longestLine = 1 << 20

/**
 * The lines of text files, in batches; `-` is standard input. Files may be compressed by gzip.
 *
 * @param onBytes called with the bytes that were read of the files so far.
 * @throws Error naming the file that is not there, or not in UTF-8.
 */
export async function* linesOf(
  files: readonly string[],
  onBytes: (bytes: number) => void = () => {},
): AsyncGenerator<readonly string[]> {
  let bytes = 0
  for (const file of files) {
    const count = (piece: Buffer) => {
      bytes += piece.length
      onBytes(bytes)
    }
    for await (const lines of linesIn(file, await streamOf(file, count))) yield lines
  }
}

async function streamOf(file: string, count: (piece: Buffer) => void): Promise<Readable> {
  if (file === '-') return process.stdin.on('data', count)
  const isCompressed = await beginsAsGzip(file)
  const source = createReadStream(file, { highWaterMark: 1 << 20 }).on('data', piece => count(piece as Buffer))
  if (!isCompressed) return source
  const text = createGunzip()
  source.on('error', error => text.destroy(error))
  return source.pipe(text)
}

async function beginsAsGzip(path: string): Promise<boolean> {
  const file = await open(path)
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await file.close()
  }
}

async function* linesIn(file: string, stream: Readable): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const decode = (piece?: Buffer) => {
    try {
      return piece ? decoder.decode(piece, { stream: true }) : decoder.decode()
    } catch {
      throw new Error(`${file} must be text in UTF-8, but is not: convert it, for example by iconv -f cp949 -t utf-8`)
    }
  }
  let rest = ''
  for await (const piece of stream) {
    const lines = (rest + decode(piece)).split('\n')
    rest = lines.pop()!
    while (rest.length > longestLine) {
      const space = rest.lastIndexOf(' ', longestLine)
      const cut = space > 0 ? space : longestLine
      lines.push(rest.slice(0, cut))
      rest = rest.slice(cut)
    }
    if (lines.length > 0) yield lines
  }
  rest += decode()
  if (rest !== '') yield [rest]
}
