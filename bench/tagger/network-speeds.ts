import type { TaggerShape } from '../../src/binding.d.ts'
import { melBands } from '../../src/music/audio/mel.ts'
import { quietest } from '../../src/music/tagger/clips/frames.ts'
import { taggerOptions } from '../../src/music/tagger/options.ts'
import { predictClips } from '../../src/music/tagger/training/predict.ts'
import { initialState, TaggerTrainer } from '../../src/music/tagger/training/trainer.ts'
import type { Pool } from '../../src/parallel/pool.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { sharedArray } from '../../src/storage/shared-array.ts'

/** Slices a second of a tagger's network. */
export interface NetworkSpeeds {
  /** Slices drawn, forward, backward, and steps of AdamW. */
  readonly train: number
  readonly predict: number
}

const count = 256

/** Measures a network for so many seconds each on made-up clips, each as long as a slice. */
export async function networkSpeeds(shape: TaggerShape, pool: Pool, seconds: number): Promise<NetworkSpeeds> {
  const random = randomNumbers(1)
  const values = sharedArray(Float32Array, count * shape.frames * melBands)
  for (let at = 0; at < values.length; at++) values[at] = 2 * random() - 1
  const starts = sharedArray(Uint32Array, count + 1)
  const targets = sharedArray(Float32Array, count * shape.classes)
  for (let clip = 0; clip < count; clip++) {
    starts[clip + 1] = (clip + 1) * shape.frames
    targets[clip * shape.classes + (clip % shape.classes)] = 1
  }
  const scale = sharedArray(Float32Array, melBands).fill(1)
  const clips = { values, starts, targets, classes: shape.classes, silence: quietest, scale }
  const options = taggerOptions.parse({ frames: shape.frames, batch: 32, shard: 16, epochs: 100_000 })
  const state = initialState(shape, 1)
  const trainer = new TaggerTrainer(shape, clips, options, pool, state)
  const train = await rate(seconds, () => trainer.epoch())
  const network = { shape, parameters: state.weights.parameters, moments: state.moments }
  const predict = await rate(seconds, () => predictClips(network, clips, pool))
  return { train, predict }
}

async function rate(seconds: number, round: () => Promise<unknown>): Promise<number> {
  await round()
  const begun = performance.now()
  let done = 0
  for (; performance.now() - begun < seconds * 1000; done += count) await round()
  return done / ((performance.now() - begun) / 1000)
}
