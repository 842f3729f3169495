import { join } from 'node:path'
import { splitByCost } from '../../../parallel/chunks.ts'
import { type Pool, sharedCounter, workerModuleUrl } from '../../../parallel/pool.ts'
import { type Dataset, datasetFiles } from '../../../storage/dataset.ts'
import { allocateFactors, type FactorMatrix, setUnpadded } from '../../../storage/factors.ts'
import { rowsIn } from '../../../storage/ids.ts'
import { randomNumbers } from '../../../storage/random.ts'
import { sharedArray } from '../../../storage/shared-array.ts'
import type { TrainContext, Trained } from '../../algorithm.ts'
import { trainEpochs } from '../../training/epochs.ts'
import { Eigenbasis } from './eigenbasis.ts'
import type { HalfStepArgs } from './jobs.ts'
import { alsTensors, alsTrainedTensors } from './model.ts'
import { type AlsOptions, alsObjective } from './options.ts'

const work = workerModuleUrl('./jobs', import.meta.url)

/** Chunks of the rows of a half-step: a row costs about what four entries do. */
export function halfStepBounds(indptr: BigUint64Array): Uint32Array {
  return splitByCost(indptr, 512, 4)
}

/**
 * Factorizes a dataset by alternating least squares (Hu, Koren & Volinsky 2008; solver and basis in
 * crates/kernels/src/als). See {@link AlsOptions} for what is minimised, {@link alsTensors} for what the tensors hold.
 *
 * The same bits come out for any number of workers, and whether or not the training was interrupted and resumed.
 * Aborting the signal ends the training after the running epoch.
 */
export async function trainAls(dataset: Dataset, options: AlsOptions, context: TrainContext): Promise<Trained> {
  const { pool, from, warmStart } = context
  const users = allocateFactors(dataset.byUser.rows, options.factors)
  const items = allocateFactors(dataset.byItem.rows, options.factors)
  const trainer = new Trainer(dataset, options, pool, users, items)
  if (from) {
    const tensors = alsTensors(from)
    setUnpadded(users, tensors.users.data)
    setUnpadded(items, tensors.items.data)
    trainer.basis.spectrum = tensors.spectrum.slice()
  } else if (warmStart) {
    const tensors = alsTensors(warmStart)
    const random = randomNumbers(options.seed)
    const deviation = options.initialDeviation / Math.sqrt(options.factors)
    const draw = () => (random() - 0.5) * Math.sqrt(12) * deviation
    copyKnownRows(tensors.users.data, rowsIn(warmStart.users, dataset.users), users, draw)
    copyKnownRows(tensors.items.data, rowsIn(warmStart.items, dataset.items), items, draw)
    await trainer.begin()
  } else {
    await trainer.initialise()
  }

  const training = {
    epochs: options.epochs,
    rows: users.rows + items.rows,
    run: () => trainer.epoch(),
    fraction: () => trainer.fraction,
    tensors: () => alsTrainedTensors(users, items, trainer.basis.spectrum),
  }
  return trainEpochs(training, context)
}

/**
 * Copies rows of a matrix without padding to `to`, whose rows have the places `from`. The others are drawn: users and items at 0
 * that have each other alone would stay there.
 */
function copyKnownRows(data: Float32Array, from: Int32Array, to: FactorMatrix, draw: () => number): void {
  from.forEach((source, row) => {
    if (source >= 0) to.data.set(data.subarray(source * to.rank, (source + 1) * to.rank), row * to.stride)
    else for (let k = 0; k < to.rank; k++) to.data[row * to.stride + k] = draw()
  })
}

type Side = 'byUser' | 'byItem'

/** One training's matrices and the phases that change them. Between epochs both sides are in the items' eigenbasis. */
class Trainer {
  readonly basis: Eigenbasis
  readonly #pool: Pool
  readonly #options: AlsOptions
  readonly #dataset: Dataset
  readonly #users: FactorMatrix
  readonly #items: FactorMatrix
  readonly #bounds: Record<Side, Uint32Array>
  #running: { readonly next: Int32Array; readonly bounds: Uint32Array; readonly side: Side } | undefined

  constructor(dataset: Dataset, options: AlsOptions, pool: Pool, users: FactorMatrix, items: FactorMatrix) {
    this.#dataset = dataset
    this.#options = options
    this.#pool = pool
    this.#users = users
    this.#items = items
    this.basis = new Eigenbasis(pool, { users, items, instructions: options.instructions })
    this.#bounds = { byUser: halfStepBounds(dataset.byUser.indptr), byItem: halfStepBounds(dataset.byItem.indptr) }
  }

  /** Users are drawn at random; one conjugate-gradient step makes items of them, and the first half-step users again. */
  async initialise(): Promise<void> {
    const { initialDeviation, seed, factors } = this.#options
    await this.basis.rows('initialise', this.#users, { deviation: initialDeviation / Math.sqrt(factors), seed })
    await this.basis.rotateTo(this.#users)
    await this.#solve('byItem', this.#items, this.#users, 1)
    this.#users.data.fill(0)
    await this.basis.rotateTo(this.#items)
  }

  /** Begins with factors that are there. */
  begin(): Promise<void> {
    return this.basis.rotateTo(this.#items)
  }

  /** Solves users, then items; gives the loss (see {@link AlsOptions}), exact for the factors as they then are. */
  async epoch(): Promise<number> {
    const byUser = await this.#solve('byUser', this.#users, this.#items)
    await this.basis.rotateTo(this.#users)
    const byItem = await this.#solve('byItem', this.#items, this.#users)
    await this.basis.rotateTo(this.#items)
    this.#running = undefined
    // The items' half-step sees every pair; of the users' only their regularisation is not in it.
    return byItem.fit + byUser.regularization
  }

  /** Share of the running epoch that is done: users are the first half. */
  get fraction(): number {
    if (!this.#running) return 0
    const { next, bounds, side } = this.#running
    const done = Math.min(1, Atomics.load(next, 0) / Math.max(1, bounds.length - 1))
    return side === 'byUser' ? done / 2 : 0.5 + done / 2
  }

  async #solve(side: Side, solved: FactorMatrix, fixed: FactorMatrix, steps = this.#options.steps) {
    const bounds = this.#bounds[side]
    const lossTerms = sharedArray(Float64Array, 2 * Math.max(1, bounds.length - 1))
    const next = sharedCounter()
    this.#running = { next, bounds, side }
    if (solved.rows > 0) {
      const args: HalfStepArgs = {
        entries: { file: join(this.#dataset.directory, datasetFiles[side]), columns: fixed.rows },
        fixed,
        solved,
        bounds,
        lossTerms,
        spectrum: this.basis.spectrum,
        objective: alsObjective(this.#options),
        steps: this.#options.solver === 'exact' ? undefined : steps,
        instructions: this.#options.instructions,
      }
      await this.#pool.phase(work, 'halfStep', args, next)
    }
    // Summed in the order of the chunks, so that the loss too has the same bits however many workers there are.
    let fit = 0
    let regularization = 0
    for (let chunk = 0; chunk < lossTerms.length; chunk += 2) {
      fit += lossTerms[chunk]
      regularization += lossTerms[chunk + 1]
    }
    return { fit, regularization }
  }
}
