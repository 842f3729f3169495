/**
 * The names that users and items have outside, by index. On disk a map is an Arrow IPC file of two columns: `id`
 * (utf8 or int64) by index, and `order` (uint32), the indices sorted by id: integers by value, strings by their UTF-8
 * bytes.
 */
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import type * as Arrow from 'apache-arrow'
import { native } from '../native.ts'
import { Int64, makeData, makeVector, Table, tableFromIPC, tableToIPC, Utf8, Vector } from './arrow.ts'
import { closedOnError } from './closing.ts'

/** An id as given: integers beyond ±2^53 are `bigint`s. */
export type Id = string | number | bigint

const lowest = -(2n ** 63n)
const highest = 2n ** 63n - 1n

/** Ids by index, and indices by id. Views one mapped file; nothing is copied but the ids that are read. */
export class IdMap {
  readonly size: number
  readonly #ids: Strings | BigInt64Array
  readonly #order: Uint32Array
  /** All bytes of the file. */
  readonly #buffer: ArrayBuffer
  #isClosed = false

  /** @throws Error naming the file when it cannot be read or holds no id map. */
  static open(path: string): IdMap {
    const file = native.mapFile(path)
    try {
      return IdMap.of(path, file.view())
    } finally {
      file.close()
    }
  }

  /** {@link open} of all bytes of a file, which are the map's from now on. */
  static of(path: string, bytes: Uint8Array): IdMap {
    const buffer = bytes.buffer as ArrayBuffer
    return closedOnError({ close: () => unmap(buffer) }, () => new IdMap(buffer, columnsOf(path, bytes)))
  }

  private constructor(buffer: ArrayBuffer, { ids, order }: Columns) {
    this.#buffer = buffer
    this.#ids = ids
    this.#order = order
    this.size = order.length
  }

