import { join } from 'node:path'
import { saveArtifact } from '../../src/models/artifact/artifact.ts'
import { alsTrainedTensors } from '../../src/models/factors/als/model.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { csrOf } from '../storage/csr-of.ts'

export interface NamedModel {
  /** What the ids of items begin with: `a0`, `a1` and so on. */
  readonly prefix: string
  readonly seed?: number
  readonly items?: number
}

/** Items of each user of {@link writeNamedModel}. */
const historyLength = 4
const [users, factors] = [20, 4]

/**
 * Writes a model of 20 users (`u0` … `u19`) with random factors in no time: its lists make no sense, but they are those
 * that `OpenModel` gives. Takes the place of a model that is at `directory`.
 */
export async function writeNamedModel(
  directory: string,
  { prefix, seed = 1, items = 30 }: NamedModel,
): Promise<string> {
  const random = randomNumbers(seed)
  const histories = Array.from({ length: users }, () => {
    const row = Array<number>(items).fill(0)
    for (let at = 0; at < historyLength; at++) row[Math.floor(random() * items)] = 1
    return row
  })
  const data = `${directory}-data`
  const parts = {
    byUser: csrOf(histories),
    users: Array.from({ length: users }, (_, user) => `u${user}`),
    items: Array.from({ length: items }, (_, item) => `${prefix}${item}`),
  }
  await writeDataset(data, parts, { replace: true })
  const matrix = (rows: number) => ({
    data: Float32Array.from({ length: rows * factors }, () => random() - 0.5),
    rows,
    rank: factors,
    stride: factors,
  })
  const trained = {
    tensors: alsTrainedTensors(matrix(users), matrix(items), Float64Array.of(4, 3, 2, 1)),
    epochs: 1,
    complete: true,
    loss: [0],
  }
  const artifact = { algorithm: 'als', options: { factors }, dataset: Dataset.open(data), trained }
  await saveArtifact(directory, artifact, { replace: true })
  return directory
}

/** A fresh place for models and states. */
export function placesIn(folder: string) {
  return { model: join(folder, 'model'), state: join(folder, 'state') }
}
