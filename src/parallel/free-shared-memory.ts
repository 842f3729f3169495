import { takeBytesMade } from '../storage/shared-array.ts'
import { collectGarbage } from './garbage.ts'
import { type Pool, workerModuleUrl } from './pool.ts'

const work = workerModuleUrl('./garbage', import.meta.url)

/** Bytes of shared arrays that were made since the last time, from which it is worth the while. */
const enough = 2 ** 28

let bytes = 0

/**
 * Frees the shared arrays that nobody uses any more, where many were made. V8 does not count their memory: as long as its own heap is
 * small, as it is in trainings, it would keep them, here and in the workers that had them, until there is no memory left.
 */
export async function freeSharedMemory(pool: Pool): Promise<void> {
  bytes += takeBytesMade()
  if (bytes < enough) return
  bytes = 0
  collectGarbage()
  await pool.phase(work, 'collectGarbage', {})
}
