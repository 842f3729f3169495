/** Jobs that predict clips whose frames are in memory, on worker threads. */
import { melBands } from '../../audio/mel.ts'
import type { ClipFrames } from '../clips/frames.ts'
import { predictClip, type TrainedNetwork } from '../tagger.ts'

export interface PredictArgs {
  readonly network: TrainedNetwork
  readonly clips: ClipFrames
  /** (clips × classes) */
  readonly probabilities: Float32Array
}

/** Takes clips from the shared counter until there is none. */
export function predict({ next, network, clips, probabilities }: PredictArgs & { readonly next: Int32Array }): void {
  const { values, starts, classes } = clips
  for (let clip = Atomics.add(next, 0, 1); clip < starts.length - 1; clip = Atomics.add(next, 0, 1)) {
    const own = values.subarray(starts[clip]! * melBands, starts[clip + 1]! * melBands)
    probabilities.set(predictClip(network, own).probabilities, clip * classes)
  }
}
