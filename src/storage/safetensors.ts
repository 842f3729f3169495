/**
 * Named tensors in one file, in the safetensors format (https://huggingface.co/docs/safetensors): eight bytes with the
 * length of a JSON header, the header, the tensors one after the other. NumPy, PyTorch and others read it.
 */
import { type FileHandle, open } from 'node:fs/promises'
import type { FileSlice, Operand } from '../binding.d.ts'
import { native } from '../native.ts'

const arrays = {
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  F32: Float32Array,
  I32: Int32Array,
  U32: Uint32Array,
  U8: Uint8Array,
} as const

export type Dtype = keyof typeof arrays
export type TensorArray =
  | Float64Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Uint8Array

export interface Tensor<A extends TensorArray = TensorArray> {
  readonly data: A
  /** Row-major; the product is `data.length`. */
  readonly shape: readonly number[]
}

/** A tensor of a mapped file. */
export interface MappedTensor<A extends TensorArray = TensorArray> extends Tensor<A> {
  readonly dtype: Dtype
  /** A view of the map, made when it is first asked for. @throws Error once it is closed. */
  readonly data: A
  /** The same for kernels: without a view, which V8 would count as memory of this thread. @throws Error once it is closed. */
  readonly operand: Operand<A>
  /** Closes its part of the file, which is unmapped when no view of it is left. */
  close(): void
}

export interface Safetensors {
  readonly path: string
  readonly tensors: Readonly<Record<string, MappedTensor>>
  readonly metadata: Readonly<Record<string, string>>
  /** Closes all tensors. */
  close(): void
}

interface Placed {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** First byte and the one after the last, counted from the end of the header. */
  readonly data_offsets: readonly [begin: number, end: number]
}

/** Tensors begin at a multiple of this: a cache line, and the widest vector register. */
const alignment = 64
/** What the reference implementation accepts at most. */
const longestHeader = 100_000_000
const flushBytes = 1 << 20

/**
 * Maps `path`; the tensors are views of the map, which threads and processes share. A tensor that another program
 * placed at an address its elements cannot have is copied.
 *
 * @throws Error when the file cannot be read or is not well formed; the message names file and tensor.
 */
export function openSafetensors(path: string): Safetensors {
  const file = native.mapFile(path)
  try {
    return openMapped(path, file)
  } finally {
    file.close()
  }
}

function openMapped(path: string, file: FileSlice): Safetensors {
  const broken = (why: string) => new Error(`${path} is not a whole safetensors file: ${why}`)
  if (file.length < 8) throw broken(`it has ${file.length} bytes, fewer than its header needs`)
  const length = Number(new DataView(bytesOf(file, 0, 8).buffer).getBigUint64(0, true))
  const begin = 8 + length
  if (length > longestHeader || begin > file.length) {
    throw broken(`its header would be ${length} bytes long, but the file has ${file.length}`)
  }
  const { metadata, placed } = parseHeader(bytesOf(file, 8, begin), broken)
  for (const [name, tensor] of placed) assertPlaced(name, tensor, file.length - begin, broken)
  const tensors = placed.map(
    ([name, tensor]) => [name, new TensorOfFile(`${name} of ${path}`, file, begin, tensor)] as const,
  )
  const close = () => {
    for (const [, tensor] of tensors) tensor.close()
  }
  return { path, tensors: Object.fromEntries(tensors), metadata, close }
}

/**
 * The tensor `name`, which must hold elements of `kind`, as in `mappedTensor(file, 'weights', Float32Array)`.
 *
 * @throws Error when the file has no such tensor or one of another type.
 */
export function mappedTensor<A extends TensorArray>(
  { path, tensors }: Safetensors,
  name: string,
  kind: new (length: number) => A,
): MappedTensor<A> {
  const tensor = Object.hasOwn(tensors, name) ? tensors[name] : undefined
  if (tensor && arrays[tensor.dtype] === (kind as unknown)) return tensor as MappedTensor<A>
  const found = tensor ? `one of ${arrays[tensor.dtype].name}` : `only ${Object.keys(tensors).join(', ') || 'none'}`
  throw new Error(`${path} must hold a tensor ${name} of ${kind.name}, but has ${found}`)
}

/** The values from `begin` to before `end` of a tensor: of a mapped one a copy, so that all of it needs no view. */
export function valuesIn<A extends TensorArray>(tensor: Tensor<A>, begin: number, end: number): A {
  return tensor instanceof TensorOfFile
    ? (tensor.values(begin, end) as A)
    : (tensor.data.subarray(begin, end) as TensorArray as A)
}

