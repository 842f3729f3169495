/**
 * The click probability of a push by what is known of user, article and moment: logistic regression over hashed
 * features, learned as outcomes come (kernel in crates/kernels/src/ftrl.rs, which has the equations). Weights lie in
 * shared memory: one thread learns, any thread predicts meanwhile.
 */
import { z } from 'zod'
import { native } from '../../../native.ts'
import { faultIn } from '../../../storage/expectation.ts'
import { mappedTensor, openSafetensors, writeSafetensors } from '../../../storage/safetensors.ts'
import { alignedArray } from '../../../storage/shared-array.ts'

export interface CtrModelOptions {
  /** What a row has values of. At most 32. */
  readonly columns: readonly string[]
  /** Pairs of columns whose values are features together, too. */
  readonly crosses: readonly (readonly [string, string])[]
  /** Two to the power of it is the number of weights, 20 bytes each; 1 to 28. Default: 20. */
  readonly bits: number
  /** Steps of a feature are α / (β + √Σ g²). Default: 0.05 and 1. */
  readonly alpha: number
  readonly beta: number
  /** λ₁: what has been seen too little for its gradients to add up to more has no weight. Default: 0.5. */
  readonly l1: number
  /** λ₂. Default: 1. */
  readonly l2: number
}

// biome-ignore format: read in rows
export const defaultCtrOptions: CtrModelOptions = {
  columns: ['user', 'segment', 'category', 'hour', 'recency'],
  crosses: [['segment', 'category'], ['segment', 'hour'], ['category', 'hour'], ['category', 'recency'], ['user', 'category']],
  ...{ bits: 20, alpha: 0.05, beta: 1, l1: 0.5, l2: 1 },
}

/** Values by column: (rows) one for each row, or one number for all. Text is numbered by who asks. */
export interface CtrRows {
  readonly rows: number
  readonly columns: Readonly<Record<string, Uint32Array | number>>
}

/** What is known of each row: of one without a click, how much of its click delay has passed (`DelayCurve.share`). */
export interface CtrOutcomes {
  /** (rows) 1 where it was clicked, else 0. */
  readonly clicked: Uint8Array
  /** (rows) */
  readonly shares: Float32Array
  /** (rows) The shares when the rows were last learned from. Without, all are new. */
  readonly before?: Float32Array
  /** (rows) How often each counts. Default: 1. */
  readonly weights?: Float32Array
}

/** What threads need to predict; it can be sent to them. */
export interface SharedCtrModel {
  readonly options: CtrModelOptions
  /** (2^bits) The bits of 32-bit numbers, in shared memory. */
  readonly weights: Uint32Array
}

/**
 * Writes the click probabilities of the rows from `begin` on to `out`, as many as it has room for.
 *
 * @throws RangeError when a column is missing; Error when one is of another length, or there are fewer rows.
 */
export function predictCtrs(model: SharedCtrModel, rows: CtrRows, out: Float32Array, begin = 0): Float32Array {
  native.ftrlPredict(model.weights, featuresOf(model.options, rows), begin, out)
  return out
}

/** Thrown away when the format changes: what is learned is learned anew. */
const format = 'aurochs-ctr-model 1'

const schema = z.strictObject({
  columns: z.array(z.string()).max(32),
  crosses: z.array(z.tuple([z.string(), z.string()])),
  bits: z.int().min(1).max(28),
  alpha: z.number().positive(),
  beta: z.number().min(0),
  l1: z.number().min(0),
  l2: z.number().min(0),
})

/** The one that learns. */
export class CtrModel {
  readonly options: CtrModelOptions
  readonly #weights: Uint32Array
  /** (2^bits, 2) z and n of each weight. */
  readonly #sums: Float64Array

  /** @throws RangeError when an option is out of range. */
  constructor(options: Partial<CtrModelOptions> = {}) {
    this.options = { ...defaultCtrOptions, ...options }
    const fault = faultIn(schema, this.options)
    if (fault !== undefined) throw new RangeError(fault)
    for (const column of this.options.crosses.flat()) {
      if (this.options.columns.includes(column)) continue
      throw new RangeError(`crosses must be of ${this.options.columns.join(', ')}, got ${column}`)
    }
    const size = 2 ** this.options.bits
    this.#weights = alignedArray(Uint32Array, size)
    this.#sums = new Float64Array(2 * size)
  }

