import { type Pool, workerModuleUrl } from '../../../parallel/pool.ts'
import { sharedArray } from '../../../storage/shared-array.ts'
import type { ClipFrames } from '../clips/frames.ts'
import type { TrainedNetwork } from '../tagger.ts'
import type { PredictArgs } from './predict-jobs.ts'

const work = workerModuleUrl('./predict-jobs', import.meta.url)

/** (clips × labels) What a network says of clips, predicted by all workers. */
export async function predictClips(network: TrainedNetwork, clips: ClipFrames, pool: Pool): Promise<Float32Array> {
  const count = clips.starts.length - 1
  const probabilities = sharedArray(Float32Array, count * clips.classes)
  const args: PredictArgs = { network, clips: { ...clips, targets: clips.targets.subarray(0, 0) }, probabilities }
  await pool.phase(work, 'predict', args)
  return probabilities
}
