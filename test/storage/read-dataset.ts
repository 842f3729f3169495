import { Dataset } from '../../src/storage/dataset.ts'

/** What a worker sees of the dataset at `directory`. */
export function readDataset(directory: string) {
  const dataset = Dataset.open(directory)
  return { indices: [...dataset.byUser.indices], last: dataset.items.at(dataset.items.size - 1) }
}
