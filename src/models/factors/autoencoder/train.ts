import { join } from 'node:path'
import { native } from '../../../native.ts'
import { type Pool, sharedCounter, workerModuleUrl } from '../../../parallel/pool.ts'
import type { Csr } from '../../../storage/csr.ts'
import { type Dataset, datasetFiles } from '../../../storage/dataset.ts'
import { setUnpadded } from '../../../storage/factors.ts'
import { randomNumbers, shuffled } from '../../../storage/random.ts'
import { alignedArray, sharedArray } from '../../../storage/shared-array.ts'
import type { TrainContext, Trained } from '../../algorithm.ts'
import { trainEpochs } from '../../training/epochs.ts'
import type { InitialiseArgs, StepArgs } from './jobs.ts'
import { allocateLayers, type Layers, layerTensors, momentNames, momentsOf, rowsOf, setTensors } from './layers.ts'
import { checkMemory } from './memory.ts'
import { autoencoderTensors } from './model.ts'
import { type AutoencoderOptions, isSampled } from './options.ts'
import { OutputSampler } from './sample.ts'

const work = workerModuleUrl('./jobs', import.meta.url)

/** Rows that a worker initialises at a time. */
const rowsInChunk = 1024

/**
 * Trains a denoising autoencoder (crates/kernels/src/autoencoder), which says what is minimised. The loss of an epoch is the mean
 * over its users, each as it was met.
 *
 * The same bits come out for any number of workers, and whether or not the training was interrupted and resumed. A model that had
 * come to its end goes on to more epochs with running means that begin anew. Aborting the signal ends the training after the running epoch.
 *
 * @throws RangeError when it does not fit in memory, or when the steps diverge.
 */
export async function trainAutoencoder(
  dataset: Dataset,
  options: AutoencoderOptions,
  context: TrainContext,
): Promise<Trained> {
  const { pool, from } = context
  const trainer = new Trainer(dataset, options, pool)
  if (from) trainer.goOn(autoencoderTensors(from), from.manifest.epochs)
  else await trainer.initialise()
  let epochs = from?.manifest.epochs ?? 0
  const training = {
    epochs: options.epochs,
    rows: dataset.byUser.rows,
    run: async (epoch: number) => {
      const loss = await trainer.epoch(epoch)
      epochs = epoch + 1
      return loss
    },
    fraction: () => trainer.fraction,
    tensors: () => layerTensors(trainer.layers, epochs >= options.epochs),
  }
  return trainEpochs(training, context)
}

type Tensors = ReturnType<typeof autoencoderTensors>
type Batch = StepArgs['batch']

/** One training's weights, and the steps that change them. */
class Trainer {
  readonly layers: Layers
  readonly #pool: Pool
  readonly #options: AutoencoderOptions
  readonly #dataset: Dataset
  readonly #tags: Csr | undefined
  /** Those who have anything to learn from. */
  readonly #users: Uint32Array
  readonly #sampler: OutputSampler | undefined
  readonly #memory: Pick<Batch, 'columns' | 'values' | 'counts' | 'hidden' | 'errors' | 'gradients' | 'losses' | 'room'>
  readonly #starts: Uint32Array
  /** Steps that the running means have had. */
  #steps = 0
  #fraction = 0

