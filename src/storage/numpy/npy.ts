/** Arrays in the .npy format of NumPy (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html), written and read in pieces. */
import { Buffer } from 'node:buffer'

/** What the header of an array says. */
export interface NpyHeader {
  /** Type of the elements as NumPy writes it: `<f4`, `>i8`, `|b1`. */
  readonly descr: string
  /** Whether the first index changes fastest. */
  readonly isFortran: boolean
  readonly shape: readonly number[]
}

/** An array that is being read. */
export interface NpyArray extends NpyHeader {
  /** The elements in the order of the file, as doubles: 64-bit integers beyond 2⁵³ are rounded. @throws Error where there are fewer or more. */
  numbers(): AsyncGenerator<Float64Array>
  /** The elements of an array of text (`<U7`), or of bytes (`|S3`), a piece at a time. */
  texts(): AsyncGenerator<string[]>
}

const magic = Buffer.from('\x93NUMPY', 'latin1')
/** A header of NumPy is some hundred bytes long. */
const longestHeader = 1 << 20

/** The bytes before the elements of an array in C order, a multiple of 64. */
export function npyHeader(descr: '<f4' | '<i8', shape: readonly number[]): Uint8Array {
  const tuple = `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`
  const length = Math.ceil((10 + text.length + 1) / 64) * 64
  const bytes = Buffer.alloc(length, ' ')
  magic.copy(bytes)
  bytes.set([1, 0], 6)
  bytes.writeUInt16LE(length - 10, 8)
  bytes.write(text, 10, 'latin1')
  bytes[length - 1] = 10
  return bytes
}

/**
 * Reads the header of the array in `bytes`; its elements follow as they are asked for. `name` is for messages.
 *
 * @throws Error naming the array when it is none, or of no kind that is known.
 */
export async function readNpy(bytes: AsyncIterable<Uint8Array>, name: string): Promise<NpyArray> {
  const source = new ByteSource(bytes)
  const broken = (why: string) => new Error(`${name} is no whole NumPy array: ${why}; save it again by numpy.save`)
  const start = await source.take(8)
  if (start.length < 8 || !start.subarray(0, 6).equals(magic)) throw broken('it does not begin as one')
  const width = start[6] === 1 ? 2 : 4
  const lengthBytes = await source.take(width)
  if (lengthBytes.length < width) throw broken('it ends in its header')
  const length = lengthBytes.readUIntLE(0, width)
  if (length > longestHeader) throw broken(`its header would be ${length} bytes long`)
  const text = await source.take(length)
  if (text.length < length) throw broken('it ends in its header')
  const header = parseHeader(text.toString(start[6]! >= 3 ? 'utf8' : 'latin1'))
  if (!header) throw broken(`its header says ${JSON.stringify(text.toString('latin1').trim().slice(0, 200))}`)
  const count = header.shape.reduce((product, n) => product * n, 1)
  return {
    ...header,
    async *numbers() {
      const element = elementOf(header.descr)
      if (!element) throw new Error(`${name} must hold numbers, but its elements are ${titleOf(header.descr)}`)
      for await (const piece of elements(source, element.bytes, count, broken)) yield element.numbers(piece)
    },
    async *texts() {
      const bytes = /^\|S(\d+)$/.exec(header.descr)?.[1]
      if (bytes !== undefined) {
        for await (const piece of elements(source, Number(bytes), count, broken)) yield bytesOf(piece, Number(bytes))
        return
      }
      const characters = /^([<>])U(\d+)$/.exec(header.descr)
      if (!characters) throw new Error(`${name} must hold text, but its elements are ${titleOf(header.descr)}`)
      const size = Number(characters[2])
      const isBig = characters[1] === '>'
      if (size === 0) yield Array.from({ length: count }, () => '')
      else for await (const piece of elements(source, 4 * size, count, broken)) yield textsOf(piece, size, isBig)
    },
  }
}

/** All elements, in pieces of whole ones. */
async function* elements(
  source: ByteSource,
  width: number,
  count: number,
  broken: (why: string) => Error,
): AsyncGenerator<Buffer> {
  const atOnce = Math.max(1, Math.floor(2 ** 20 / width))
  for (let left = count; left > 0; ) {
    const wanted = Math.min(atOnce, left)
    const piece = await source.take(wanted * width)
    if (piece.length < wanted * width) {
      const found = count - left + Math.floor(piece.length / width)
      throw broken(`expected ${count} elements, got ${found}`)
    }
    yield piece
    left -= wanted
  }
  if ((await source.take(1)).length > 0) throw broken(`there is more after its ${count} elements`)
}

