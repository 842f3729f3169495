import { join } from 'node:path'
import { native } from '../../../native.ts'
import { type Pool, workerModuleUrl } from '../../../parallel/pool.ts'
import { type Dataset, datasetFiles } from '../../../storage/dataset.ts'
import type { FactorMatrix } from '../../../storage/factors.ts'
import { rowsIn } from '../../../storage/ids.ts'
import { randomNumbers } from '../../../storage/random.ts'
import { alignedArray, sharedArray } from '../../../storage/shared-array.ts'
import type { TrainContext, Trained } from '../../algorithm.ts'
import { trainEpochs } from '../../training/epochs.ts'
import { isWeighted } from '../../weighting/options.ts'
import { allocateBprFactors, type BprFactors, bprTrainedTensors, copyRows } from './factors.ts'
import type { DealArgs, EpochArgs, InitialiseArgs } from './jobs.ts'
import { blocksOf, layOutSamples, type SampleLayout } from './layout.ts'
import { checkMemory } from './memory.ts'
import { bprTensors } from './model.ts'
import type { BprOptions } from './options.ts'

const work = workerModuleUrl('./jobs', import.meta.url)

/** Rows that a worker initialises at a time. */
const rowsInChunk = 1024

/** The mean loss is ln 2 where scores are all alike: from twice that on, the steps do not lead down. */
const diverged = 2 * Math.LN2

/**
 * Factorizes a dataset by Bayesian personalized ranking (crates/kernels/src/bpr). See {@link BprOptions} for what is minimised,
 * `bprTensors` for what the tensors hold. The loss of an epoch is the mean of −ln σ(x) over its samples, each as it was met.
 *
 * The same bits come out for any number of workers, and whether or not the training was interrupted and resumed.
 * Aborting the signal ends the training after the running epoch.
 *
 * @throws RangeError when it does not fit in memory, or when the steps diverge.
 */
export async function trainBpr(dataset: Dataset, options: BprOptions, context: TrainContext): Promise<Trained> {
  const { pool, from, warmStart } = context
  const trainer = new Trainer(dataset, options, pool)
  const { users, items } = trainer.factors
  if (from) {
    const inPlace = (row: number) => row
    copyRows(trainer.factors, bprTensors(from), { users: inPlace, items: inPlace }, { factor: () => 0, bias: () => 0 })
  } else if (warmStart) {
    const random = randomNumbers(options.seed)
    const deviation = options.initialDeviation / Math.sqrt(options.factors)
    const [knownUsers, knownItems] = [rowsIn(warmStart.users, dataset.users), rowsIn(warmStart.items, dataset.items)]
    const rows = { users: (row: number) => knownUsers[row], items: (row: number) => knownItems[row] }
    const factor = () => (random() - 0.5) * Math.sqrt(12) * deviation
    copyRows(trainer.factors, bprTensors(warmStart), rows, { factor, bias: item => trainer.correction(item) })
  } else {
    await trainer.initialise()
  }

  const training = {
    epochs: options.epochs,
    rows: users.rows + items.rows,
    run: (epoch: number) => trainer.epoch(epoch),
    fraction: () => trainer.fraction,
    tensors: () => bprTrainedTensors(trainer.factors),
  }
  return trainEpochs(training, context)
}

/** One training's matrices and the phases that change them. */
class Trainer {
  readonly factors: BprFactors
  readonly #pool: Pool
  readonly #options: BprOptions
  readonly #entries: DealArgs['entries']
  readonly #layout: SampleLayout
  readonly #blocks: number
  readonly #samples: Uint32Array
  readonly #bounds: Uint32Array
  readonly #order: Uint32Array
  readonly #places: Uint32Array
  /** (items) How often each is drawn as a negative, in proportion. Undefined: all alike. */
  readonly #frequencies: Float32Array | undefined
  #turns: Int32Array | undefined

