import { join } from 'node:path'
import { native } from '../../../native.ts'
import { type Pool, sharedCounter, workerModuleUrl } from '../../../parallel/pool.ts'
import type { Csr } from '../../../storage/csr.ts'
import { type Dataset, datasetFiles } from '../../../storage/dataset.ts'
import { randomNumbers, shuffled } from '../../../storage/random.ts'
import { alignedArray, sharedArray } from '../../../storage/shared-array.ts'
import type { InitialiseArgs, StepArgs } from './jobs.ts'
import { allocateLayers, type Layers, rowsOf } from './layers.ts'
import type { AutoencoderOptions } from './options.ts'
import type { OutputSampler } from './sample.ts'

const work = workerModuleUrl('./jobs', import.meta.url)

/** Rows that a worker initialises at a time. */
const rowsInChunk = 1024

type Batch = StepArgs['batch']

/** What all networks of a training learn from. */
export class Examples {
  readonly dataset: Dataset
  readonly tags: Csr | undefined
  /** Those who have anything to learn from. */
  readonly users: Uint32Array
  /** Users of a step. */
  readonly batch: number
  /** Items and tags of a step at most. */
  readonly longest: number

  constructor(dataset: Dataset, options: AutoencoderOptions) {
    this.dataset = dataset
    this.tags = options.tagWeight > 0 || options.itemsOnly < 1 ? dataset.tags?.byUser : undefined
    const { rows } = dataset.byUser
    this.users = Uint32Array.from({ length: rows }, (_, user) => user).filter(user => this.entriesOf(user) > 0)
    this.batch = Math.max(1, Math.min(options.batch, this.users.length))
    const lengths = this.users.map(user => this.entriesOf(user)).sort()
    this.longest = lengths.subarray(-this.batch).reduce((sum, length) => sum + length, 0)
  }

  get items(): number {
    return this.dataset.byUser.columns
  }

  /** Number of tags. */
  get tagCount(): number {
    return this.tags?.columns ?? 0
  }

  get steps(): number {
    return Math.ceil(this.users.length / this.batch)
  }

  /** Items and tags of a user. */
  entriesOf(user: number): number {
    return countOf(this.dataset.byUser, user) + (this.tags ? countOf(this.tags, user) : 0)
  }
}

/** What a step writes to before it changes the weights: of one network at a time. */
export type StepMemory = Pick<
  Batch,
  'starts' | 'columns' | 'values' | 'counts' | 'hidden' | 'errors' | 'gradients' | 'losses' | 'room'
>

