import { join } from 'node:path'
import { native } from '../../native.ts'
import { splitByCost } from '../../parallel/chunks.ts'
import { chunkCounter, jobs, type Pool } from '../../parallel/pool.ts'
import { type Dataset, datasetFiles } from '../../storage/dataset.ts'
import { allocateFactors, type FactorMatrix, setUnpadded } from '../../storage/factors.ts'
import type { HalfStepArgs } from './jobs.ts'
import { type AlsOptions, alsObjective } from './options.ts'

const work = jobs('./jobs', import.meta.url)

/** How far training has come. */
export interface AlsProgress {
  /** Epochs done, of this and of resumed runs. */
  readonly epoch: number
  readonly epochs: number
  /** Share of the running epoch that is done, 0 to 1. */
  readonly fraction: number
  /** Rows (of users and items) solved a second, in this run. */
  readonly rowsPerSecond: number
  /** Loss after each epoch that this run has done. */
  readonly loss: readonly number[]
  readonly secondsLeft: number
}

/** Factors as they are published: in the eigenbasis of the items' Gramian, largest eigenvalue first. */
export interface AlsFactors {
  readonly users: FactorMatrix
  readonly items: FactorMatrix
  /** Eigenvalues of the items' Gramian, `rank` of them, falling: its diagonal in this basis. */
  readonly spectrum: Float64Array
  /** Epochs that made these factors. */
  readonly epochs: number
  /** Loss after each of them. */
  readonly loss: readonly number[]
}

export interface TrainAls {
  readonly pool: Pool
  /** Aborting it ends the training after the running epoch; the factors so far are given back. */
  readonly signal?: AbortSignal | undefined
  /** Factors to go on from; `options.epochs` counts theirs too. Going on gives the same bits as not having stopped. */
  readonly from?: Omit<AlsFactors, 'users' | 'items'> & { readonly users: Float32Array; readonly items: Float32Array }
  readonly onProgress?: (progress: AlsProgress) => void
  /** Called between epochs with the factors as they stand; the next epoch waits for it. */
  readonly onEpoch?: (factors: AlsFactors) => Promise<void> | void
}

/**
 * Factorizes a dataset by alternating least squares (Hu, Koren & Volinsky 2008; solver and basis in
 * crates/kernels/src/als). What is minimised is told at {@link AlsOptions}.
 *
 * The same bits come out for any number of workers.
 */
export async function trainAls(dataset: Dataset, options: AlsOptions, train: TrainAls): Promise<AlsFactors> {
  const { pool, signal, from, onProgress, onEpoch } = train
  const users = allocateFactors(dataset.byUser.rows, options.factors)
  const items = allocateFactors(dataset.byItem.rows, options.factors)
  const trainer = new Trainer(dataset, options, pool, users, items)
  const loss = [...(from?.loss ?? [])]
  let epoch = from?.epochs ?? 0
  if (from) {
    setUnpadded(users, from.users)
    setUnpadded(items, from.items)
    trainer.spectrum = from.spectrum.slice()
  } else {
    await trainer.start()
  }

  const begun = performance.now()
  const before = epoch
  const report = () => {
    if (!onProgress) return
    const fraction = trainer.fraction
    const seconds = (performance.now() - begun) / 1000
    const done = epoch - before + fraction
    onProgress({
      ...{ epoch, epochs: options.epochs, fraction, loss },
      rowsPerSecond: (done * (users.rows + items.rows)) / Math.max(seconds, 1e-9),
      secondsLeft: done > 0 ? (seconds / done) * (options.epochs - before - done) : Number.POSITIVE_INFINITY,
    })
  }
  const ticking = onProgress && setInterval(report, 200)
  const factors = (): AlsFactors => ({ users, items, spectrum: trainer.spectrum, epochs: epoch, loss: [...loss] })
  try {
    while (epoch < options.epochs && !signal?.aborted) {
      loss.push(await trainer.epoch())
      epoch++
      report()
      await onEpoch?.(factors())
    }
  } finally {
    clearInterval(ticking)
  }
  return factors()
}

/** One training's matrices and the phases that change them. Between epochs both sides are in the items' eigenbasis. */
class Trainer {
  spectrum = new Float64Array()
  readonly #pool: Pool
  readonly #options: AlsOptions
  readonly #dataset: Dataset
  readonly #users: FactorMatrix
  readonly #items: FactorMatrix
  readonly #vectors: Float32Array
  /** Partial Gramians: as many as keep all workers busy within 64 MiB. Their number must not depend on the workers. */
  readonly #partials: Float32Array
  readonly #bounds: Record<'byUser' | 'byItem', Uint32Array>
  #running: { readonly next: Int32Array; readonly bounds: Uint32Array; readonly side: 'byUser' | 'byItem' } | undefined

