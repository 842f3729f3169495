import type { TaggerShape } from '../../../binding.d.ts'
import { native } from '../../../native.ts'
import { type Pool, workerModuleUrl } from '../../../parallel/pool.ts'
import { randomNumbers, shuffled } from '../../../storage/random.ts'
import { alignedArray, sharedArray } from '../../../storage/shared-array.ts'
import type { ClipFrames } from '../clips/frames.ts'
import type { TaggerOptions } from '../options.ts'
import type { ShardsArgs, StepArgs, Weights } from './jobs.ts'

const work = workerModuleUrl('./jobs', import.meta.url)

/** Of the running means of the moments that predictions are normalised by, how much each step keeps. */
const keptMoments = 0.95

/** What a network has learned, and what its training goes on from. */
export interface TaggerState {
  readonly weights: Weights
  /** By which predictions are normalised. */
  readonly moments: Float32Array
  /** That were done. */
  epochs: number
}

export function initialState(shape: TaggerShape, seed: number): TaggerState {
  const sizes = native.taggerSizes(shape)
  const array = () => alignedArray(Float32Array, sizes.parameters)
  const weights = { parameters: array(), first: array(), second: array(), decays: array() }
  native.taggerInitialise(shape, seed, weights.parameters, weights.decays)
  return { weights, moments: sharedArray(Float32Array, sizes.moments), epochs: 0 }
}

/**
 * Trains the network of a tagger (crates/music/src/network) by AdamW on batches of drawn slices, one of each clip in an epoch.
 *
 * A batch is cut into shards, whatever the number of workers: each is normalised by its own moments (as by "ghost batches", Hoffer et al. 2017),
 * and their gradients are summed in one order. So the same bits come out for any number of workers.
 */
export class TaggerTrainer {
  readonly state: TaggerState
  readonly #shape: TaggerShape
  readonly #clips: ClipFrames
  readonly #options: TaggerOptions
  readonly #pool: Pool
  readonly #memory: Pick<ShardsArgs, 'gradients' | 'moments' | 'losses' | 'batch' | 'seeds'>
  #done = 0

  constructor(shape: TaggerShape, clips: ClipFrames, options: TaggerOptions, pool: Pool, state: TaggerState) {
    this.#shape = shape
    this.#clips = clips
    this.#options = options
    this.#pool = pool
    this.state = state
    const shards = Math.ceil(this.#batchSize / options.shard)
    this.#memory = {
      gradients: alignedArray(Float32Array, shards * state.weights.parameters.length),
      moments: sharedArray(Float32Array, shards * state.moments.length),
      losses: sharedArray(Float64Array, shards),
      batch: sharedArray(Uint32Array, this.#batchSize),
      seeds: sharedArray(Uint32Array, this.#batchSize),
    }
  }

  get clips(): number {
    return this.#clips.starts.length - 1
  }

  /** Share of the running epoch that is done. */
  get fraction(): number {
    return this.#done / this.clips
  }

  get #batchSize(): number {
    return Math.min(this.#options.batch, this.clips)
  }

  /**
   * Goes over all clips once, in random order; gives the mean loss.
   *
   * @throws RangeError when the steps diverge.
   */
  async epoch(): Promise<number> {
    const { state, clips } = this
    const { seed, rate } = this.#options
    const random = randomNumbers(seed + Math.imul(state.epochs + 1, 0x9e37_79b9))
    const order = shuffled(
      Uint32Array.from({ length: clips }, (_, clip) => clip),
      random,
    )
    let loss = 0
    for (let first = 0; first < clips; first += this.#batchSize) {
      const batch = this.#memory.batch.subarray(0, Math.min(this.#batchSize, clips - first))
      batch.set(order.subarray(first, first + batch.length))
      loss += await this.#step(batch, random, first)
      this.#done = first + batch.length
    }
    this.#done = 0
    state.epochs++
    if (Number.isFinite(loss)) return loss / clips
    throw new RangeError(
      `the training diverged in epoch ${state.epochs}: its loss is no number any more; choose a rate (rate, --rate) below ${rate}`,
    )
  }

  /** Gives the sum of the losses of the batch before the step. */
  async #step(batch: Uint32Array, random: () => number, first: number): Promise<number> {
    const { shard, dropout, decay } = this.#options
    const { weights } = this.state
    const { gradients, moments, losses, seeds } = this.#memory
    const count = Math.ceil(batch.length / shard)
    const ofBatch = seeds.subarray(0, batch.length)
    for (let at = 0; at < ofBatch.length; at++) ofBatch[at] = random() * 2 ** 32
    const statistics = this.state.moments.length
    const shards: ShardsArgs = {
      shape: this.#shape,
      clips: this.#clips,
      augmentation: this.#options,
      batch,
      seeds: ofBatch,
      shard,
      dropout,
      parameters: weights.parameters,
      gradients: gradients.subarray(0, count * weights.parameters.length),
      moments: moments.subarray(0, count * statistics),
      losses: losses.subarray(0, count),
    }
    await this.#pool.phase(work, 'shards', shards)
    const steps = Math.ceil(this.clips / this.#batchSize)
    const done = this.state.epochs * steps + Math.floor(first / this.#batchSize)
    const step: StepArgs = {
      weights,
      gradients: shards.gradients,
      adam: { rate: this.#rate((done + 0.5) / (this.#options.epochs * steps)), decay, step: done + 1 },
    }
    await this.#pool.phase(work, 'step', step)
    this.#addMoments(shards.moments, count, done)
    return shards.losses.reduce((sum, loss) => sum + loss, 0)
  }

  /** A line up, then half a cosine down (Loshchilov & Hutter 2017). */
  #rate(done: number): number {
    const { rate, warmup } = this.#options
    return done < warmup
      ? (rate * done) / warmup
      : (rate * (1 + Math.cos((Math.PI * (done - warmup)) / (1 - warmup)))) / 2
  }

  /** Takes the means of the shards' moments into the running ones, which begin with them. */
  #addMoments(moments: Float32Array, shards: number, done: number): void {
    const kept = Math.min(keptMoments, done / (done + 1))
    const running = this.state.moments
    running.forEach((value, at) => {
      let sum = 0
      for (let shard = 0; shard < shards; shard++) sum += moments[shard * running.length + at]!
      running[at] = kept * value + ((1 - kept) * sum) / shards
    })
  }
}