  constructor(dataset: Dataset, options: AutoencoderOptions, pool: Pool) {
    const { byUser } = dataset
    this.#dataset = dataset
    this.#options = options
    this.#pool = pool
    this.#tags = options.tagWeight > 0 || options.itemsOnly < 1 ? dataset.tags?.byUser : undefined
    const entries = (user: number) => this.#entriesOf(user)
    this.#users = Uint32Array.from({ length: byUser.rows }, (_, user) => user).filter(user => entries(user) > 0)
    const batch = Math.max(1, Math.min(options.batch, this.#users.length))
    const lengths = this.#users.map(entries).sort()
    const longest = lengths.subarray(-batch).reduce((sum, length) => sum + length, 0)
    const [items, tags] = [byUser.columns, this.#tags?.columns ?? 0]
    if (isSampled(options, items + tags)) {
      const kinds = [byUser, ...(this.#tags ? [this.#tags] : [])].map(byUser => ({
        byUser,
        counts: columnCounts(byUser),
      }))
      this.#sampler = new OutputSampler(kinds, options.samples, longest)
    }
    const room = this.#sampler?.room ?? items + tags
    const { factors } = options
    const [shard, stride] = [native.autoencoderShard(), native.factorStride(factors + 1)]
    const shards = Math.ceil(batch / shard)
    checkMemory({ items, tags, factors, stride, users: shards * shard, room })
    this.layers = allocateLayers(items, tags, factors)
    this.#starts = sharedArray(Uint32Array, batch + 1)
    this.#memory = {
      columns: sharedArray(Uint32Array, longest + batch),
      values: sharedArray(Float32Array, longest + batch),
      counts: sharedArray(Uint32Array, batch),
      hidden: alignedArray(Float32Array, shards * shard * stride),
      errors: alignedArray(Float32Array, shards * shard * stride),
      gradients: alignedArray(Float32Array, shards * shard * room),
      losses: sharedArray(Float64Array, shards),
      room,
    }
  }

  /** Draws the weights. Biases of outputs begin as the logarithms of how many have them, that of the hidden layer at 0. */
  async initialise(): Promise<void> {
    const { initialDeviation: deviation, seed, factors, itemsOnly } = this.#options
    const { items, tags, inputs, outputs } = this.layers
    const draw = async ({ vectors }: Layers['inputs'], rows: number, seed: number) => {
      const args: InitialiseArgs = { factors: rowsOf(vectors, 0, rows), chunkRows: rowsInChunk, deviation, seed }
      await this.#pool.phase(work, 'initialise', args)
      // The place of a bias.
      for (let row = 0; row < rows; row++) vectors.data[row * vectors.stride + factors] = 0
    }
    // Tags that no user shows in training stay at 0.
    await draw(inputs, itemsOnly < 1 ? items + tags : items, seed)
    // Others than those of the inputs.
    await draw(outputs, items + tags, ~seed >>> 0)
    const { data, stride } = outputs.vectors
    for (const [first, matrix] of [
      [0, this.#dataset.byUser],
      [items, this.#tags],
    ] as const) {
      if (!matrix) continue
      columnCounts(matrix).forEach((count, column) => {
        data[(first + column) * stride + factors] = Math.log(Math.max(1, count) / matrix.indices.length)
      })
    }
  }

  /** Takes the weights of a model of the same dataset, and its running means where it was not complete. */
  goOn(tensors: Tensors, epochs: number): void {
    setTensors(this.layers, tensors)
    if (!tensors.moments) return
    const moments = momentsOf(this.layers)
    momentNames.forEach((name, at) => {
      setUnpadded(moments[name], tensors.moments![at]!.data)
    })
    this.#steps = epochs * this.#batches
  }

  /** Share of the running epoch that is done. */
  get fraction(): number {
    return this.#fraction
  }

  /** Items and tags of a user. */
  #entriesOf(user: number): number {
    return countOf(this.#dataset.byUser, user) + (this.#tags ? countOf(this.#tags, user) : 0)
  }

  get #batches(): number {
    return Math.ceil(this.#users.length / this.#options.batch)
  }

  /**
   * Goes over all users once; gives the mean loss.
   *
   * @param epoch counted from 0.
   * @throws RangeError when the steps diverge.
   */
  async epoch(epoch: number): Promise<number> {
    const { batch, seed, learningRate } = this.#options
    const order = sharedArray(Uint32Array, this.#users.length)
    order.set(this.#users)
    shuffled(order, randomNumbers(seed + epoch * 0x9e37_79b9))
    let sum = 0
    for (let first = 0; first < order.length; first += batch) {
      const users = order.subarray(first, first + batch)
      sum += users.length * (await this.#step(users, epoch, seed + epoch * 0x85eb_ca6b + first))
      this.#fraction = Math.min(1, (first + batch) / order.length)
    }
    this.#fraction = 0
    const loss = sum / Math.max(1, order.length)
    if (Number.isFinite(loss)) return loss
    throw new RangeError(
      `the training diverged in epoch ${epoch + 1}: its loss is no number any more; choose a learning rate (learningRate, --learning-rate) below ${learningRate}`,
    )
  }

  /** Gives the mean loss of the batch before the step. */
  async #step(users: Uint32Array, epoch: number, sampleSeed: number): Promise<number> {
    const { directory } = this.#dataset
    this.#steps++
    const starts = this.#starts.subarray(0, users.length + 1)
    users.forEach((user, at) => {
      starts[at + 1] = starts[at]! + this.#entriesOf(user) + 1
    })
    const sample = this.#sampler?.draw(users, sampleSeed)
    const args: StepArgs = {
      byUser: { file: join(directory, datasetFiles.byUser), columns: this.layers.items },
      ...(this.#tags && { userTags: { file: join(directory, datasetFiles.userTags), columns: this.layers.tags } }),
      batch: {
        items: this.layers.items,
        tags: this.layers.tags,
        factors: this.#options.factors,
        inputs: weightsOf(this.layers.inputs),
        outputs: weightsOf(this.layers.outputs),
        users,
        starts,
        ...this.#memory,
        ...sample,
        objective: this.#objective(epoch),
        ...(this.#options.instructions && { simd: this.#options.instructions }),
      },
    }
    for (const phase of ['forward', 'update']) await this.#pool.phase(work, phase, args, sharedCounter())
    // Summed in the order of the shards, so that the loss too has the same bits however many workers there are.
    const shards = Math.ceil(users.length / native.autoencoderShard())
    return this.#memory.losses.subarray(0, shards).reduce((sum, loss) => sum + loss, 0)
  }

  /** The share of the first learning rate that a step has: it falls in a line, and the last step has little of it. */
  #remaining(epoch: number): number {
    return Math.max(0.01, 1 - (epoch + this.#fraction) / Math.max(1, this.#options.epochs))
  }

  #objective(epoch: number): Batch['objective'] {
    const {
      corruption,
      corruptionSpread,
      dropout,
      itemsOnly,
      tagsOnly,
      tagWeight,
      lengthExponent,
      targets,
      learningRate,
      decay,
      seed,
    } = this.#options
    return {
      corruption,
      corruptionSpread,
      dropout,
      itemsOnly,
      tagsOnly,
      tagWeight,
      lengthExponent,
      hiddenOnly: targets === 'hidden',
      rate: learningRate * this.#remaining(epoch),
      decay,
      seed,
      epoch,
      step: this.#steps,
    }
  }
}

function weightsOf({ vectors, means, squares }: Layers['inputs']): Batch['inputs'] {
  return { vectors: vectors.data, means: means.data, squares: squares.data }
}

function countOf({ indptr }: Csr, row: number): number {
  return Number(indptr[row + 1]! - indptr[row]!)
}

/** (columns) How many entries each has. */
function columnCounts({ columns, indices }: Csr): Uint32Array {
  const counts = new Uint32Array(columns)
  for (const column of indices) counts[column]! += 1
  return counts
}
