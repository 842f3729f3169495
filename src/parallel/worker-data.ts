import { workerData as data } from 'node:worker_threads'

/** What the pool that this worker belongs to was made with, as `data`. */
export function workerData<Data>(): Data {
  return data as Data
}