  /** For other threads, which see what is learned from then on. */
  get shared(): SharedCtrModel {
    return { options: this.options, weights: this.#weights }
  }

  /** {@link predictCtrs} of all rows. */
  predict(rows: CtrRows): Float32Array {
    return predictCtrs(this.shared, rows, new Float32Array(rows.rows))
  }

  /**
   * Learns from rows in order. A push without a click yet counts as a part of one without a click ever; it is to be
   * learned from once more when its click comes, or when more time has passed, with the share that it had as `before`.
   */
  learn(rows: CtrRows, { clicked, shares, before, weights }: CtrOutcomes): void {
    const outcomes = {
      clicked,
      now: shares,
      before: before ?? new Float32Array(shares.length),
      weights: weights ?? new Float32Array(shares.length).fill(1),
    }
    native.ftrlLearn(this.#weights, this.#sums, featuresOf(this.options, rows), this.options, outcomes)
  }

  /**
   * Has no weight for a value of a column, nor for it beside the `others` of columns that it is crossed with. What shares a weight with it
   * begins anew.
   */
  forget(column: string, value: number, others: Readonly<Record<string, readonly number[]>> = {}): void {
    const { columns, crosses, bits } = this.options
    const own = hashOfValue(columns.indexOf(column), value)
    const hashes = [own]
    for (const [a, b] of crosses) {
      if (a === column)
        for (const other of others[b] ?? []) hashes.push(hashOfPair(own, hashOfValue(columns.indexOf(b), other)))
      else if (b === column)
        for (const other of others[a] ?? []) hashes.push(hashOfPair(hashOfValue(columns.indexOf(a), other), own))
    }
    for (const hash of hashes) {
      const at = Number(hash >> BigInt(64 - bits))
      this.#weights[at] = 0
      this.#sums.fill(0, 2 * at, 2 * at + 2)
    }
  }

  /** Writes a new file. */
  async save(path: string): Promise<void> {
    const { buffer, byteOffset, length } = this.#weights
    // Copies, which no learning changes while they are written.
    const weights = new Float32Array(buffer, byteOffset, length).slice()
    const sums = this.#sums.slice()
    const tensors = { weights: { data: weights, shape: [length] }, sums: { data: sums, shape: [length, 2] } }
    const options = JSON.stringify(this.options)
    const checksums = { weights: checksumOf(weights), sums: checksumOf(sums) }
    await writeSafetensors(path, tensors, { format, options, checksums: JSON.stringify(checksums) })
  }

  /**
   * Goes on with what was saved.
   *
   * @param verify whether to read all of it for damage. Default: true.
   * @throws Error naming the file and what is wrong with it.
   */
  static open(path: string, { verify = true }: { readonly verify?: boolean } = {}): CtrModel {
    const file = openSafetensors(path)
    try {
      const broken = (why: string) => new Error(`${path} is no whole CTR model: ${why}`)
      if (file.metadata.format !== format) {
        throw broken(`its format must be ${format}, got ${file.metadata.format ?? 'none'}: learn it anew`)
      }
      const model = new CtrModel(optionsIn(file.metadata.options, broken))
      const [weights, sums] = [mappedTensor(file, 'weights', Float32Array), mappedTensor(file, 'sums', Float64Array)]
      const size = 2 ** model.options.bits
      if (weights.data.length !== size || sums.data.length !== 2 * size) {
        throw broken(`it must have ${size} weights and ${2 * size} sums, got ${weights.shape} and ${sums.shape}`)
      }
      model.#weights.set(new Uint32Array(weights.data.buffer, weights.data.byteOffset, size))
      model.#sums.set(sums.data)
      if (verify) assertWhole({ weights: weights.data, sums: sums.data }, file.metadata.checksums, broken)
      return model
    } finally {
      file.close()
    }
  }
}

/**
 * Time since the last visit in 16 steps, each twice as long: 0 below an hour, 4 below 16 hours, 8 below eleven days.
 */
export function recencyOf(hours: number): number {
  return hours < 1 ? 0 : Math.min(15, 1 + Math.floor(Math.log2(hours)))
}

/** Where weights are, as crates/kernels/src/ftrl.rs has it. */
function hashOfValue(column: number, value: number): bigint {
  return mixed((BigInt(column + 1) << 32n) | BigInt(value))
}

function hashOfPair(a: bigint, b: bigint): bigint {
  return mixed(a ^ wrapped(wrapped((b << 23n) | (b >> 41n)) * 0xd6e8feb86659fd93n))
}

function mixed(value: bigint): bigint {
  const x = wrapped(value + 0x9e3779b97f4a7c15n)
  const y = wrapped((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n)
  return wrapped((y ^ (y >> 27n)) * 0x94d049bb133111ebn)
}

function wrapped(value: bigint): bigint {
  return BigInt.asUintN(64, value)
}

function featuresOf({ columns, crosses }: CtrModelOptions, { rows, columns: values }: CtrRows) {
  const given = columns.map(column => {
    const value = values[column]
    if (value === undefined) throw new RangeError(`rows must have the columns ${columns.join(', ')}, got no ${column}`)
    return typeof value === 'number' ? Uint32Array.of(value) : value
  })
  return { rows, columns: given, crosses: Uint32Array.from(crosses.flat(), column => columns.indexOf(column)) }
}

function optionsIn(json: string | undefined, broken: (why: string) => Error): CtrModelOptions {
  try {
    const options: unknown = JSON.parse(json ?? '')
    const fault = faultIn(schema, options)
    if (fault === undefined) return options as CtrModelOptions
    throw new RangeError(fault)
  } catch (error) {
    throw broken(`its options cannot be read: ${(error as Error).message}`)
  }
}

function checksumOf({ buffer, byteOffset, byteLength }: Float32Array | Float64Array): number {
  return native.crc32(new Uint8Array(buffer, byteOffset, byteLength), 0)
}

function assertWhole(
  tensors: Readonly<Record<string, Float32Array | Float64Array>>,
  checksums: string | undefined,
  broken: (why: string) => Error,
): void {
  const fault = (name: string, why: string) => broken(`tensor ${name} ${why}: learn it anew, or restore a backup`)
  for (const [name, data] of Object.entries(tensors)) {
    const [expected, got] = [expectedChecksum(checksums, name), checksumOf(data)]
    if (got !== expected) throw fault(name, `must have the checksum ${expected}, got ${got}`)
    if (!data.every(Number.isFinite)) throw fault(name, 'must have finite numbers')
  }
}

function expectedChecksum(checksums: string | undefined, name: string): unknown {
  try {
    return JSON.parse(checksums ?? '{}')[name]
  } catch {
    return undefined
  }
}
