import { setImmediate as immediate } from 'node:timers/promises'
import { native } from '../../../native.ts'
import { type Pool, workerModuleUrl } from '../../../parallel/pool.ts'
import { alignedArray, sharedArray } from '../../../storage/shared-array.ts'
import type { gramians } from '../preference-jobs.ts'

const jobs = workerModuleUrl('../preference-jobs', import.meta.url)

/** Rows of a Gramian's part: few enough that its float32 sums are exact to six digits. */
const gramianRows = 65_536

const rowsAtOnce = 16_384

/** Trained vectors of users, by the model's rows. */
export interface TrainedUsers {
  /** (rows × factors) */
  readonly data: Float32Array
  readonly factors: number
  /** (users) The model's row of each user of pushes; -1: the model has none. */
  readonly rows: Int32Array
}

/**
 * The factors of users in the generation that is served, each divided by its length: how much a user reads is told by other
 * features, and products rank inactive users no worse (AUC of the fold-in .842, .839 of factors as they are; two weeks of brunch reads). Users without factors have zeros.
 */
export class UserFactors {
  readonly factors: number
  readonly stride: number
  /** (users × stride) Shared. */
  readonly data: Float32Array
  /** (users) 1 where the user has factors. Shared. */
  readonly isKnown: Uint8Array
  /** How many have factors. */
  readonly known: number
  /** (factors) The mean of those who have factors. */
  readonly mean: Float64Array
  /** (factors × factors) Σ y yᵀ over all users. */
  readonly gramian: Float64Array

  private constructor(parts: Omit<UserFactors, 'users' | 'grown' | 'forget' | 'add'>) {
    this.factors = parts.factors
    this.stride = parts.stride
    this.data = parts.data
    this.isKnown = parts.isKnown
    this.known = parts.known
    this.mean = parts.mean
    this.gramian = parts.gramian
  }

  get users(): number {
    return this.isKnown.length
  }

  /** No user has factors. */
  static none(users: number): UserFactors {
    return new UserFactors({
      factors: 0,
      stride: 0,
      data: new Float32Array(0),
      isKnown: sharedArray(Uint8Array, users),
      known: 0,
      mean: new Float64Array(0),
      gramian: new Float64Array(0),
    })
  }

  /** @throws RangeError when a row is none of the model. */
  static async of({ data, factors, rows }: TrainedUsers, pool: Pool): Promise<UserFactors> {
    const stride = native.factorStride(factors)
    const unit = alignedArray(Float32Array, rows.length * stride)
    const isKnown = sharedArray(Uint8Array, rows.length)
    const mean = new Float64Array(factors)
    let known = 0
    for (const [user, row] of rows.entries()) {
      // Millions of users take seconds, in which others want this thread.
      if (user % rowsAtOnce === rowsAtOnce - 1) await immediate()
      if (row < 0) continue
      if ((row + 1) * factors > data.length) {
        throw new RangeError(`rows must be below ${data.length / factors}, those of the model, got ${row}`)
      }
      if (!writeUnit(data, row, unit.subarray(user * stride, user * stride + factors))) continue
      isKnown[user] = 1
      known++
      for (let k = 0; k < factors; k++) mean[k]! += unit[user * stride + k]!
    }
    for (let k = 0; k < factors; k++) mean[k]! /= Math.max(1, known)
    const gramian = await gramianOf({ data: unit, factors, stride, rows: rows.length }, pool)
    return new UserFactors({ factors, stride, data: unit, isKnown, known, mean, gramian })
  }

  /**
   * Has a user that was added since take the vector of the same model; mean and Gramian stay those of the others.
   *
   * @param row of the model, in {@link TrainedUsers.data}.
   */
  add(user: number, data: Float32Array, row: number): void {
    const { factors, stride } = this
    if (writeUnit(data, row, this.data.subarray(user * stride, user * stride + factors))) this.isKnown[user] = 1
  }

  /** As one of whom the model knows nothing. */
  forget(user: number): void {
    this.data.fill(0, user * this.stride, (user + 1) * this.stride)
    this.isKnown[user] = 0
  }

  /** The same with rows for more users, who have no factors. */
  grown(users: number): UserFactors {
    if (users <= this.users) return this
    const data = alignedArray(Float32Array, users * this.stride)
    data.set(this.data)
    const isKnown = sharedArray(Uint8Array, users)
    isKnown.set(this.isKnown)
    return new UserFactors({
      factors: this.factors,
      stride: this.stride,
      data,
      isKnown,
      known: this.known,
      mean: this.mean,
      gramian: this.gramian,
    })
  }
}

/** Writes a row at length 1, unless it is 0; gives whether it did. */
function writeUnit(data: Float32Array, row: number, out: Float32Array): boolean {
  const factors = out.length
  let square = 0
  for (let k = 0; k < factors; k++) square += data[row * factors + k]! ** 2
  if (!(square > 0)) return false
  const length = Math.sqrt(square)
  for (let k = 0; k < factors; k++) out[k] = data[row * factors + k]! / length
  return true
}

interface Matrix {
  readonly data: Float32Array
  readonly factors: number
  readonly stride: number
  readonly rows: number
}

/** Summed in the order of the chunks: the same bits for any number of workers. */
async function gramianOf({ data, factors, stride, rows }: Matrix, pool: Pool): Promise<Float64Array> {
  const sum = new Float64Array(factors ** 2)
  if (rows === 0) return sum
  const cells = stride ** 2
  const chunks = Math.ceil(rows / gramianRows)
  const partials = sharedArray(Float32Array, chunks * cells)
  await pool.phase<ReturnType<typeof gramians>>(jobs, 'gramians', { data, factors, chunkRows: gramianRows, partials })
  for (let chunk = 0; chunk < chunks; chunk++) {
    for (let a = 0; a < factors; a++) {
      for (let b = a; b < factors; b++) sum[a * factors + b]! += partials[chunk * cells + a * stride + b]!
    }
  }
  for (let a = 0; a < factors; a++) for (let b = 0; b < a; b++) sum[a * factors + b] = sum[b * factors + a]!
  return sum
}
