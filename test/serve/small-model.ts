import { join } from 'node:path'
import { Artifact, saveArtifact } from '../../src/models/artifact/artifact.ts'
import { alsTensors, alsTrainedTensors } from '../../src/models/factors/als/model.ts'
import type { Csr } from '../../src/storage/csr.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'

const [userCount, itemCount, rank] = [20, 40, 4]
const [unobservedWeight, alpha, regularization] = [0.1, 1.5, 0.05]

/** The options of the small model, as training would have written them. */
const options = {
  factors: rank,
  epochs: 1,
  regularization,
  frequencyExponent: 0,
  unobservedWeight,
  alpha,
  confidence: 'ials',
  solver: 'exact',
  steps: 2,
  initialDeviation: 0.1,
  seed: 0,
}

/**
 * Writes a model of 20 users (0 … 19) and 40 items (`i0` … `i39`) into `directory`, quickly: its factors are not trained
 * but smooth waves over the items, whose Gramian is diagonal as the contract of a model asks. User 19 has no history.
 * `nameOf` gives items other ids.
 */
export async function writeSmallModel(directory: string, nameOf = (item: number) => `i${item}`): Promise<string> {
  const dataset = join(directory, 'dataset')
  await writeDataset(dataset, {
    byUser: histories(),
    users: Array.from({ length: userCount }, (_, user) => user),
    items: Array.from({ length: itemCount }, (_, item) => nameOf(item)),
  })
  const items = new Float32Array(itemCount * rank)
  const spectrum = new Float64Array(rank)
  for (let item = 0; item < itemCount; item++) {
    for (let k = 0; k < rank; k++) {
      // Columns of the discrete cosine transform are orthogonal.
      const value = Math.fround((Math.cos((Math.PI * (item + 0.5) * (k + 1)) / itemCount) * (rank - k)) / rank)
      items[item * rank + k] = value
      spectrum[k] += value * value
    }
  }
  const model = join(directory, 'model')
  await saveArtifact(model, {
    algorithm: 'als',
    options,
    dataset: Dataset.open(dataset),
    trained: {
      tensors: alsTrainedTensors(
        { rows: userCount, rank, stride: rank, data: new Float32Array(userCount * rank) },
        { rows: itemCount, rank, stride: rank, data: items },
        spectrum,
      ),
      epochs: 1,
      complete: true,
      loss: [0],
    },
  })
  return model
}

/** User u likes items 2u, 2u + 1 and 2u + 2, the first of them twice as much; user 19 nothing. */
function histories(): Csr {
  const rows = Array.from({ length: userCount }, (_, user) =>
    user === 19 ? [] : [2 * user, 2 * user + 1, 2 * user + 2],
  )
  return {
    rows: userCount,
    columns: itemCount,
    indptr: BigUint64Array.from({ length: userCount + 1 }, (_, user) => BigInt(3 * Math.min(user, 19))),
    indices: Uint32Array.from(rows.flat()),
    weights: Float32Array.from(rows.flat(), (_, i) => (i % 3 === 0 ? 2 : 1)),
  }
}

/**
 * What a list must be, in f64 and the slowest way: the normal equations of one user solved by elimination, all items
 * scored and sorted. `events` are items and weights on top of the history; user -1 is new.
 */
export function expectedList(directory: string, user: number, events: [string, number][], limit: number): string[] {
  const model = Artifact.open(directory)
  const tensors = alsTensors(model)
  const weights = new Map<number, number>()
  if (user >= 0) {
    const { indptr, indices, weights: values } = model.history
    for (let at = Number(indptr[user]); at < Number(indptr[user + 1]); at++) weights.set(indices[at], values[at])
  }
  for (const [item, weight] of events) {
    const index = model.items.indexOf(item)
    weights.set(index, (weights.get(index) ?? 0) + weight)
  }
  const factors = (item: number) => [...tensors.items.data.subarray(item * rank, (item + 1) * rank)]
  const system = Array.from({ length: rank }, (_, row) =>
    Array.from({ length: rank + 1 }, (_, column) =>
      row === column ? unobservedWeight * tensors.spectrum[row] + regularization : 0,
    ),
  )
  for (const [item, weight] of weights) {
    const y = factors(item)
    for (let row = 0; row < rank; row++) {
      for (let column = 0; column < rank; column++) system[row][column] += alpha * weight * y[row] * y[column]
      system[row][rank] += alpha * weight * y[row]
    }
  }
  const x = solve(system)
  const score = (item: number) => factors(item).reduce((sum, value, k) => sum + value * x[k], 0)
  const list = [...Array(itemCount).keys()]
    .filter(item => !weights.has(item))
    .sort((a, b) => score(b) - score(a) || a - b)
    .slice(0, limit)
    .map(item => String(model.items.at(item)))
  model.close()
  return list
}

/** The items whose factors make the smallest angle with those of `item`, by looking at all of them. */
export function expectedSimilar(directory: string, item: number, limit: number): { item: string; cosine: number }[] {
  const model = Artifact.open(directory)
  const tensors = alsTensors(model)
  const factors = (at: number) => [...tensors.items.data.subarray(at * rank, (at + 1) * rank)]
  const product = (a: number[], b: number[]) => a.reduce((sum, value, k) => sum + value * b[k], 0)
  const cosine = (a: number[], b: number[]) => product(a, b) / Math.sqrt(product(a, a) * product(b, b))
  const list = [...Array(itemCount).keys()]
    .filter(other => other !== item)
    .map(other => ({ item: String(model.items.at(other)), cosine: cosine(factors(item), factors(other)) }))
    .sort((a, b) => b.cosine - a.cosine)
  model.close()
  return list.slice(0, limit)
}

/** Gauss–Jordan on a positive definite (n × n + 1) system. */
function solve(system: number[][]): number[] {
  for (let pivot = 0; pivot < system.length; pivot++) {
    for (let row = 0; row < system.length; row++) {
      if (row === pivot) continue
      const factor = system[row][pivot] / system[pivot][pivot]
      system[row] = system[row].map((value, column) => value - factor * system[pivot][column])
    }
  }
  return system.map((row, i) => row[system.length] / row[i])
}
