import { native } from '../../../native.ts'
import { alignedArray } from '../../../storage/shared-array.ts'

/** Reads beside what was read before count so much less with each further one: a profile is of some fifty reads. */
const readDecay = 0.98

/**
 * What each user reads about: the mean of the vectors of the articles read, later ones counting more, drawn towards that of all
 * users where the reads are few. Vectors have the mean of all reads taken away and unit length, so that the mean profile is 0.
 */
export class ContentProfiles {
  readonly factors: number
  readonly stride: number
  /** (users × stride) Σ w v / (Σ w + shrinkage). Shared. */
  data = new Float32Array(0)
  /** (users) Σ w. */
  counts = new Float32Array(0)
  #shrinkage: number
  /** (factors) Sum of the unit vectors of all reads, and how many these are. */
  readonly #sum: Float64Array
  #reads = 0

  /** @param factors 0: articles have no vectors. */
  constructor(factors: number, shrinkage = 5) {
    this.factors = factors
    this.stride = factors === 0 ? 0 : native.factorStride(factors)
    this.#shrinkage = shrinkage
    this.#sum = new Float64Array(factors)
  }

  /** How many reads the mean profile counts as. */
  get shrinkage(): number {
    return this.#shrinkage
  }

  set shrinkage(value: number) {
    if (!(value > 0 && Number.isFinite(value))) throw new RangeError(`shrinkage must be above 0, got ${value}`)
    const { stride, data, counts } = this
    counts.forEach((count, user) => {
      if (count === 0) return
      const factor = (count + this.#shrinkage) / (count + value)
      for (let at = user * stride; at < (user + 1) * stride; at++) data[at]! *= factor
    })
    this.#shrinkage = value
  }

  grow(capacity: number): void {
    const [data, counts] = [this.data, this.counts]
    this.data = alignedArray(Float32Array, capacity * this.stride)
    this.data.set(data)
    this.counts = alignedArray(Float32Array, capacity)
    this.counts.set(counts)
  }

  /** The user read an article of this vector; of zeros, which says nothing of it, nothing is kept. */
  read(user: number, vector: Float32Array): void {
    const unit = unitOf(vector)
    if (!unit) return
    for (let at = 0; at < unit.length; at++) this.#sum[at]! += unit[at]!
    this.#reads++
    const centred = this.centred(vector)
    const before = this.counts[user]!
    const count = readDecay * before + 1
    const [keep, all] = [readDecay * (before + this.#shrinkage), count + this.#shrinkage]
    for (let at = 0, cell = user * this.stride; at < unit.length; at++, cell++) {
      this.data[cell] = (this.data[cell]! * keep + centred[at]!) / all
    }
    this.counts[user] = count
  }

  /** (stride) What profiles are multiplied with: 0 where the vector says nothing. */
  centred(vector: Float32Array): Float32Array {
    const out = new Float32Array(this.stride)
    const unit = unitOf(vector)
    if (!unit) return out
    // A few first reads are no mean.
    const share = this.#reads / (this.#reads + 100) / Math.max(1, this.#reads)
    const left = unitOf(unit.map((value, at) => value - share * this.#sum[at]!))
    if (left) out.set(left)
    return out
  }

  /** As one who read nothing. */
  forget(user: number): void {
    this.data.fill(0, user * this.stride, (user + 1) * this.stride)
    this.counts[user] = 0
  }
}

/** Undefined for zeros. */
function unitOf(vector: Float32Array): Float32Array | undefined {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))
  return length > 1e-6 ? vector.map(value => value / length) : undefined
}