/** The values at `indices` of a tensor of one dimension. @throws RangeError when there is none at one of them. */
export function valuesAt<A extends TensorArray>(tensor: Tensor<A>, indices: Uint32Array): A {
  if (tensor instanceof TensorOfFile) return tensor.gather(indices) as A
  const { data } = tensor
  const values = new arrays[dtypeOf(data)](indices.length)
  indices.forEach((index, at) => {
    if (index >= data.length) throw new RangeError(`expected an index below ${data.length}, got ${index}`)
    values[at] = data[index]!
  })
  return values as TensorArray as A
}

/** A tensor of one dimension. */
export function vector<A extends TensorArray>(data: A): Tensor<A> {
  return { data, shape: [data.length] }
}

/** Writes `tensors` to a new file at `path` and waits until the disk has it. */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const layout = Object.entries(tensors).map(
    ([name, { data, shape }]) => [name, { dtype: dtypeOf(data), shape }] as const,
  )
  const writer = await SafetensorsWriter.create(path, Object.fromEntries(layout), metadata)
  try {
    for (const [name, { data }] of Object.entries(tensors)) await writer.append(name, data)
    await writer.finish()
  } finally {
    await writer.close()
  }
}

/** Writes tensors of known shape piece by piece, side by side: none need ever be whole in memory. */
export class SafetensorsWriter {
  readonly #path: string
  readonly #file: FileHandle
  readonly #parts: ReadonlyMap<string, Part>

  /** Writes the header to a new file at `path`; `layout` says what will follow. */
  static async create(
    path: string,
    layout: Readonly<Record<string, { dtype: Dtype; shape: readonly number[] }>>,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<SafetensorsWriter> {
    const { header, placed } = place(layout, metadata)
    const file = await open(path, 'wx')
    const parts = placed.map(([name, { dtype, data_offsets }]) => {
      const [at, end] = data_offsets.map(offset => offset + header.length) as [number, number]
      return [name, new Part(file, dtype, at, end)] as const
    })
    const writer = new SafetensorsWriter(path, file, new Map(parts))
    await file.write(header, 0, header.length, 0)
    return writer
  }

  private constructor(path: string, file: FileHandle, parts: ReadonlyMap<string, Part>) {
    this.#path = path
    this.#file = file
    this.#parts = parts
  }

  /** Adds `values` after what tensor `name` has so far. */
  async append(name: string, values: TensorArray): Promise<void> {
    const part = this.#parts.get(name)
    if (!part || !(values instanceof arrays[part.dtype])) {
      throw new TypeError(`${this.#path}: ${values.constructor.name} does not belong to tensor ${name}`)
    }
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    if (bytes.length > part.room) throw new RangeError(`${this.#path}: more values than tensor ${name} has room for`)
    await part.append(bytes)
  }

  /** Checks that every tensor is complete and waits until the disk has the file. */
  async finish(): Promise<void> {
    for (const [name, part] of this.#parts) {
      await part.flush()
      if (part.room > 0) throw new RangeError(`${this.#path}: tensor ${name} lacks its last ${part.room} bytes`)
    }
    await this.#file.sync()
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

/** Bytes `at` to `end` of a file, written in order and in big pieces. */
class Part {
  readonly dtype: Dtype
  readonly #file: FileHandle
  readonly #end: number
  #at: number
  #buffer: Uint8Array | undefined
  #filled = 0

  constructor(file: FileHandle, dtype: Dtype, at: number, end: number) {
    this.#file = file
    this.dtype = dtype
    this.#at = at
    this.#end = end
  }

  get room(): number {
    return this.#end - this.#at - this.#filled
  }

  async append(bytes: Uint8Array): Promise<void> {
    if (this.#filled + bytes.length > flushBytes) await this.flush()
    if (bytes.length > flushBytes) return this.#write(bytes)
    this.#buffer ??= new Uint8Array(Math.min(this.room, flushBytes))
    this.#buffer.set(bytes, this.#filled)
    this.#filled += bytes.length
  }

  async flush(): Promise<void> {
    if (this.#buffer) await this.#write(this.#buffer.subarray(0, this.#filled))
    this.#filled = 0
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, Math.min(bytes.length - done, 1 << 30), this.#at)
      done += bytesWritten
      this.#at += bytesWritten
    }
  }
}

/** How the file calls the type of `data`. */
export function dtypeOf(data: TensorArray): Dtype {
  const found = Object.entries(arrays).find(([, array]) => data instanceof array)
  if (!found) throw new TypeError(`a tensor must be one of ${Object.keys(arrays).join(', ')}, got ${typeof data}`)
  return found[0] as Dtype
}

/**
 * Places tensors of whole cache lines first, which then begin on one, and the others by the size of their elements, largest
 * first: with the header padded, each is aligned.
 */
function place(
  layout: Readonly<Record<string, { dtype: Dtype; shape: readonly number[] }>>,
  metadata: Readonly<Record<string, string>>,
): { header: Uint8Array; placed: [string, Placed][] } {
  const width = (dtype: Dtype) => arrays[dtype].BYTES_PER_ELEMENT
  const sortKey = ({ dtype, shape }: { readonly dtype: Dtype; readonly shape: readonly number[] }) =>
    (elements(shape) * width(dtype)) % alignment === 0 ? 0 : 1 / width(dtype)
  let at = 0
  const placed = Object.entries(layout)
    .sort(([, a], [, b]) => sortKey(a) - sortKey(b))
    .map(([name, { dtype, shape }]): [string, Placed] => {
      const begin = at
      at += elements(shape) * width(dtype)
      return [name, { dtype, shape, data_offsets: [begin, at] }]
    })
  const json = new TextEncoder().encode(JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(placed) }))
  const header = new Uint8Array(Math.ceil((8 + json.length) / alignment) * alignment).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true)
  header.set(json, 8)
  return { header, placed }
}

function parseHeader(
  bytes: Uint8Array,
  broken: (why: string) => Error,
): { metadata: Record<string, string>; placed: [string, Placed][] } {
  let header: Record<string, unknown>
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw broken('its header is not JSON')
  }
  if (header === null || typeof header !== 'object' || Array.isArray(header))
    throw broken('its header is no JSON object')
  const { __metadata__: metadata = {}, ...placed } = header
  return { metadata: metadata as Record<string, string>, placed: Object.entries(placed as Record<string, Placed>) }
}

