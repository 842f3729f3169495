import { join } from 'node:path'
import { saveArtifact } from '../../src/models/artifact/artifact.ts'
import { als } from '../../src/models/factors/als/index.ts'
import { alsTrainedTensors } from '../../src/models/factors/als/model.ts'
import { alsOptions } from '../../src/models/factors/als/options.ts'
import type { Csr } from '../../src/storage/csr.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { seeded } from './random.ts'

const [users, items, factors] = [310_000, 480_000, 64]

/**
 * Makes a model that nobody trained, of the size of one of the brunch reads, in `directory`, and gives its path:
 * histories of long-tailed length (median 8) over long-tailed items, and random factors whose coordinates fall in size
 * as those of a trained model do. Ids are whole numbers from 0; `firstId` is that of the first user and the first item.
 */
export async function makeUpModel(
  directory: string,
  { seed, firstId }: { readonly seed: number; readonly firstId: number },
): Promise<string> {
  const random = seeded(seed)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const dataset = join(directory, 'dataset')
  await writeDataset(dataset, {
    byUser: madeUpHistories(random, normal),
    users: ids(users, firstId),
    items: ids(items, firstId),
  })
  const model = join(directory, 'model')
  await saveArtifact(model, {
    algorithm: als.name,
    options: alsOptions.parse({ factors, epochs: 0, regularization: 0.01, unobservedWeight: 0.1 }),
    dataset: Dataset.open(dataset),
    trained: { tensors: madeUpTensors(normal), epochs: 0, complete: true, loss: [] },
  })
  return model
}

function madeUpHistories(random: () => number, normal: () => number): Csr {
  const indptr = new BigUint64Array(users + 1)
  const rows: Uint32Array[] = []
  let pairs = 0
  for (let user = 0; user < users; user++) {
    const wanted = Math.min(2000, Math.ceil(8 * Math.exp(1.5 * normal())))
    const row = new Set<number>()
    for (let n = 0; n < wanted; n++) row.add(Math.floor(items * random() ** 3))
    rows.push(Uint32Array.from(row).sort())
    pairs += row.size
    indptr[user + 1] = BigInt(pairs)
  }
  const indices = new Uint32Array(pairs)
  rows.forEach((row, user) => {
    indices.set(row, Number(indptr[user]))
  })
  return { rows: users, columns: items, indptr, indices, weights: new Float32Array(pairs).fill(1) }
}

function madeUpTensors(normal: () => number) {
  const data = new Float32Array(items * factors)
  const spectrum = new Float64Array(factors)
  for (let item = 0; item < items; item++) {
    const size = (1 + item) ** -0.3
    for (let k = 0; k < factors; k++) {
      const value = Math.fround(normal() * size * (1 + k) ** -0.4)
      data[item * factors + k] = value
      spectrum[k]! += value * value
    }
  }
  const matrix = (rows: number, values: Float32Array) => ({ rows, rank: factors, stride: factors, data: values })
  return alsTrainedTensors(matrix(users, new Float32Array(users * factors)), matrix(items, data), spectrum)
}

function ids(size: number, first: number): BigInt64Array {
  return BigInt64Array.from({ length: size }, (_, row) => BigInt((row + first) % size))
}