  /** Closes the file. Nothing but `size` and `kind` may be used any more. */
  close(): void {
    if (!this.#isClosed) unmap(this.#buffer)
    this.#isClosed = true
  }

  get kind(): 'string' | 'integer' {
    return this.#ids instanceof Strings ? 'string' : 'integer'
  }

  /** All indices, sorted by id: integers by value, strings by their UTF-8 bytes. */
  get sorted(): Uint32Array {
    this.#assertOpen()
    return this.#order
  }

  /** @throws RangeError when there is no such index. */
  at(index: number): Id {
    this.#assertOpen()
    if (!(index >= 0 && index < this.size))
      throw new RangeError(`index must be from 0 to ${this.size - 1}, got ${index}`)
    if (this.#ids instanceof Strings) return this.#ids.at(index)
    const id = this.#ids[index]
    return Number.isSafeInteger(Number(id)) ? Number(id) : id
  }

  /** What is wrong with the order of {@link sorted}, or with the ids, in words, or nothing. Reads all of them. */
  orderFault(): string | undefined {
    const ids = this.#ids
    const order = this.sorted
    const fault = ids instanceof Strings ? ids.orderFault(order) : native.integersFault(ids, order)
    return fault ?? undefined
  }

  /** @throws Error naming the file `path` where there is an {@link orderFault}. */
  assertOrder(path: string): void {
    const fault = this.orderFault()
    if (fault) throw new Error(`${path} holds no id map: ${fault}`)
  }

  /** The index of `id`, or -1. Digits in a string find an integer, an integer finds its digits. O(log size). */
  indexOf(id: Id): number {
    return this.indicesOf([id])[0]
  }

  /** {@link indexOf} of each of `ids`. */
  indicesOf(ids: readonly Id[]): Int32Array {
    this.#assertOpen()
    return this.#ids instanceof Strings
      ? this.#ids.find(ids.map(String), this.#order)
      : findIntegers(this.#ids, this.#order, ids)
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new Error('the ids are closed')
  }
}

interface Columns {
  readonly ids: Strings | BigInt64Array
  readonly order: Uint32Array
}

/** Views the columns of the file `path`, whose bytes these are. @throws Error naming the file when it has not these columns. */
function columnsOf(path: string, bytes: Uint8Array): Columns {
  const broken = (why: string, cause?: unknown) => new Error(`${path} holds no id map: ${why}`, { cause })
  let table: Arrow.Table
  try {
    table = tableFromIPC(bytes)
  } catch (cause) {
    throw broken('it is no whole Arrow file', cause)
  }
  const [id, order] = ['id', 'order'].map(name => table.getChild(name)?.data)
  if (!id || !order || id.length > 1 || order.length !== id.length)
    throw broken('id and order must be two columns in one batch')
  if (table.numRows === 0) return { ids: new BigInt64Array(0), order: new Uint32Array(0) }
  // Arrow pads its buffers: they are longer than the columns.
  const [{ type, valueOffsets, values, length }] = id as [Arrow.Data]
  const places = order[0].values
  if (!(places instanceof Uint32Array)) throw broken('order must be uint32')
  if (type instanceof Utf8)
    return { ids: new Strings(valueOffsets.subarray(0, length + 1), values), order: places.subarray(0, length) }
  if (values instanceof BigInt64Array) return { ids: values.subarray(0, length), order: places.subarray(0, length) }
  throw broken(`ids must be utf8 or int64, got ${type}`)
}

/**
 * Ends the views over a buffer, which releases the file below it now rather than when garbage is collected. Node 20 cannot:
 * there the garbage collection does.
 */
function unmap(buffer: ArrayBuffer): void {
  buffer.transfer?.(0)
}

/** All ids by index, but for that at `index`, in whose place another stands that says nothing. */
export function idsWithout(ids: IdMap, index: number): Id[] {
  const all: Id[] = Array.from({ length: ids.size }, (_, at) => ids.at(at))
  let replacement: Id
  do {
    const random = randomBytes(16)
    replacement = ids.kind === 'string' ? `forgotten-${random.toString('hex')}` : random.readBigInt64LE() | lowest
  } while (ids.indexOf(replacement) >= 0)
  all[index] = replacement
  return all
}

/** For each of `ids`: its index in `other`, or -1. */
export function rowsIn(other: IdMap, ids: IdMap): Int32Array {
  const rows = new Int32Array(ids.size)
  const atOnce = 10_000
  for (let first = 0; first < ids.size; first += atOnce) {
    const length = Math.min(atOnce, ids.size - first)
    rows.set(other.indicesOf(Array.from({ length }, (_, at) => ids.at(first + at))), first)
  }
  return rows
}

/**
 * Writes `ids` (distinct) to a new file at `path` and waits until the disk has it. `order` is the permutation that
 * sorts them, where the caller knows it.
 */
export async function writeIds(path: string, ids: readonly Id[] | BigInt64Array, order?: Uint32Array): Promise<void> {
  const columns = ids instanceof BigInt64Array || ids.every(id => typeof id !== 'string') ? integers(ids) : strings(ids)
  const table = new Table({ id: columns.vector, order: makeVector(order ?? columns.sorted()) })
  await writeFile(path, tableToIPC(table, 'file'), { flag: 'wx', flush: true })
}

/** Strings as Arrow keeps them: all bytes in one array, string `i` between offsets `i` and `i + 1`. */
class Strings {
  readonly #offsets: Int32Array
  readonly #bytes: Buffer

  constructor(offsets: Int32Array, bytes: Uint8Array) {
    this.#offsets = offsets
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  at(index: number): string {
    return this.#bytes.toString('utf8', this.#offsets[index], this.#offsets[index + 1])
  }

  orderFault(order: Uint32Array): string | null {
    return native.stringsFault(this.#offsets, this.#bytes, order)
  }

  /** The index of each of `wanted`, or -1. What is not Unicode is equal to no id. */
  find(wanted: readonly string[], order: Uint32Array): Int32Array {
    const found = native.findStrings(this.#offsets, this.#bytes, order, wanted as string[])
    return found.map((index, at) => (wanted[at].isWellFormed() ? index : -1))
  }
}

/** The index of each of `wanted`, or -1, as of all that are no 64-bit integers. */
function findIntegers(ids: BigInt64Array, order: Uint32Array, wanted: readonly Id[]): Int32Array {
  const integers = wanted.map(asInteger)
  const found = native.findIntegers(
    ids,
    order,
    BigInt64Array.from(integers, integer => integer ?? 0n),
  )
  return found.map((index, at) => (integers[at] === undefined ? -1 : index))
}

function asInteger(id: Id): bigint | undefined {
  if (typeof id === 'number' && !Number.isSafeInteger(id)) return undefined
  if (typeof id === 'string' && !/^(0|-?[1-9]\d{0,18})$/.test(id)) return undefined
  const value = BigInt(id)
  return value < lowest || value > highest ? undefined : value
}

function integers(ids: readonly Id[] | BigInt64Array): {
  vector: Arrow.Vector<Arrow.Int64>
  sorted: () => Uint32Array
} {
  const data = ids instanceof BigInt64Array ? ids : BigInt64Array.from(ids, id => BigInt(id))
  return {
    vector: new Vector([makeData({ type: new Int64(), length: data.length, data })]),
    sorted: () => Uint32Array.from(data.keys()).sort((a, b) => (data[a] < data[b] ? -1 : 1)),
  }
}

function strings(ids: readonly Id[]): { vector: Arrow.Vector<Arrow.Utf8>; sorted: () => Uint32Array } {
  const stray = ids.find(id => typeof id !== 'string')
  if (stray !== undefined)
    throw new TypeError(`ids must be all strings or all integers, got ${typeof stray} ${stray} too`)
  const parts = ids.map(id => Buffer.from(id as string))
  const valueOffsets = new Int32Array(parts.length + 1)
  let length = 0
  parts.forEach((part, index) => {
    length += part.length
    valueOffsets[index + 1] = length
  })
  if (length >= 2 ** 31) throw new RangeError(`all ids together must be shorter than 2 GiB, got ${length} bytes`)
  const data = Buffer.concat(parts, length)
  return {
    vector: new Vector([makeData({ type: new Utf8(), length: ids.length, valueOffsets, data })]),
    sorted: () => Uint32Array.from(parts.keys()).sort((a, b) => Buffer.compare(parts[a], parts[b])),
  }
}

/** An id as anything can carry it: whole numbers that not every reader could hold exactly become strings. */
export function plainId(id: Id): string | number {
  return typeof id === 'bigint' ? String(id) : id
}
