import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { native } from '../native.ts'
import { type Arrangement, arrange, type Corpus, sequenceEnd } from '../skip-gram/corpus.ts'
import { tokensOf } from './tokens.ts'

/** A text as integers in a file, and its words. */
export interface TextCorpus {
  readonly corpus: Corpus
  /** Most frequent first; of as many the one that came first. */
  readonly words: readonly string[]
  /** (words) */
  readonly counts: Float64Array
  /** Of the words as the corpus has them. */
  readonly arrangement: Arrangement
  /** Words of the text, those that are too rare included. */
  readonly read: number
  /** CRC-32 of the corpus. */
  readonly checksum: number
}

export interface TextCorpusOptions {
  readonly minCount: number
  /** Where the files of integers go. */
  readonly folder: string
  readonly signal?: AbortSignal | undefined
  /** Called with the words read so far. */
  readonly onWords?: ((words: number) => void) | undefined
  /** Different words that are counted at once at most. Default: eight million. */
  readonly mostWords?: number
}

/** Integers that are written or read at a time. */
const pieceLength = 1 << 18

/**
 * Reads a text once: each line is a sequence of words. No more of it is in memory than a piece; beside that the different words
 * are, of which the rarest so far are dropped whenever there are too many, as in the program of Mikolov et al.
 *
 * @throws RangeError when no word occurs often enough; the signal's reason when it is aborted.
 */
export async function readText(
  lines: AsyncIterable<string | readonly string[]> | Iterable<string | readonly string[]>,
  options: TextCorpusOptions,
): Promise<TextCorpus> {
  const { minCount, folder, signal, onWords } = options
  const numbering = new WordNumbering(options.mostWords ?? 8_000_000)
  const file = await IntegerFile.create(join(folder, 'numbered'))
  try {
    for await (const batch of lines) {
      signal?.throwIfAborted()
      for (const line of typeof batch === 'string' ? [batch] : batch) {
        const tokens = tokensOf(line)
        for (const token of tokens) file.push(numbering.numberOf(token))
        if (tokens.length > 0) file.push(sequenceEnd)
        if (file.isFull) await file.flush()
      }
      onWords?.(numbering.read)
    }
    await file.flush()
    const { words, counts, numbers } = numbering.frequent(minCount)
    if (words.length === 0) {
      throw new RangeError(
        `no word occurs ${minCount} times among the ${numbering.read} of the text: expected one that does; ` +
          'read more text, or count rarer words (minCount, --min-count)',
      )
    }
    const arrangement = arrange(counts)
    const rows = new Uint32Array(numbering.numbers).fill(sequenceEnd)
    numbers.forEach((number, word) => {
      rows[number] = arrangement.rowOf[word]!
    })
    const renumbered = await renumber(file, join(folder, 'tokens'), rows, signal)
    const { path, positions, checksum } = renumbered
    return {
      corpus: { tokens: path, positions, vocabulary: arrangement.vocabulary },
      words,
      counts,
      arrangement,
      read: numbering.read,
      checksum,
    }
  } finally {
    await file.close()
  }
}

/** Numbers words as they come, and counts them. */
class WordNumbering {
  /** Words read so far. */
  read = 0
  /** Numbers given so far. */
  numbers = 0
  readonly #numberOf = new Map<string, number>()
  readonly #most: number
  #counts = new Float64Array(1 << 16)
  /** The count up to which words were dropped. */
  #dropped = 0

  constructor(most: number) {
    this.#most = most
  }

  numberOf(word: string): number {
    this.read++
    let number = this.#numberOf.get(word)
    if (number === undefined) {
      if (this.#numberOf.size >= this.#most) this.#dropRare()
      number = this.numbers++
      if (number === this.#counts.length) {
        const counts = new Float64Array(2 * number)
        counts.set(this.#counts)
        this.#counts = counts
      }
      // A slice of a line would keep the whole line in memory.
      this.#numberOf.set(Buffer.from(word).toString(), number)
    }
    this.#counts[number]! += 1
    return number
  }

  /** Words that occur often enough, most frequent first, with their counts and numbers. */
  frequent(minCount: number): { words: string[]; counts: Float64Array; numbers: Uint32Array } {
    const entries = [...this.#numberOf].filter(([, number]) => this.#counts[number]! >= minCount)
    entries.sort(([, a], [, b]) => this.#counts[b]! - this.#counts[a]! || a - b)
    return {
      words: entries.map(([word]) => word),
      counts: Float64Array.from(entries, ([, number]) => this.#counts[number]!),
      numbers: Uint32Array.from(entries, ([, number]) => number),
    }
  }

  #dropRare(): void {
    // Where all are equally rare, at least some go.
    while (this.#numberOf.size >= this.#most) {
      this.#dropped++
      for (const [word, number] of this.#numberOf) {
        if (this.#counts[number]! <= this.#dropped) this.#numberOf.delete(word)
      }
    }
  }
}

/** A file of 32-bit integers that is written piece by piece. */
class IntegerFile {
  readonly path: string
  length = 0
  checksum = 0
  readonly #file: FileHandle
  #piece = new Uint32Array(2 * pieceLength)
  #filled = 0

  static async create(path: string): Promise<IntegerFile> {
    return new IntegerFile(path, await open(path, 'wx+'))
  }

  private constructor(path: string, file: FileHandle) {
    this.path = path
    this.#file = file
  }

  /** Whether it is time to flush. */
  get isFull(): boolean {
    return this.#filled >= pieceLength
  }

  push(value: number): void {
    if (this.#filled === this.#piece.length) {
      const piece = new Uint32Array(2 * this.#filled)
      piece.set(this.#piece)
      this.#piece = piece
    }
    this.#piece[this.#filled++] = value
  }

  async flush(): Promise<void> {
    const bytes = new Uint8Array(this.#piece.buffer, 0, 4 * this.#filled)
    this.checksum = native.crc32(bytes, this.checksum)
    for (let done = 0; done < bytes.length; ) {
      done += (await this.#file.write(bytes, done, bytes.length - done)).bytesWritten
    }
    this.length += this.#filled
    this.#filled = 0
  }

  /** All of it, from the begin, in pieces that hold until the next is taken. */
  async *pieces(): AsyncGenerator<Uint32Array> {
    const bytes = new Uint8Array(4 * pieceLength)
    for (let at = 0; at < 4 * this.length; ) {
      const { bytesRead } = await this.#file.read(bytes, 0, bytes.length, at)
      if (bytesRead === 0) throw new Error(`${this.path} was cut short while it was read: train again`)
      const whole = bytesRead - (bytesRead % 4)
      yield new Uint32Array(bytes.buffer, 0, whole / 4)
      at += whole
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

/** Writes the rows of what `from` numbers to a new file, without words that have none and ends that follow none. */
async function renumber(
  from: IntegerFile,
  path: string,
  rows: Uint32Array,
  signal: AbortSignal | undefined,
): Promise<{ path: string; positions: number; checksum: number }> {
  const to = await IntegerFile.create(path)
  try {
    let isEnd = true
    for await (const piece of from.pieces()) {
      signal?.throwIfAborted()
      for (const number of piece) {
        const row = number === sequenceEnd ? sequenceEnd : rows[number]!
        // One that is too rare is left out, so that those around it come nearer.
        if (row === sequenceEnd && (number !== sequenceEnd || isEnd)) continue
        isEnd = row === sequenceEnd
        to.push(row)
        if (to.isFull) await to.flush()
      }
    }
    await to.flush()
    return { path, positions: to.length, checksum: to.checksum }
  } finally {
    await to.close()
  }
}
