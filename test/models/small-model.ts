import { join } from 'node:path'
import { Artifact, type ArtifactParts, recordMetrics, saveArtifact } from '../../src/models/artifact/artifact.ts'
import { alsTrainedTensors } from '../../src/models/factors/als/model.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { csrOf } from '../storage/csr-of.ts'
import { freshFolder } from '../storage/folder.ts'

/** What {@link smallModel} was trained on: ada has 30, 10 and 20, bo 30 and 20; nobody has 40. */
export const byUser = csrOf([
  [1, 2, 3, 0],
  [3, 0, 1, 0],
])

/**
 * A model of two users and four items, saved in a fresh folder, whose lists can be computed by hand. The columns of the
 * items' factors are orthogonal, with a Gramian of 6 on the diagonal; so with α₀ = ½ and λ = 1, bo's vector solves
 *
 *     (4 + 3·2², 4 + 1·2²) x = (3·2, 1·2),  x = (0.375, 0.25)
 *
 * and ada's, by the same equations, is (7, 9) / 22.
 */
export async function smallModel(): Promise<{
  folder: string
  directory: string
  dataset: Dataset
  parts: ArtifactParts
}> {
  const folder = freshFolder()
  await writeDataset(join(folder, 'data'), { byUser, users: ['ada', 'bo'], items: [30, 10, 20, 40] })
  const dataset = Dataset.open(join(folder, 'data'))
  const parts: ArtifactParts = {
    algorithm: 'als',
    options: {
      factors: 2,
      epochs: 3,
      seed: 7,
      alpha: 1,
      unobservedWeight: 0.5,
      regularization: 1,
      frequencyExponent: 0,
    },
    dataset,
    trained: {
      // Rows of two, padded to three and four with what must not be read.
      tensors: alsTrainedTensors(
        { rows: 2, rank: 2, stride: 3, data: Float32Array.of(1, 0.5, 9, 0.25, 1, 9) },
        { rows: 4, rank: 2, stride: 4, data: Float32Array.of(2, 0, 9, 9, 1, 1, 9, 9, 0, 2, 9, 9, 1, -1, 9, 9) },
        Float64Array.of(6, 6),
      ),
      epochs: 3,
      complete: true,
      loss: [9, 8.5, 8.25],
    },
  }
  const directory = join(folder, 'model')
  await saveArtifact(directory, parts)
  await recordMetrics(Artifact.open(directory), { 'recall@20': 0.25 })
  return { folder, directory, dataset, parts }
}
