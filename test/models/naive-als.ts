/** ALS from its definition, in double precision, one dense system a row: the slow, obvious twin of the trainer. */

import { type AlsOptions, alsObjective } from '../../src/models/factors/als/options.ts'
import { native } from '../../src/native.ts'
import type { Csr } from '../../src/storage/csr.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { allocateFactors, unpadded } from '../../src/storage/factors.ts'

type Objective = ReturnType<typeof alsObjective>

export function naiveAls(dataset: Dataset, options: AlsOptions) {
  const k = options.factors
  const objective = alsObjective(options)
  // The one thing that is the trainer's own: the noise that it starts from.
  const noise = allocateFactors(dataset.byUser.rows, k)
  native.initialiseFactors(
    { factors: noise.data, rank: k, chunkRows: 1, next: new Int32Array(new SharedArrayBuffer(4)) },
    options.initialDeviation / Math.sqrt(k),
    options.seed,
  )
  let users: Float64Array = Float64Array.from(unpadded(noise))
  let items = naiveHalfStep(dataset.byItem, users, k, objective)
  const loss: number[] = []
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    users = naiveHalfStep(dataset.byUser, items, k, objective)
    items = naiveHalfStep(dataset.byItem, users, k, objective)
    loss.push(naiveLoss(dataset, options, users, items))
  }
  return { loss, score: (user: number, item: number) => dot(users, user, items, item, k) }
}

/** The loss by the table of {@link AlsOptions}: a sum over every pair of a user and an item, and the regularisation of every row. */
export function naiveLoss(dataset: Dataset, options: AlsOptions, users: Float64Array, items: Float64Array): number {
  const { factors: k, alpha, unobservedWeight, confidence } = options
  let loss = 0
  for (let user = 0; user < dataset.byUser.rows; user++) {
    const weights = rowWeights(dataset.byUser, user)
    for (let item = 0; item < dataset.byItem.rows; item++) {
      const s = dot(users, user, items, item, k)
      const r = weights.get(item)
      const unobserved = unobservedWeight * s ** 2
      if (r === undefined) loss += unobserved
      else if (confidence === 'ials') loss += alpha * r * (1 - s) ** 2 + unobserved
      else if (confidence === 'implicit') loss += alpha * r * (1 - s) ** 2
      else loss += (1 + alpha * r) * (1 - s) ** 2
    }
  }
  for (const [side, factors] of [
    [dataset.byUser, users],
    [dataset.byItem, items],
  ] as const) {
    for (let row = 0; row < side.rows; row++) {
      const mass = rowWeights(side, row).size + unobservedWeight * side.columns
      loss += options.regularization * mass ** options.frequencyExponent * dot(factors, row, factors, row, k)
    }
  }
  return loss
}

/** Rows of one side, (rows × k), that minimise the loss while `fixed` stays still. */
export function naiveHalfStep(side: Csr, fixed: Float64Array, k: number, objective: Objective): Float64Array {
  const out = new Float64Array(side.rows * k)
  for (let row = 0; row < side.rows; row++) {
    const a = Array.from({ length: k }, () => new Float64Array(k + 1))
    for (let f = 0; f < k; f++) {
      a[f][f] += regularization(side, row, objective)
      for (let g = 0; g < k; g++) {
        for (let c = 0; c < side.columns; c++) a[f][g] += objective.unobserved * fixed[c * k + f] * fixed[c * k + g]
      }
    }
    for (const [column, w, t] of entries(side, row, objective)) {
      for (let f = 0; f < k; f++) {
        a[f][k] += t * fixed[column * k + f]
        for (let g = 0; g < k; g++) a[f][g] += w * fixed[column * k + f] * fixed[column * k + g]
      }
    }
    out.set(eliminate(a), row * k)
  }
  return out
}

/** Weights of a row, by column. */
function rowWeights({ indptr, indices, weights }: Csr, row: number): Map<number, number> {
  const found = new Map<number, number>()
  for (let at = Number(indptr[row]); at < Number(indptr[row + 1]); at++) found.set(indices[at], weights[at])
  return found
}

/** Column, w and t of each entry of a row. */
function* entries({ indptr, indices, weights }: Csr, row: number, { alpha, weightOffset, targetOffset }: Objective) {
  for (let at = Number(indptr[row]); at < Number(indptr[row + 1]); at++) {
    yield [indices[at], alpha * weights[at] + weightOffset, alpha * weights[at] + targetOffset] as const
  }
}

function regularization({ indptr, columns }: Csr, row: number, objective: Objective): number {
  const mass = Number(indptr[row + 1] - indptr[row]) + objective.unobserved * columns
  return objective.regularization * mass ** objective.frequencyExponent
}

function dot(a: Float64Array, row: number, b: Float64Array, other: number, k: number): number {
  let sum = 0
  for (let f = 0; f < k; f++) sum += a[row * k + f] * b[other * k + f]
  return sum
}

/** Gauss–Jordan with partial pivoting on [A | b]. */
function eliminate(a: Float64Array[]): number[] {
  const k = a.length
  for (let i = 0; i < k; i++) {
    let pivot = i
    for (let r = i; r < k; r++) if (Math.abs(a[r][i]) > Math.abs(a[pivot][i])) pivot = r
    ;[a[i], a[pivot]] = [a[pivot], a[i]]
    for (let r = 0; r < k; r++) {
      if (r === i) continue
      const by = a[r][i] / a[i][i]
      for (let c = i; c <= k; c++) a[r][c] -= by * a[i][c]
    }
  }
  return a.map((row, i) => row[k] / row[i])
}