/** A copy of bytes of a file: a view would keep all of it mapped. */
export function bytesOf(file: FileSlice, begin: number, end: number): Uint8Array & { readonly buffer: ArrayBuffer } {
  const bytes = new Uint8Array(end - begin)
  file.read(begin, bytes)
  return bytes
}

function assertPlaced(name: string, tensor: Placed, room: number, broken: (why: string) => Error): void {
  const { dtype, shape, data_offsets } = tensor ?? {}
  const array = Object.hasOwn(arrays, dtype) && arrays[dtype]
  if (!array) throw broken(`tensor ${name} has type ${dtype}; known are ${Object.keys(arrays).join(', ')}`)
  const whole = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0
  if (!Array.isArray(shape) || !shape.every(whole)) throw broken(`tensor ${name} has the shape ${shape}`)
  const [begin, end] = Array.isArray(data_offsets) && data_offsets.every(whole) ? data_offsets : [1, 0]
  if (begin > end || end > room || end - begin !== elements(shape) * array.BYTES_PER_ELEMENT) {
    throw broken(`tensor ${name} of ${dtype}[${shape}] does not lie in bytes ${data_offsets} of ${room}`)
  }
}

/** A tensor whose offsets count from byte `start` of a file. */
class TensorOfFile implements MappedTensor {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly #title: string
  readonly #isAligned: boolean
  /** Undefined once it is closed. */
  #bytes: FileSlice | undefined
  #data: TensorArray | undefined

  constructor(title: string, file: FileSlice, start: number, { dtype, shape, data_offsets: [begin, end] }: Placed) {
    this.dtype = dtype
    this.shape = shape
    this.#title = title
    this.#isAligned = (start + begin) % arrays[dtype].BYTES_PER_ELEMENT === 0
    this.#bytes = file.slice(start + begin, start + end)
  }

  get data(): TensorArray {
    if (!this.#data) {
      const { buffer, byteOffset } = this.#isAligned ? this.#open.view() : bytesOf(this.#open, 0, this.#open.length)
      this.#data = new arrays[this.dtype](buffer as ArrayBuffer, byteOffset, elements(this.shape))
    }
    return this.#data
  }

  get operand(): Operand<TensorArray> {
    return this.#isAligned ? this.#open : this.data
  }

  /** {@link valuesIn} */
  values(begin: number, end: number): TensorArray {
    if (!this.#isAligned) return this.data.subarray(begin, end)
    const array = arrays[this.dtype]
    const width = array.BYTES_PER_ELEMENT
    return new array(bytesOf(this.#open, begin * width, end * width).buffer)
  }

  /** {@link valuesAt} */
  gather(indices: Uint32Array): TensorArray {
    const array = arrays[this.dtype]
    const values = new array(indices.length)
    const bytes = this.#open
    try {
      bytes.gather(indices, new Uint8Array(values.buffer))
    } catch (error) {
      throw new RangeError(`the tensor ${this.#title}: ${(error as Error).message}`)
    }
    return values
  }

  close(): void {
    this.#bytes?.close()
    this.#bytes = undefined
    this.#data = undefined
  }

  get #open(): FileSlice {
    if (!this.#bytes) throw new Error(`the tensor ${this.#title} is closed`)
    return this.#bytes
  }
}

/** How many values a tensor of `shape` has. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1)
}
