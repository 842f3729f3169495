import { join } from 'node:path'
import type { ItemInput } from '../../src/catalogue/item.ts'
import { algorithmNamed } from '../../src/models/registry.ts'
import { trainModel } from '../../src/models/training/train.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { csrOf } from '../storage/csr-of.ts'

const users = 60
export const items = 40
export const genres = 4

/** What a catalogue says of the items of {@link writeGenreModels}. */
export const catalogue: readonly ItemInput[] = Array.from({ length: items }, (_, item) => ({
  id: `i${item}`,
  tags: [`genre${item % genres}`],
  title: `Song number ${item}`,
}))

/** An item that no model knows. */
export function fresh(id: string, genre: number): ItemInput {
  return { id, tags: [`genre${genre}`, 'new'], title: `A new song, ${id}` }
}

/** Trains models in `folder`, each at its name, on users (`u0` …) who like the items (`i0` …) of one genre: that of user and item n is n % 4. */
export async function writeGenreModels(folder: string, algorithms: readonly ('als' | 'ease')[]): Promise<void> {
  const random = randomNumbers(4)
  const likes = (user: number, item: number) => random() < (user % genres === item % genres ? 0.6 : 0.05)
  await writeDataset(join(folder, 'data'), {
    byUser: csrOf(
      Array.from({ length: users }, (_, user) => Array.from({ length: items }, (_, item) => Number(likes(user, item)))),
    ),
    users: Array.from({ length: users }, (_, user) => `u${user}`),
    items: Array.from({ length: items }, (_, item) => `i${item}`),
  })
  const pool = new Pool({ threads: 1 })
  const dataset = Dataset.open(join(folder, 'data'))
  for (const name of algorithms) {
    const options = name === 'als' ? { factors: 8 } : {}
    await trainModel(dataset, join(folder, name), algorithmNamed(name), options, { pool })
  }
  dataset.close()
  await pool.close()
}
