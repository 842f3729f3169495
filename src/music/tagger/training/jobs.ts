/** Jobs of a tagger's training on worker threads: each call takes shards or ranges from the shared counter until there is none. */
import type { TaggerShape } from '../../../binding.d.ts'
import { native } from '../../../native.ts'
import { melBands } from '../../audio/mel.ts'
import type { ClipFrames } from '../clips/frames.ts'
import { type Augmentation, drawSlice } from './slices.ts'

/** What is learned, and what AdamW keeps of it; all but `moments` (parameters). */
export interface Weights {
  readonly parameters: Float32Array
  readonly first: Float32Array
  readonly second: Float32Array
  readonly decays: Float32Array
}

export interface ShardsArgs {
  readonly shape: TaggerShape
  readonly clips: ClipFrames
  readonly augmentation: Augmentation
  /** Clips of the batch. */
  readonly batch: Uint32Array
  /** The seed of each slice. */
  readonly seeds: Uint32Array
  readonly shard: number
  readonly dropout: number
  readonly parameters: Float32Array
  /** (shards × parameters) */
  readonly gradients: Float32Array
  /** (shards × moments) */
  readonly moments: Float32Array
  /** (shards) Sums of the losses of their slices. */
  readonly losses: Float64Array
}

type Taking<Args> = Args & { readonly next: Int32Array }

/** Forward and backward of the shards of a batch. */
export function shards({ next, ...args }: Taking<ShardsArgs>): void {
  const { shape, clips, augmentation, batch, seeds, shard, dropout, parameters, gradients, moments, losses } = args
  const size = shape.frames * melBands
  const statistics = moments.length / losses.length
  for (let at = take(next); at * shard < batch.length; at = take(next)) {
    const own = batch.subarray(at * shard, (at + 1) * shard)
    const [slices, targets] = [new Float32Array(own.length * size), new Float32Array(own.length * clips.classes)]
    own.forEach((clip, row) => {
      drawSlice(clips, clip, augmentation, seeds[at * shard + row]!, {
        slice: slices.subarray(row * size, (row + 1) * size),
        targets: targets.subarray(row * clips.classes, (row + 1) * clips.classes),
      })
    })
    losses[at] = native.taggerTrain(
      shape,
      parameters,
      { slices, targets, weight: 1 / batch.length, dropout, seed: seeds[at * shard]! },
      gradients.subarray(at * parameters.length, (at + 1) * parameters.length),
      moments.subarray(at * statistics, (at + 1) * statistics),
    )
  }
}

export interface StepArgs {
  readonly weights: Weights
  /** (shards × parameters) */
  readonly gradients: Float32Array
  readonly adam: Parameters<typeof native.adamStep>[0]
}

/** Parameters that are moved at a time. */
const range = 1 << 14

/** One step of AdamW on the sum of the shards' gradients. */
export function step({ next, weights, gradients, adam }: Taking<StepArgs>): void {
  const { length } = weights.parameters
  for (let begin = take(next) * range; begin < length; begin = take(next) * range) {
    native.adamStep(adam, weights, gradients, begin, Math.min(length, begin + range))
  }
}

function take(next: Int32Array): number {
  return Atomics.add(next, 0, 1)
}