/** `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }`, a literal of Python whose keys come in any order. */
function parseHeader(text: string): NpyHeader | undefined {
  const descr = /'descr':\s*'([^']+)'/.exec(text)?.[1]
  const order = /'fortran_order':\s*(True|False)/.exec(text)?.[1]
  const shape = /'shape':\s*\(([\d\s,L]*)\)/.exec(text)?.[1]
  if (descr === undefined || order === undefined || shape === undefined) return undefined
  const sizes = shape
    .split(',')
    .map(part => part.trim().replace(/L$/, ''))
    .filter(part => part !== '')
    .map(Number)
  const isWhole = sizes.every(size => Number.isSafeInteger(size))
  return isWhole ? { descr, isFortran: order === 'True', shape: sizes } : undefined
}

function titleOf(descr: string): string {
  if (descr.includes('O')) return 'Python objects (pickled), which only Python can read'
  return `of the type ${descr}`
}

interface Element {
  readonly bytes: number
  numbers(piece: Buffer): Float64Array
}

/** How elements are read as doubles. */
function elementOf(descr: string): Element | undefined {
  const [, order, kind, size] = /^([<>|=])([fiub])(\d+)$/.exec(descr) ?? []
  if (kind === undefined) return undefined
  const bytes = Number(size)
  const arrays: Readonly<Record<string, (piece: ArrayBuffer) => Float64Array>> = {
    f8: piece => new Float64Array(piece),
    f4: piece => new Float64Array(new Float32Array(piece)),
    f2: piece => Float64Array.from(new Uint16Array(piece), half),
    i8: piece => Float64Array.from(new BigInt64Array(piece), Number),
    u8: piece => Float64Array.from(new BigUint64Array(piece), Number),
    i4: piece => new Float64Array(new Int32Array(piece)),
    u4: piece => new Float64Array(new Uint32Array(piece)),
    i2: piece => new Float64Array(new Int16Array(piece)),
    u2: piece => new Float64Array(new Uint16Array(piece)),
    i1: piece => new Float64Array(new Int8Array(piece)),
    u1: piece => new Float64Array(new Uint8Array(piece)),
    b1: piece => new Float64Array(new Uint8Array(piece)),
  }
  const read = arrays[`${kind}${size}`]
  if (!read) return undefined
  return {
    bytes,
    numbers(piece) {
      // A copy, which is aligned.
      const copy = Buffer.from(new ArrayBuffer(piece.length))
      piece.copy(copy)
      if (order === '>' && bytes === 2) copy.swap16()
      if (order === '>' && bytes === 4) copy.swap32()
      if (order === '>' && bytes === 8) copy.swap64()
      return read(copy.buffer)
    },
  }
}

/** A float of 16 bits (IEEE 754 binary16). */
function half(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023]
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** Texts of `size` bytes each, padded with 0. */
function bytesOf(piece: Buffer, size: number): string[] {
  return Array.from({ length: piece.length / size }, (_, at) =>
    piece.toString('latin1', at * size, (at + 1) * size).replace(/\0+$/, ''),
  )
}

/** Texts of `size` code points of 32 bits each, padded with 0. */
function textsOf(piece: Buffer, size: number, isBig: boolean): string[] {
  const texts: string[] = []
  for (let at = 0; at < piece.length; at += 4 * size) {
    const points: number[] = []
    for (let place = at; place < at + 4 * size; place += 4) {
      points.push(isBig ? piece.readUInt32BE(place) : piece.readUInt32LE(place))
    }
    while (points.at(-1) === 0) points.pop()
    texts.push(String.fromCodePoint(...points.map(point => (point > 0x10ffff ? 0xfffd : point))))
  }
  return texts
}

/** Bytes that come in pieces, taken as many at a time as are wanted. */
class ByteSource {
  readonly #pieces: AsyncIterator<Uint8Array>
  #rest: Buffer = Buffer.alloc(0)

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]()
  }

  /** The next `length` bytes; fewer where there are no more. */
  async take(length: number): Promise<Buffer> {
    const parts: Buffer[] = [this.#rest]
    let found = this.#rest.length
    while (found < length) {
      const { value, done } = await this.#pieces.next()
      if (done) break
      parts.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength))
      found += value.byteLength
    }
    const all = parts.length === 1 ? parts[0]! : Buffer.concat(parts, found)
    this.#rest = all.subarray(Math.min(length, all.length))
    return all.subarray(0, Math.min(length, all.length))
  }
}
