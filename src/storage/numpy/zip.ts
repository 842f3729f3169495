/** Files in a zip archive, as NumPy's .npz is one: stored or deflated, also beyond 4 GiB (zip64). After APPNOTE.TXT 6.3 of PKWARE. */
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { createInflateRaw } from 'node:zlib'
import { native } from '../../native.ts'

interface Entry {
  readonly name: string
  readonly method: number
  readonly isEncrypted: boolean
  /** Of what is unpacked. */
  readonly crc32: number
  /** Bytes in the archive. */
  readonly compressed: number
  /** Of its local header. */
  readonly offset: number
}

/** The end record: its own 22 bytes and a comment of at most 65,535. */
const longestEnd = 22 + 0xffff
/** Headers of all files; those of an .npz are some hundred bytes. */
const longestDirectory = 100_000_000

/** An archive whose files are read one by one. */
export class ZipFile {
  readonly path: string
  readonly #entries: ReadonlyMap<string, Entry>

  /** Reads the list of its files. @throws Error naming it when it is no archive, or cut off. */
  static async open(path: string): Promise<ZipFile> {
    const file = await open(path)
    try {
      return new ZipFile(path, await entriesOf(file, path))
    } finally {
      await file.close()
    }
  }

  private constructor(path: string, entries: readonly Entry[]) {
    this.path = path
    this.#entries = new Map(entries.map(entry => [entry.name, entry]))
  }

  get names(): readonly string[] {
    return [...this.#entries.keys()]
  }

  /**
   * The bytes of one of its files, unpacked.
   *
   * @throws Error naming archive and file where that is not there, packed otherwise, or damaged.
   */
  async *contents(name: string): AsyncGenerator<Buffer> {
    const entry = this.#entries.get(name)
    if (!entry) throw new Error(`${this.path} must have ${name}, but has ${this.names.join(', ') || 'nothing'}`)
    if (entry.isEncrypted) throw new Error(`${this.path}: ${name} is encrypted: save the archive without a password`)
    if (entry.method !== 0 && entry.method !== 8) {
      throw new Error(
        `${this.path}: ${name} must be stored or deflated, but is packed by method ${entry.method}: save it anew by NumPy`,
      )
    }
    let sum = 0
    if (entry.compressed > 0) {
      const start = await this.#dataOf(entry)
      const bytes = createReadStream(this.path, { start, end: start + entry.compressed - 1, highWaterMark: 1 << 20 })
      try {
        for await (const piece of entry.method === 0 ? bytes : inflated(bytes)) {
          sum = native.crc32(piece, sum)
          yield piece
        }
      } catch (error) {
        throw damaged(this.path, `${name} cannot be unpacked (${(error as Error).message})`)
      }
    }
    if (sum !== entry.crc32) throw damaged(this.path, `${name} differs from its checksum`)
  }

  async #dataOf({ offset, name }: Entry): Promise<number> {
    const file = await open(this.path)
    try {
      const head = await bytesAt(file, offset, 30)
      if (head.length < 30 || head.readUInt32LE() !== 0x04034b50)
        throw damaged(this.path, `${name} is not in its place`)
      return offset + 30 + head.readUInt16LE(26) + head.readUInt16LE(28)
    } finally {
      await file.close()
    }
  }
}

function inflated(bytes: Readable): Readable {
  const inflate = createInflateRaw({ chunkSize: 1 << 18 })
  bytes.on('error', error => inflate.destroy(error))
  // Where the reader needs no more, the file is closed, too.
  inflate.on('close', () => bytes.destroy())
  return bytes.pipe(inflate)
}

function damaged(path: string, why: string): Error {
  return new Error(`${path} is no whole zip archive: ${why}; copy or save it again`)
}

async function entriesOf(file: FileHandle, path: string): Promise<Entry[]> {
  const { size } = await file.stat()
  const tail = await bytesAt(file, Math.max(0, size - longestEnd), longestEnd)
  const at = tail.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  if (at < 0 || at + 22 > tail.length) throw damaged(path, 'its list of files at its end is missing')
  const end = tail.subarray(at)
  let [count, length, offset] = [end.readUInt16LE(10), end.readUInt32LE(12), end.readUInt32LE(16)]
  // The locator of zip64's own end record stands just before.
  if (at >= 20 && tail.readUInt32LE(at - 20) === 0x07064b50) {
    const record = await bytesAt(file, Number(tail.readBigUInt64LE(at - 12)), 56)
    if (record.length < 56 || record.readUInt32LE() !== 0x06064b50)
      throw damaged(path, 'its end record is not in its place')
    ;[count, length, offset] = [32, 40, 48].map(place => Number(record.readBigUInt64LE(place))) as [
      number,
      number,
      number,
    ]
  }
  if (length > longestDirectory || offset + length > size) throw damaged(path, 'its list of files is not in its place')
  const directory = await bytesAt(file, offset, length)
  const entries: Entry[] = []
  for (let from = 0; entries.length < count; ) {
    if (from + 46 > directory.length || directory.readUInt32LE(from) !== 0x02014b50) {
      throw damaged(path, `its list has ${entries.length} files of ${count}`)
    }
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map(place =>
      directory.readUInt16LE(from + place),
    ) as [number, number, number]
    const next = from + 46 + nameLength + extraLength + commentLength
    const extra = directory.subarray(from + 46 + nameLength, from + 46 + nameLength + extraLength)
    entries.push(entryOf(directory.subarray(from, from + 46 + nameLength), extra))
    from = next
  }
  return entries
}

function entryOf(header: Buffer, extra: Buffer): Entry {
  const sizes = { size: header.readUInt32LE(24), compressed: header.readUInt32LE(20), offset: header.readUInt32LE(42) }
  // The fields of zip64 are there for those that are full, in this order.
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue
    let place = at + 4
    for (const name of ['size', 'compressed', 'offset'] as const) {
      if (sizes[name] !== 0xffff_ffff || place + 8 > extra.length) continue
      sizes[name] = Number(extra.readBigUInt64LE(place))
      place += 8
    }
  }
  return {
    name: header.toString('utf8', 46),
    method: header.readUInt16LE(10),
    isEncrypted: (header.readUInt16LE(8) & 1) === 1,
    crc32: header.readUInt32LE(16),
    compressed: sizes.compressed,
    offset: sizes.offset,
  }
}

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  let found = 0
  for (let read = -1; read !== 0 && found < length; found += read) {
    read = (await file.read(bytes, found, length - found, position + found)).bytesRead
  }
  return bytes.subarray(0, found)
}
