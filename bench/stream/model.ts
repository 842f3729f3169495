import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { saveModel } from '../../src/models/model.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { seeded } from './random.ts'

const root = join(import.meta.dirname, '../..')
const brunch = join(root, '../shared/data/brunch/reads.parquet')

/**
 * The directory of the model that the bench serves: `given`; or one of rank 64 trained on the brunch reads, where they
 * are; or else a made-up one of the same size. What is made is made in `directory`.
 */
export async function streamModel(given: string | undefined, directory: string): Promise<string> {
  if (given !== undefined) return given
  const [dataset, model] = [join(directory, 'dataset'), join(directory, 'model')]
  if (!existsSync(brunch)) {
    process.stderr.write(`${brunch} is not there: serving a made-up model of its size\n`)
    await makeUp(dataset, model)
    return model
  }
  process.stderr.write(`training on ${brunch}\n`)
  aurochs('import', brunch, '--user', 'user', '--item', 'item', '--out', dataset)
  aurochs('train', dataset, '--model', 'als', '--factors', '64', '--epochs', '8', '--out', model)
  return model
}

function aurochs(...args: string[]): void {
  const { status } = spawnSync(process.execPath, [join(root, 'src/cli/main.ts'), ...args], { stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error(`aurochs ${args.join(' ')} ended with ${status}`)
}

const [users, items, rank] = [310_000, 480_000, 64]

/**
 * A model that nobody trained: histories of long-tailed length (median 8) over long-tailed items, and random factors
 * whose coordinates fall in size as those of a trained model do.
 */
async function makeUp(dataset: string, model: string): Promise<void> {
  const random = seeded(1)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const indptr = new BigUint64Array(users + 1)
  const rows: Uint32Array[] = []
  for (let user = 0; user < users; user++) {
    const wanted = Math.min(2000, Math.ceil(8 * Math.exp(1.5 * normal())))
    const row = new Set<number>()
    for (let n = 0; n < wanted; n++) row.add(Math.floor(items * random() ** 3))
    rows.push(Uint32Array.from(row).sort())
    indptr[user + 1] = indptr[user] + BigInt(row.size)
  }
  const indices = new Uint32Array(Number(indptr[users]))
  rows.forEach((row, user) => {
    indices.set(row, Number(indptr[user]))
  })
  await writeDataset(dataset, {
    byUser: { rows: users, columns: items, indptr, indices, weights: new Float32Array(indices.length).fill(1) },
    users: BigInt64Array.from({ length: users }, (_, user) => BigInt(user)),
    items: BigInt64Array.from({ length: items }, (_, item) => BigInt(item)),
  })

  const factors = new Float32Array(items * rank)
  const spectrum = new Float64Array(rank)
  for (let item = 0; item < items; item++) {
    const size = (1 + item) ** -0.3
    for (let k = 0; k < rank; k++) {
      const value = Math.fround(normal() * size * (1 + k) ** -0.4)
      factors[item * rank + k] = value
      spectrum[k] += value * value
    }
  }
  await saveModel(model, {
    ...{ kind: 'als', rank, spectrum, epochs: 0, loss: [] },
    options: { factors: rank, epochs: 0, regularization: 0.01, unobservedWeight: 0.1 },
    users: { data: new Float32Array(users * rank), stride: rank },
    items: { data: factors, stride: rank },
    dataset: Dataset.open(dataset),
  })
}
