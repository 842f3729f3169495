/** A linear model of dense features and of hashed words, whose penalty is chosen by what is held out, fold by fold. */
import { type Pool, workerModuleUrl } from '../../parallel/pool.ts'
import { randomNumbers } from '../../storage/random.ts'
import { type MappedTensor, mappedTensor, type Safetensors, type Tensor, vector } from '../../storage/safetensors.ts'
import { precisionOf, type RidgeProblem, type SparseRows, SparseRowsBuilder } from './ridge.ts'

const work = workerModuleUrl('./ridge', import.meta.url)

export interface LinearRow {
  /** NaN where it is not known: that says nothing. */
  readonly dense: Float32Array
  /** Of words, templates, categories: see `hashOf`. */
  readonly hashes: Uint32Array
  /** (hashes) Default: 1 each. */
  readonly values?: Float32Array | undefined
}

export interface LinearTargets {
  readonly targets: Float64Array
  /** 1 / variance of each. */
  readonly weights: Float64Array
  /** From 0; a group is held out as a whole. */
  readonly groups?: Uint32Array | undefined
  readonly groupVariance?: number | undefined
}

export interface FitLinear {
  readonly pool: Pool
  /** (dense) What a feature is multiplied by after its mean is taken off; 0: divided by its standard deviation. */
  readonly scales: Float32Array
  readonly seed: number
  readonly signal?: AbortSignal | undefined
}

/** Of the coefficients: 1 / their variance. */
const penalties = [150, 400, 1000, 2500] as const
export const foldCount = 5
/** With fewer groups, or rows, nothing is learned. */
const leastGroups = 10
/** What the intercept column has: so much less it is penalised. */
const interceptValue = 3

export class LinearModel {
  readonly intercept: number
  /** (dense) */
  readonly means: Float32Array
  /** (dense) Of values less their means. */
  readonly dense: Float64Array
  readonly #hashes: Uint32Array
  readonly #weights: Float64Array
  readonly #weightOf: ReadonlyMap<number, number>

  constructor(parts: {
    readonly intercept: number
    readonly means: Float32Array
    readonly dense: Float64Array
    readonly hashes: Uint32Array
    readonly weights: Float64Array
  }) {
    this.intercept = parts.intercept
    this.means = parts.means
    this.dense = parts.dense
    this.#hashes = parts.hashes
    this.#weights = parts.weights
    this.#weightOf = new Map(Array.from(parts.hashes, (hash, at) => [hash, parts.weights[at]!]))
  }

  /** Says 0 of all. */
  static none(dense: number): LinearModel {
    return new LinearModel({
      intercept: 0,
      means: new Float32Array(dense),
      dense: new Float64Array(dense),
      hashes: new Uint32Array(0),
      weights: new Float64Array(0),
    })
  }

  /** @returns the model of all rows, and what models of the other folds say of each row. */
  static async fit(
    rows: readonly LinearRow[],
    { targets, weights, groups, groupVariance }: LinearTargets,
    { pool, scales, seed, signal }: FitLinear,
  ): Promise<{ readonly model: LinearModel; readonly heldOut: Float64Array; readonly folds: Uint8Array }> {
    const folds = foldsOf(rows.length, groups, seed)
    const size = groups ? groups.reduce((most, group) => Math.max(most, group + 1), 0) : rows.length
    if (size < leastGroups)
      return { model: LinearModel.none(scales.length), heldOut: new Float64Array(rows.length), folds }
    const design = designOf(rows, scales)
    const problem = { ...design, targets, weights, groups, groupVariance }
    const solve = (penalty: number, fold: number) => {
      const kept = weights.map((weight, row) => (folds[row] === fold ? 0 : weight))
      return pool.run<Float64Array>(work, 'fitRidge', { ...problem, weights: kept, penalty }, signal)
    }
    let best: { readonly penalty: number; readonly heldOut: Float64Array; readonly loss: number } | undefined
    for (const penalty of penalties) {
      const solutions = await Promise.all(Array.from({ length: foldCount }, (_, fold) => solve(penalty, fold)))
      const heldOut = Float64Array.from(folds, (fold, row) => scoreOf(design.features, row, solutions[fold]!))
      const loss = lossOf(heldOut, { ...problem, penalty, groupVariance: groups && Number.POSITIVE_INFINITY })
      if (!best || loss < best.loss) best = { penalty, heldOut, loss }
    }
    const solution = await solve(best!.penalty, -1)
    const { means, factors, hashes } = design
    const dense = Float64Array.from(scales, (_, at) => solution[1 + at]! * factors[at]!)
    const model = new LinearModel({
      intercept: interceptValue * solution[0]!,
      means,
      dense,
      hashes,
      weights: solution.slice(1 + scales.length),
    })
    return { model, heldOut: best!.heldOut, folds }
  }

  score({ dense, hashes, values }: LinearRow): number {
    let sum = this.intercept
    for (let at = 0; at < dense.length; at++) sum += this.denseShare(dense, at)
    hashes.forEach((hash, at) => {
      sum += this.weightOf(hash) * (values?.[at] ?? 1)
    })
    return sum
  }