  constructor(dataset: Dataset, options: AlsOptions, pool: Pool, users: FactorMatrix, items: FactorMatrix) {
    this.#dataset = dataset
    this.#options = options
    this.#pool = pool
    this.#users = users
    this.#items = items
    const cells = users.stride ** 2
    this.#vectors = shared(Float32Array, cells)
    this.#partials = shared(Float32Array, Math.max(1, Math.min(64, Math.floor(2 ** 24 / cells))) * cells)
    // A row costs about what four entries do. Heavy rows come first, since rows are ordered by their entries.
    const cut = (indptr: BigUint64Array) => splitByCost(indptr, 512, 4)
    this.#bounds = { byUser: cut(dataset.byUser.indptr), byItem: cut(dataset.byItem.indptr) }
  }

  /** Items start from noise, users from zero: the first half-step makes them. */
  async start(): Promise<void> {
    const { startDeviation, seed, factors } = this.#options
    await this.#rows('start', this.#users, { deviation: startDeviation / Math.sqrt(factors), seed })
    await this.#intoBasisOf(this.#users)
    await this.#solve('byItem', this.#items, this.#users, 1)
    this.#users.data.fill(0)
    await this.#intoBasisOf(this.#items)
  }

  /** Solves users, then items; gives the loss (see {@link AlsOptions}), exact for the factors as they then are. */
  async epoch(): Promise<number> {
    const byUser = await this.#solve('byUser', this.#users, this.#items)
    await this.#intoBasisOf(this.#users)
    const byItem = await this.#solve('byItem', this.#items, this.#users)
    await this.#intoBasisOf(this.#items)
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

  async #solve(side: 'byUser' | 'byItem', solved: FactorMatrix, fixed: FactorMatrix, steps = this.#options.steps) {
    const bounds = this.#bounds[side]
    const energies = shared(Float64Array, 2 * Math.max(1, bounds.length - 1))
    const next = chunkCounter()
    this.#running = { next, bounds, side }
    if (solved.rows > 0) {
      const args: HalfStepArgs = {
        entries: { file: join(this.#dataset.directory, datasetFiles[side]), columns: fixed.rows },
        ...{ fixed, solved, bounds, energies },
        spectrum: this.spectrum,
        objective: alsObjective(this.#options),
        steps: this.#options.solver === 'exact' ? undefined : steps,
        instructions: this.#options.instructions,
      }
      await this.#pool.phase(work, 'halfStep', args, next)
    }
    // Summed in the order of the chunks, so that the loss too has the same bits however many workers there are.
    let fit = 0
    let regularization = 0
    for (let chunk = 0; chunk < energies.length; chunk += 2) {
      fit += energies[chunk]
      regularization += energies[chunk + 1]
    }
    return { fit, regularization }
  }

  /** Turns both sides into the eigenbasis of the Gramian of `side`. */
  async #intoBasisOf(side: FactorMatrix): Promise<void> {
    const cells = side.stride ** 2
    const chunkRows = Math.max(1, Math.ceil(side.rows / (this.#partials.length / cells)))
    await this.#pool.phase(work, 'gramians', { factors: side, chunkRows, partials: this.#partials, ...this.#chosen })
    const values = new Float64Array(side.stride)
    const made = this.#partials.subarray(0, Math.ceil(side.rows / chunkRows) * cells)
    native.eigenbasis(made, side.rank, this.#vectors, values)
    this.spectrum = values.slice(0, side.rank)
    for (const factors of [this.#users, this.#items]) await this.#rows('turn', factors, { vectors: this.#vectors })
  }

  async #rows(name: string, factors: FactorMatrix, args: object): Promise<void> {
    await this.#pool.phase(work, name, { factors, chunkRows: 1024, ...args, ...this.#chosen })
  }

  get #chosen() {
    return { instructions: this.#options.instructions }
  }
}

function shared<T>(kind: new (buffer: SharedArrayBuffer) => T, length: number): T {
  const bytes = (kind as unknown as typeof Float64Array).BYTES_PER_ELEMENT
  return new kind(new SharedArrayBuffer(length * bytes))
}
