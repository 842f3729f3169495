import { join } from 'node:path'
import { type ModelParts, saveModel } from '../../src/models/model.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { csrOf } from '../storage/csr-of.ts'
import { freshFolder } from '../storage/folder.ts'

/** What {@link smallModel} learned from: ada has read 30, 10 and 20, bo 30 and 20; nobody has read 40. */
export const byUser = csrOf([
  [1, 2, 3, 0],
  [4, 0, 5, 0],
])

/** A model of two users and four items with factors that one can check by hand, saved in a fresh folder. */
export async function smallModel(): Promise<{
  folder: string
  directory: string
  dataset: Dataset
  parts: ModelParts
}> {
  const folder = freshFolder()
  await writeDataset(join(folder, 'data'), { byUser, users: ['ada', 'bo'], items: [30, 10, 20, 40] })
  const dataset = Dataset.open(join(folder, 'data'))
  const parts: ModelParts = {
    kind: 'als',
    rank: 2,
    // Rows of two, padded to three and four.
    users: { data: Float32Array.of(1, 0.5, 0, 0.25, 1, 0), stride: 3 },
    items: { data: Float32Array.of(3, 0, 0, 0, 4, 3, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0), stride: 4 },
    spectrum: Float64Array.of(25, 13),
    options: { factors: 2, epochs: 3, seed: 7 },
    dataset,
    epochs: 3,
    loss: [9, 8.5, 8.25],
    metrics: { 'recall@20': 0.25 },
  }
  const directory = join(folder, 'model')
  await saveModel(directory, parts)
  return { folder, directory, dataset, parts }
}
