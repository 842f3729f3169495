/** Archives and arrays as NumPy writes them, for tests. */
import { deflateRawSync } from 'node:zlib'
import { native } from '../../../src/native.ts'

export type Descr =
  | '<f8'
  | '<f4'
  | '<f2'
  | '<i8'
  | '<i4'
  | '<i2'
  | '|i1'
  | '|u1'
  | '|b1'
  | '>f4'
  | '>i4'
  | '>i8'
  | `<U${number}`
  | '|O'
  | `|S${number}`

export interface NpyOptions {
  readonly shape?: readonly number[]
  readonly isFortran?: boolean
  /** Of the format. */
  readonly version?: 1 | 2 | 3
}

/** The bytes of an array as `numpy.save` writes it; values in the order of the file. */
export function npyBytes(descr: Descr, values: readonly (number | string)[], options: NpyOptions = {}): Buffer {
  const { shape = [values.length], isFortran = false, version = 1 } = options
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`
  const text = `{'descr': '${descr}', 'fortran_order': ${isFortran ? 'True' : 'False'}, 'shape': ${tuple}, }`
  const width = version === 1 ? 2 : 4
  const padded = `${text.padEnd(Math.ceil((8 + width + text.length + 1) / 64) * 64 - 8 - width - 1)}\n`
  const length = Buffer.alloc(width)
  length.writeUIntLE(padded.length, 0, width)
  const head = Buffer.concat([
    Buffer.from('\x93NUMPY', 'latin1'),
    Buffer.from([version, 0]),
    length,
    Buffer.from(padded),
  ])
  return Buffer.concat([head, ...values.map(value => elementBytes(descr, value))])
}

function elementBytes(descr: Descr, value: number | string): Buffer {
  if (descr.startsWith('|S'))
    return Buffer.alloc(Number(descr.slice(2)), Buffer.from(`${value}`.padEnd(Number(descr.slice(2)), '\0')))
  const bytes = Buffer.alloc(descr.includes('U') ? 4 * Number(descr.slice(2)) : Number(descr.slice(2)) || 8)
  const writers: Record<string, (value: number) => void> = {
    f8: value => bytes.writeDoubleLE(value),
    f4: value => bytes.writeFloatLE(value),
    // The bits of it.
    f2: value => bytes.writeUInt16LE(value),
    i8: value => bytes.writeBigInt64LE(BigInt(value)),
    i4: value => bytes.writeInt32LE(value),
    i2: value => bytes.writeInt16LE(value),
    i1: value => bytes.writeInt8(value),
    u1: value => bytes.writeUInt8(value),
    b1: value => bytes.writeUInt8(value),
  }
  if (typeof value === 'number') writers[descr.slice(1)]?.(value)
  else for (const [at, letter] of [...value].entries()) bytes.writeUInt32LE(letter.codePointAt(0)!, 4 * at)
  return descr.startsWith('>') ? bytes.reverse() : bytes
}

export interface ZipOptions {
  readonly isDeflated?: boolean
  /** Sizes and places in fields of zip64, as NumPy writes those of large files. */
  readonly isZip64?: boolean
}

/** An archive of these files. */
export function zipBytes(
  files: Readonly<Record<string, Buffer>>,
  { isDeflated = false, isZip64 = false }: ZipOptions = {},
): Buffer {
  const [locals, centrals]: [Buffer[], Buffer[]] = [[], []]
  let offset = 0
  for (const [name, contents] of Object.entries(files)) {
    const packed = isDeflated ? deflateRawSync(contents) : contents
    const crc = native.crc32(contents)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(isZip64 ? 45 : 20, 0)
    common.writeUInt16LE(isDeflated ? 8 : 0, 4)
    common.writeUInt32LE(crc, 10)
    common.writeUInt32LE(isZip64 ? 0xffff_ffff : packed.length, 14)
    common.writeUInt32LE(isZip64 ? 0xffff_ffff : contents.length, 18)
    common.writeUInt16LE(name.length, 22)
    const sizes = [contents.length, packed.length]
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), withExtra(common, isZip64 ? sizes : []), Buffer.from(name)])
    const localExtra = isZip64 ? zip64(sizes) : Buffer.alloc(0)
    locals.push(local, localExtra, packed)
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(isZip64 ? 0xffff_ffff : offset, 10)
    const all = isZip64 ? [...sizes, offset] : []
    centrals.push(Buffer.from('PK\x01\x02\x14\x00'), withExtra(common, all), tail, Buffer.from(name))
    if (isZip64) centrals.push(zip64(all))
    offset += local.length + localExtra.length + packed.length
  }
  const directory = Buffer.concat(centrals)
  const count = Object.keys(files).length
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(isZip64 ? 0xffff : count, 8)
  end.writeUInt16LE(isZip64 ? 0xffff : count, 10)
  end.writeUInt32LE(isZip64 ? 0xffff_ffff : directory.length, 12)
  end.writeUInt32LE(isZip64 ? 0xffff_ffff : offset, 16)
  if (!isZip64) return Buffer.concat([...locals, directory, end])
  const record = Buffer.alloc(56)
  record.write('PK\x06\x06', 'latin1')
  record.writeBigUInt64LE(44n, 4)
  record.writeBigUInt64LE(BigInt(count), 24)
  record.writeBigUInt64LE(BigInt(count), 32)
  record.writeBigUInt64LE(BigInt(directory.length), 40)
  record.writeBigUInt64LE(BigInt(offset), 48)
  const locator = Buffer.alloc(20)
  locator.write('PK\x06\x07', 'latin1')
  locator.writeBigUInt64LE(BigInt(offset + directory.length), 8)
  locator.writeUInt32LE(1, 16)
  return Buffer.concat([...locals, directory, record, locator, end])
}

function withExtra(common: Buffer, numbers: readonly number[]): Buffer {
  const bytes = Buffer.from(common)
  bytes.writeUInt16LE(numbers.length > 0 ? 4 + 8 * numbers.length : 0, 24)
  return bytes
}

function zip64(numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 + 8 * numbers.length)
  bytes.writeUInt16LE(1, 0)
  bytes.writeUInt16LE(8 * numbers.length, 2)
  for (const [at, number] of numbers.entries()) bytes.writeBigUInt64LE(BigInt(number), 4 + 8 * at)
  return bytes
}
