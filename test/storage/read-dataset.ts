import { Dataset } from '../../src/storage/dataset.ts'

/** What a worker sees of the dataset at `directory`. */
export function readDataset(directory: string) {
  const { byUser, events, items } = Dataset.open(directory)
  return { indices: [...byUser.indices], events: [...(events?.items ?? [])], last: items.at(items.size - 1) }
}
