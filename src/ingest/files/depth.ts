/** How deep JSON nests: the reader of DuckDB calls itself for each level, and some tens of thousands end the process. */
import { SourceError } from '../source-error.ts'
import type { Compression } from './content.ts'
import type { SourceFile } from './file.ts'
import { contentsOf, lineAt } from './read.ts'
import { damaged } from './whole.ts'

const deepest = 10_000

const [newline, quote, backslash] = [10, 34, 92]
const opening = new Set([91, 123])
const closing = new Set([93, 125])

/**
 * Reads a file of JSON to its end. Only lines of more bytes than levels are allowed are looked at, so that others cost
 * next to nothing; levels are counted within a line.
 *
 * @throws SourceError naming the first line that nests deeper than 10,000 levels, or the file if it is cut off.
 */
export async function assertShallow(file: SourceFile, compression: Compression, signal?: AbortSignal): Promise<void> {
  const line = new Line()
  let position = 0
  for await (const piece of piecesOf(file, compression)) {
    signal?.throwIfAborted()
    let from = 0
    for (;;) {
      // Over whole short lines, as many as fit.
      if (line.length === 0) {
        const last = piece.lastIndexOf(newline, from + deepest)
        if (last >= from) {
          from = last + 1
          continue
        }
      }
      const end = piece.indexOf(newline, from)
      line.add(piece.subarray(from, end < 0 ? piece.length : end))
      if (line.isTooDeep) {
        const { line: number } = await lineAt(file, compression, position + from)
        throw new SourceError(
          `${file.name}, line ${number}: expected JSON of at most ${deepest} levels, got more: correct or remove it`,
        )
      }
      if (end < 0) break
      line.end()
      from = end + 1
    }
    position += piece.length
  }
}

async function* piecesOf(file: SourceFile, compression: Compression): AsyncGenerator<Buffer> {
  const pieces = contentsOf(file, compression) as AsyncIterable<Buffer>
  try {
    yield* pieces
  } catch (error) {
    throw compression === 'none' ? error : damaged(file.name, compression, error)
  }
}

/** One line, in pieces. The first bytes are kept, and read only if there are more. */
class Line {
  length = 0
  isTooDeep = false
  #kept: Buffer[] = []
  #depth = 0
  #isInText = false
  #isEscaped = false

  add(bytes: Buffer): void {
    this.length += bytes.length
    if (this.length <= deepest) {
      this.#kept.push(bytes)
      return
    }
    for (const kept of this.#kept.splice(0)) this.#read(kept)
    this.#read(bytes)
  }

  end(): void {
    this.length = 0
    this.#kept = []
    this.#depth = 0
    this.#isInText = false
    this.#isEscaped = false
  }

  #read(bytes: Buffer): void {
    for (const byte of bytes) {
      if (this.#isEscaped) this.#isEscaped = false
      else if (byte === quote) this.#isInText = !this.#isInText
      else if (this.#isInText) this.#isEscaped = byte === backslash
      else if (opening.has(byte)) {
        if (++this.#depth > deepest) this.isTooDeep = true
      } else if (closing.has(byte)) this.#depth--
    }
  }
}