  constructor(dataset: Dataset, options: BprOptions, pool: Pool) {
    const { byUser, byItem, directory } = dataset
    const { factors, biases, popularityExponent } = options
    this.#pool = pool
    this.#options = options
    this.#entries = { file: join(directory, datasetFiles.byUser), columns: byItem.rows }
    this.#layout = layOutSamples(byUser, isWeighted(options))
    const { users, rooms } = this.#layout
    const room = Number(rooms.at(-1))
    const stride = native.factorStride(factors)
    checkMemory({ users: byUser.rows, items: byItem.rows, stride, factors, samples: room })
    this.factors = allocateBprFactors(byUser.rows, byItem.rows, factors, biases === 'item')
    this.#blocks = blocksOf(byItem.rows, stride)
    this.#samples = alignedArray(Uint32Array, 2 * room)
    this.#bounds = sharedArray(Uint32Array, (users.length - 1) * (this.#blocks + 1))
    this.#order = alignedArray(Uint32Array, byItem.rows)
    this.#places = alignedArray(Uint32Array, byItem.rows)
    if (popularityExponent > 0) {
      this.#frequencies = sharedArray(Float32Array, byItem.rows)
      for (let item = 0; item < byItem.rows; item++) {
        const count = Number(byItem.indptr[item + 1] - byItem.indptr[item])
        this.#frequencies[item] = Math.max(1, count) ** popularityExponent
      }
    }
  }

  /** Draws the factors of both sides. Biases are such that only the factors tell what is drawn from what the user has. */
  async initialise(): Promise<void> {
    const { initialDeviation, seed, factors } = this.#options
    const deviation = initialDeviation / Math.sqrt(factors)
    const draw = async (matrix: FactorMatrix, seed: number) => {
      const args: InitialiseArgs = { factors: matrix, chunkRows: rowsInChunk, deviation, seed }
      await this.#pool.phase(work, 'initialise', args)
    }
    await draw(this.factors.users, seed)
    // Others than those of the users.
    await draw(this.factors.items, ~seed >>> 0)
    for (let item = 0; item < this.factors.biases.length; item++) this.factors.biases[item] = this.correction(item)
  }

  /** The part of an item's bias that makes up for how often it is drawn: see crates/kernels/src/bpr/epoch.rs. */
  correction(item: number): number {
    return this.#frequencies ? Math.log(this.#frequencies[item]) : 0
  }

  /** Share of the running epoch that is done. */
  get fraction(): number {
    if (!this.#turns) return 0
    return Math.min(1, Math.max(0, Atomics.load(this.#turns, 0) - 1) / this.#blocks)
  }

  /**
   * Goes over all samples of epoch `epoch`, counted from 0, and gives the mean loss.
   *
   * @throws RangeError when the steps diverge.
   */
  async epoch(epoch: number): Promise<number> {
    const { users, rooms, visits } = this.#layout
    const { users: userFactors, items, biases } = this.factors
    const { seed, learningRate, regularization, instructions } = this.#options
    const to = {
      samples: this.#samples,
      rooms,
      bounds: this.#bounds,
      users,
      order: this.#order,
      places: this.#places,
      blocks: this.#blocks,
      seed,
      epoch,
    }
    await this.#pool.run(work, 'partition', to)
    const dealing: DealArgs = { entries: this.#entries, to, visits }
    await this.#pool.phase(work, 'deal', dealing)
    const tallies = sharedArray(Float64Array, 2 * this.#blocks)
    const turns = sharedArray(Int32Array, users.length)
    this.#turns = turns
    const args: EpochArgs = {
      from: to,
      model: {
        users: userFactors.data,
        items: items.data,
        biases,
        rank: items.rank,
        rate: learningRate,
        regularization,
        ...(this.#frequencies && { frequencies: this.#frequencies }),
        ...(instructions && { simd: instructions }),
      },
      tallies,
      turns,
    }
    await this.#pool.phase(work, 'epoch', args)
    this.#turns = undefined
    // Summed in the order of the blocks, so that the loss too has the same bits however many workers there are.
    let [sum, samples] = [0, 0]
    for (let at = 0; at < tallies.length; at += 2) {
      sum += tallies[at]
      samples += tallies[at + 1]
    }
    const loss = samples > 0 ? sum / samples : 0
    if (loss < diverged) return loss
    throw new RangeError(
      `the training diverged in epoch ${epoch + 1}: the mean loss must be below ${diverged.toFixed(2)}, got ${loss.toFixed(2)}; ` +
        `choose a learning rate (learningRate, --learning-rate) below ${learningRate}` +
        (regularization * learningRate > 0.1 ? `, or a regularization (--regularization) below ${regularization}` : ''),
    )
  }
}