  /** What dense feature `at` adds. */
  denseShare(dense: Float32Array, at: number): number {
    const value = dense[at]!
    return Number.isNaN(value) ? 0 : this.dense[at]! * (value - this.means[at]!)
  }

  /** 0 where it is not known. */
  weightOf(hash: number): number {
    return this.#weightOf.get(hash) ?? 0
  }

  tensors(): Record<string, Tensor> {
    return {
      intercept: vector(Float64Array.of(this.intercept)),
      means: vector(this.means),
      dense: vector(this.dense),
      hashes: vector(this.#hashes),
      weights: vector(this.#weights),
    }
  }

  /** @throws Error when it is not whole: told by `broken`. */
  static in(file: Safetensors, size: number, broken: (why: string) => Error): LinearModel {
    const copy = <A extends Float32Array | Float64Array | Uint32Array>({ data }: MappedTensor<A>) => data.slice() as A
    const parts = {
      intercept: copy(mappedTensor(file, 'intercept', Float64Array))[0]!,
      means: copy(mappedTensor(file, 'means', Float32Array)),
      dense: copy(mappedTensor(file, 'dense', Float64Array)),
      hashes: copy(mappedTensor(file, 'hashes', Uint32Array)),
      weights: copy(mappedTensor(file, 'weights', Float64Array)),
    }
    const { means, dense, hashes, weights } = parts
    if (means.length !== size || dense.length !== size) {
      throw broken(`it must have ${size} dense features, got ${means.length} means of ${dense.length}`)
    }
    if (hashes.length !== weights.length)
      throw broken(`${hashes.length} words must have weights, got ${weights.length}`)
    if (![parts.intercept, ...means, ...dense].every(Number.isFinite) || !weights.every(Number.isFinite)) {
      throw broken('its numbers must be finite')
    }
    return new LinearModel(parts)
  }
}

/** (rows) The fold in which each is held out: groups are so as a whole. */
function foldsOf(rows: number, groups: Uint32Array | undefined, seed: number): Uint8Array {
  const random = randomNumbers(seed)
  const next = () => Math.floor(foldCount * random())
  if (!groups) return Uint8Array.from({ length: rows }, next)
  const ofGroup = new Map<number, number>()
  return Uint8Array.from(groups, group => {
    const known = ofGroup.get(group)
    if (known !== undefined) return known
    const fold = next()
    ofGroup.set(group, fold)
    return fold
  })
}

/** Columns: the intercept, the dense features, and the hashes that two rows or more have. */
function designOf(rows: readonly LinearRow[], scales: Float32Array) {
  const counts = new Map<number, number>()
  for (const { hashes } of rows) for (const hash of hashes) counts.set(hash, (counts.get(hash) ?? 0) + 1)
  const hashes = Uint32Array.from([...counts].filter(([, count]) => count >= 2).map(([hash]) => hash)).sort()
  const columnOf = new Map(Array.from(hashes, (hash, at) => [hash, 1 + scales.length + at]))
  const { means, factors } = momentsOf(rows, scales)
  const builder = new SparseRowsBuilder()
  for (const { dense, hashes, values } of rows) {
    builder.add(0, interceptValue)
    for (let at = 0; at < scales.length; at++) {
      const value = dense[at]!
      if (!Number.isNaN(value)) builder.add(1 + at, (value - means[at]!) * factors[at]!)
    }
    hashes.forEach((hash, at) => {
      const column = columnOf.get(hash)
      if (column !== undefined) builder.add(column, values?.[at] ?? 1)
    })
    builder.endRow()
  }
  return { features: builder.build(), columns: 1 + scales.length + hashes.length, means, factors, hashes }
}

function momentsOf(rows: readonly LinearRow[], scales: Float32Array) {
  const means = new Float32Array(scales.length)
  const factors = scales.slice()
  for (let at = 0; at < scales.length; at++) {
    let [count, sum, squares] = [0, 0, 0]
    for (const { dense } of rows) {
      if (Number.isNaN(dense[at]!)) continue
      count++
      const before = dense[at]! - (count > 1 ? sum / (count - 1) : dense[at]!)
      sum += dense[at]!
      squares += before * (dense[at]! - sum / count)
    }
    if (count === 0) continue
    means[at] = sum / count
    if (scales[at] === 0) factors[at] = squares > 1e-12 * count ? 1 / Math.sqrt(squares / count) : 0
  }
  return { means, factors }
}

function scoreOf({ starts, columns, values }: SparseRows, row: number, weights: Float64Array): number {
  let sum = 0
  for (let at = starts[row]!; at < starts[row + 1]!; at++) sum += values[at]! * weights[columns[at]!]!
  return sum
}

/** eᵀ V⁻¹ e of what is held out. */
function lossOf(heldOut: Float64Array, problem: RidgeProblem): number {
  const errors = problem.targets.map((target, row) => target - heldOut[row]!)
  return precisionOf(problem)(errors).reduce((sum, value, row) => sum + value * errors[row]!, 0)
}