/** @param stride floats of a hidden state; `room` outputs of a step at most. */
export function stepMemory({ batch, longest }: Examples, stride: number, room: number): StepMemory {
  const shard = native.autoencoderShard()
  const shards = Math.ceil(batch / shard)
  return {
    starts: sharedArray(Uint32Array, batch + 1),
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

export interface NetworkParts {
  readonly examples: Examples
  readonly memory: StepMemory
  readonly sampler: OutputSampler | undefined
  readonly pool: Pool
}

/** One network's weights, and the steps that change them. */
export class Network {
  readonly layers: Layers
  readonly #options: AutoencoderOptions
  readonly #parts: NetworkParts
  readonly #seed: number
  #fraction = 0

  constructor(options: AutoencoderOptions, factors: number, seed: number, parts: NetworkParts) {
    const { items, tagCount } = parts.examples
    this.layers = allocateLayers(items, tagCount, factors)
    this.#options = options
    this.#parts = parts
    this.#seed = seed
  }

  /** Draws the weights. Biases of outputs begin as the logarithms of how many have them, that of the hidden layer at 0. */
  async initialise(): Promise<void> {
    const { initialDeviation: deviation, itemsOnly } = this.#options
    const { items, tags, factors, inputs, outputs } = this.layers
    const { pool, examples } = this.#parts
    const draw = async ({ vectors }: Layers['inputs'], rows: number, seed: number) => {
      const args: InitialiseArgs = { factors: rowsOf(vectors, 0, rows), chunkRows: rowsInChunk, deviation, seed }
      await pool.phase(work, 'initialise', args)
      // The place of a bias.
      for (let row = 0; row < rows; row++) vectors.data[row * vectors.stride + factors] = 0
    }
    // Tags that no user shows in training stay at 0.
    await draw(inputs, itemsOnly < 1 ? items + tags : items, this.#seed)
    // Others than those of the inputs.
    await draw(outputs, items + tags, ~this.#seed >>> 0)
    const { data, stride } = outputs.vectors
    for (const [first, matrix] of [
      [0, examples.dataset.byUser],
      [items, examples.tags],
    ] as const) {
      if (!matrix) continue
      columnCounts(matrix).forEach((count, column) => {
        data[(first + column) * stride + factors] = Math.log(Math.max(1, count) / matrix.indices.length)
      })
    }
  }

  /** Share of the running epoch that is done. */
  get fraction(): number {
    return this.#fraction
  }

  /**
   * Goes over all users once; gives the mean loss.
   *
   * @param epoch counted from 0.
   * @param step steps that the running means have had.
   */
  async epoch(epoch: number, step: number): Promise<number> {
    const { users, batch } = this.#parts.examples
    const order = sharedArray(Uint32Array, users.length)
    order.set(users)
    shuffled(order, randomNumbers(this.#seed + epoch * 0x9e37_79b9))
    let sum = 0
    for (let first = 0; first < order.length; first += batch) {
      const some = order.subarray(first, first + batch)
      sum += some.length * (await this.#step(some, epoch, step + first / batch + 1, first))
      this.#fraction = Math.min(1, (first + batch) / order.length)
    }
    this.#fraction = 0
    return sum / Math.max(1, order.length)
  }

  /** Gives the mean loss of the batch before the step. */
  async #step(users: Uint32Array, epoch: number, step: number, first: number): Promise<number> {
    const { examples, memory, sampler, pool } = this.#parts
    const { directory } = examples.dataset
    const starts = memory.starts.subarray(0, users.length + 1)
    users.forEach((user, at) => {
      starts[at + 1] = starts[at]! + examples.entriesOf(user) + 1
    })
    const sample = sampler?.draw(users, this.#seed + epoch * 0x85eb_ca6b + first)
    const { items, tags, factors, inputs, outputs } = this.layers
    const args: StepArgs = {
      byUser: { file: join(directory, datasetFiles.byUser), columns: items },
      ...(examples.tags && { userTags: { file: join(directory, datasetFiles.userTags), columns: tags } }),
      batch: {
        items,
        tags,
        factors,
        inputs: weightsOf(inputs),
        outputs: weightsOf(outputs),
        users,
        ...memory,
        starts,
        ...sample,
        objective: this.#objective(epoch, step),
        ...(this.#options.instructions && { simd: this.#options.instructions }),
      },
    }
    for (const phase of ['forward', 'update']) await pool.phase(work, phase, args, sharedCounter())
    // Summed in the order of the shards, so that the loss too has the same bits however many workers there are.
    const shards = Math.ceil(users.length / native.autoencoderShard())
    return memory.losses.subarray(0, shards).reduce((sum, loss) => sum + loss, 0)
  }

  /** The share of the first learning rate that a step has: it falls in a line, and the last step has little of it. */
  #remaining(epoch: number): number {
    return Math.max(0.01, 1 - (epoch + this.#fraction) / Math.max(1, this.#options.epochs))
  }

  #objective(epoch: number, step: number): Batch['objective'] {
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
      seed: this.#seed,
      epoch,
      step,
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
export function columnCounts({ columns, indices }: Csr): Uint32Array {
  const counts = new Uint32Array(columns)
  for (const column of indices) counts[column]! += 1
  return counts
}
