/**
 * A copy of a CSV file without the lines whose quotes are broken. For DuckDB, an open quote makes one row of all up to the
 * next quote, or of the whole rest of the file: of one bad line it would leave out many good ones with it.
 */
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
// Not by name: Node before 22.15 has no zstd.
import zlib from 'node:zlib'
import type { Compression } from '../files/content.ts'
import type { SourceFile } from '../files/file.ts'
import { contentsOf } from '../files/read.ts'
import type { Dialect } from './dialect.ts'

/** Lines that one row may have; a quote that stays open for longer is a mistake. */
const mostLines = 1000

export interface CopyOptions {
  readonly compression: Compression
  readonly dialect: Dialect
  readonly signal?: AbortSignal | undefined
}

/**
 * Copies `file` to `copy`, of the same compression, but for lines that open a quote which is not closed, or not before a
 * delimiter or an end of line. What follows such a line is read anew, from its next line on.
 *
 * @returns the number of lines left out.
 */
export async function copyWithoutBrokenQuotes(
  file: SourceFile,
  copy: string,
  { compression, dialect, signal }: CopyOptions,
): Promise<number> {
  const lines = new RowReader(dialect)
  const write = createWriteStream(copy)
  const filter = async function* (pieces: AsyncIterable<Buffer>) {
    let rest = ''
    for await (const piece of pieces) {
      const text = rest + piece.toString('latin1')
      const end = text.lastIndexOf('\n') + 1
      rest = text.slice(end)
      yield Buffer.from(lines.rowsOf(text.slice(0, end)), 'latin1')
    }
    yield Buffer.from(lines.rowsOf(rest) + lines.rest(), 'latin1')
  }
  const abort = signal && { signal }
  const source = contentsOf(file, compression)
  if (compression === 'none') await pipeline(source, filter, write, { ...abort })
  else {
    const compress = compression === 'gzip' ? zlib.createGzip() : zlib.createZstdCompress()
    await pipeline(source, filter, compress, write, { ...abort })
  }
  return lines.dropped
}

/** Divides text into rows; drops the lines with which none begins. */
class RowReader {
  readonly #dialect: Dialect
  /** Lines that may be the beginning of a row. */
  #open: string[] = []
  dropped = 0

  constructor({ delimiter, quote, escapedBy, comment, ...dialect }: Dialect) {
    // As the text that they are looked for in: a character each byte.
    const bytesOf = (text: string) => Buffer.from(text).toString('latin1')
    this.#dialect = {
      ...dialect,
      delimiter: bytesOf(delimiter),
      quote: bytesOf(quote),
      escapedBy: bytesOf(escapedBy),
      comment: bytesOf(comment),
    }
  }

  /** The rows that end in `text`, which are whole lines. */
  rowsOf(text: string): string {
    let rows = ''
    for (const line of text.split(/(?<=\n)/)) rows += this.#next(line)
    return rows
  }

  /** At the end of the file: the rows among what is still open. */
  rest(): string {
    let rows = ''
    while (this.#open.length > 0) rows += this.#drop()
    return rows
  }

  /** Takes one more line; gives the rows that are complete. */
  #next(line: string): string {
    const { quote, comment } = this.#dialect
    const canChange = line.includes(quote)
    if (this.#open.length === 0 && (!canChange || (comment !== '' && line.startsWith(comment)))) return line
    this.#open.push(line)
    const text = canChange ? this.#open.join('') : ''
    const state = canChange ? stateOf(text, this.#dialect) : 'open'
    if (state === 'complete') {
      this.#open = []
      return text
    }
    return state === 'open' && this.#open.length < mostLines ? '' : this.#drop()
  }

  /** Drops the first open line; gives the rows among the others. */
  #drop(): string {
    const others = this.#open.slice(1)
    this.#open = []
    this.dropped++
    let rows = ''
    for (const line of others) rows += this.#next(line)
    return rows
  }
}

/** Whether `text` is one row, the beginning of one, or neither. */
function stateOf(text: string, { delimiter, quote, escapedBy }: Dialect): 'complete' | 'open' | 'broken' {
  for (let at = 0; ; ) {
    if (text[at] === quote) {
      const close = closingQuote(text, at + 1, quote, escapedBy)
      if (close < 0) return 'open'
      at = close + 1
      if (/^ *\r?\n?$/.test(text.slice(at))) return 'complete'
      if (!text.startsWith(delimiter, at)) return 'broken'
      at += delimiter.length
    } else {
      const next = text.indexOf(delimiter, at)
      const end = text.indexOf('\n', at)
      if (next < 0 || (end >= 0 && end < next)) return end < 0 || end === text.length - 1 ? 'complete' : 'broken'
      at = next + delimiter.length
    }
  }
}

/** Where the quoted value ends that begins at `at`; -1 if nowhere. */
function closingQuote(text: string, at: number, quote: string, escapedBy: string): number {
  for (let here = at; here < text.length; here++) {
    const isEscape = text[here] === escapedBy && (escapedBy !== quote || text[here + 1] === quote)
    if (isEscape) here++
    else if (text[here] === quote) return here
  }
  return -1
}
