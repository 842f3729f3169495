/**
 * A trained factorization on disk: factors (safetensors, which NumPy, PyTorch and others read), the ids of users and
 * items (Arrow), the pairs it learned from, and a manifest that says how it came about.
 */
import { constants, copyFile, link } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { type Csr, openCsr } from '../storage/csr.ts'
import { type Dataset, datasetFiles } from '../storage/dataset.ts'
import {
  checksumOf,
  type Manifest,
  openDirectory,
  verifyDirectory,
  type WriteOptions,
  writeDirectory,
} from '../storage/directory.ts'
import { IdMap } from '../storage/ids.ts'
import { openSafetensors, SafetensorsWriter, tensorOf } from '../storage/safetensors.ts'

export const modelFiles = {
  factors: 'factors.safetensors',
  history: 'history.safetensors',
  users: 'users.arrow',
  items: 'items.arrow',
} as const

export interface ModelManifest extends Manifest {
  readonly format: 'aurochs-model'
  /** The algorithm that made it. */
  readonly kind: string
  /** Dimensions of the factors. */
  readonly factors: number
  /** All options of the training: with the dataset they give the same model again. */
  readonly options: Readonly<Record<string, unknown>>
  readonly dataset: {
    readonly users: number
    readonly items: number
    readonly pairs: number
    /** {@link checksumOf} the dataset that it was trained on. */
    readonly checksum: string
  }
  /** Passes over the data that made these factors: fewer than the options ask for in a checkpoint. */
  readonly epochs: number
  /** Loss after each of them. */
  readonly loss: readonly number[]
  /** Quality on held-out pairs, where it was measured: `recall@20` and so on. */
  readonly metrics?: Readonly<Record<string, number>> | undefined
  /** ISO 8601, UTC. */
  readonly created: string
}

const count = z.int().nonnegative()
const manifestSchema = z.looseObject({
  kind: z.string(),
  factors: z.int().min(1).max(1024),
  options: z.record(z.string(), z.unknown()),
  dataset: z.object({ users: count, items: count, pairs: count, checksum: z.string() }),
  epochs: count,
  loss: z.array(z.number()),
  metrics: z.record(z.string(), z.number()).optional(),
  created: z.string(),
})

/**
 * A model on disk. Opening maps its files: nothing is copied, and processes share the pages. The score of a user and
 * an item is the inner product of their factors.
 */
export class Model {
  readonly directory: string
  readonly manifest: ModelManifest
  /** One short name for the contents of all files: different models have different ones. */
  readonly checksum: string
  /** Dimensions of the factors. */
  readonly rank: number
  readonly users: IdMap
  readonly items: IdMap
  #parts: { users: Float32Array; items: Float32Array; spectrum: Float64Array; history: Csr } | undefined

  /**
   * @param options.verify reads all files and compares their checksums with the manifest's. Default: true. About 0.1 s
   *   for 250 MB that are in the page cache.
   * @throws Error naming the file that is missing, cut short, altered, or of another format.
   */
  static open(directory: string, { verify = true }: { readonly verify?: boolean } = {}): Model {
    const manifest = openDirectory(directory, 'aurochs-model')
    const { error } = manifestSchema.safeParse(manifest)
    if (error) throw new Error(`${join(directory, 'manifest.json')} is damaged: ${z.prettifyError(error)}`)
    for (const name of Object.values(modelFiles)) {
      if (!manifest.files[name]) throw new Error(`${join(directory, 'manifest.json')} is damaged: it lists no ${name}`)
    }
    if (verify) verifyDirectory(directory, manifest)
    return new Model(directory, manifest as ModelManifest)
  }

  private constructor(directory: string, manifest: ModelManifest) {
    const { factors: rank, dataset } = manifest
    this.directory = directory
    this.manifest = manifest
    this.checksum = checksumOf(manifest)
    this.rank = rank

    const factors = openSafetensors(join(directory, modelFiles.factors))
    const tensor = <A extends Float32Array | Float64Array>(
      name: string,
      kind: new (length: number) => A,
      shape: number[],
    ): A => {
      const data = tensorOf(factors, name, kind)
      this.#expect(modelFiles.factors, `${name} of shape`, shape, factors.tensors[name]!.shape)
      return data
    }
    const { csr: history } = openCsr(join(directory, modelFiles.history), dataset.items)
    this.#expect(
      modelFiles.history,
      'rows and pairs',
      [dataset.users, dataset.pairs],
      [history.rows, history.indices.length],
    )
    this.#parts = {
      users: tensor('users', Float32Array, [dataset.users, rank]),
      items: tensor('items', Float32Array, [dataset.items, rank]),
      spectrum: tensor('spectrum', Float64Array, [rank]),
      history,
    }
    this.users = IdMap.open(join(directory, modelFiles.users))
    this.items = IdMap.open(join(directory, modelFiles.items))
    this.#expect(modelFiles.users, 'ids', [dataset.users], [this.users.size])
    this.#expect(modelFiles.items, 'ids', [dataset.items], [this.items.size])
  }

  /** (users × rank), row-major without padding. */
  get userFactors(): Float32Array {
    return this.#opened.users
  }

  /** (items × rank), row-major without padding. */
  get itemFactors(): Float32Array {
    return this.#opened.items
  }

  /** (rank) The diagonal of the Gramian of the item factors, falling; off it the Gramian is 0. */
  get spectrum(): Float64Array {
    return this.#opened.spectrum
  }

  /** (users × items) The pairs that the model was trained on. */
  get history(): Csr {
    return this.#opened.history
  }

  /** Lets go of the maps: they are unmapped when nobody holds a view of them. */
  close(): void {
    this.#parts = undefined
  }

  get #opened() {
    if (!this.#parts) throw new Error(`the model ${this.directory} is closed`)
    return this.#parts
  }

  #expect(file: string, what: string, expected: readonly number[], found: readonly number[]): void {
    if (expected.length === found.length && expected.every((n, index) => n === found[index])) return
    throw new Error(
      `${join(this.directory, file)} does not belong to its manifest: expected ${what} ${expected.join(' × ')}, ` +
        `got ${found.join(' × ')}`,
    )
  }
}

/** What is saved as a model. */
export interface ModelParts {
  readonly kind: string
  readonly rank: number
  /** Factors of all users of the dataset: row r begins at `data[r * stride]`. */
  readonly users: StridedRows
  /** The same of all items. */
  readonly items: StridedRows
  /** (rank) The diagonal of the Gramian of the item factors. */
  readonly spectrum: Float64Array
  readonly options: Readonly<Record<string, unknown>>
  /** What the model was trained on. Its pairs and ids become part of the model: linked, or copied to another disk. */
  readonly dataset: Dataset
  readonly epochs: number
  readonly loss: readonly number[]
  readonly metrics?: Readonly<Record<string, number>> | undefined
}

export interface StridedRows {
  readonly data: Float32Array
  readonly stride: number
}

/**
 * Writes a model to `directory`, which appears whole or not at all: so a training can save a checkpoint after each
 * epoch with `replace`, and whoever opens it meanwhile has the one before.
 *
 * @returns the manifest
 */
export function saveModel(directory: string, parts: ModelParts, options?: WriteOptions): Promise<ModelManifest> {
  const { kind, rank, dataset, spectrum, epochs, loss, metrics } = parts
  const { users, items, pairs } = dataset.manifest
  for (const [side, { data, stride }, rows] of [
    ['users', parts.users, users],
    ['items', parts.items, items],
  ] as const) {
    if (stride >= rank && data.length >= (rows - 1) * stride + rank) continue
    throw new RangeError(
      `${rows} rows of ${rank} factors were expected of the ${side}, got ${data.length} floats with stride ${stride}`,
    )
  }
  const write = async (draft: string) => {
    const layout = {
      users: { dtype: 'F32', shape: [users, rank] },
      items: { dtype: 'F32', shape: [items, rank] },
      spectrum: { dtype: 'F64', shape: [rank] },
    } as const
    const writer = await SafetensorsWriter.create(join(draft, modelFiles.factors), layout)
    try {
      await writer.append('spectrum', spectrum)
      await appendRows(writer, 'users', parts.users, users, rank)
      await appendRows(writer, 'items', parts.items, items, rank)
      await writer.finish()
    } finally {
      await writer.close()
    }
    await linkOrCopy(join(dataset.directory, datasetFiles.byUser), join(draft, modelFiles.history))
    await linkOrCopy(join(dataset.directory, datasetFiles.users), join(draft, modelFiles.users))
    await linkOrCopy(join(dataset.directory, datasetFiles.items), join(draft, modelFiles.items))
    const about: Omit<ModelManifest, 'files'> = {
      ...{ format: 'aurochs-model', version: 1, created: new Date().toISOString(), kind, factors: rank },
      options: parts.options,
      dataset: { users, items, pairs, checksum: checksumOf(dataset.manifest) },
      ...{ epochs, loss, ...(metrics && { metrics }) },
    }
    return about
  }
  return writeDirectory(directory, write, options)
}

/**
 * Writes to the manifest of a model how well it did, for all who open it from now on; its other files stay what they
 * are.
 *
 * @returns the new manifest
 */
export function recordMetrics(
  { directory, manifest }: Model,
  metrics: Readonly<Record<string, number>>,
): Promise<ModelManifest> {
  const write = async (draft: string) => {
    for (const name of Object.keys(manifest.files)) await linkOrCopy(join(directory, name), join(draft, name))
    return { ...manifest, metrics: { ...manifest.metrics, ...metrics } }
  }
  return writeDirectory(directory, write, { replace: true })
}

/** Appends the first `rank` floats of each of `rows` rows, in pieces: no second matrix is made. */
async function appendRows(
  writer: SafetensorsWriter,
  name: string,
  { data, stride }: StridedRows,
  rows: number,
  rank: number,
): Promise<void> {
  if (stride === rank) return writer.append(name, data.subarray(0, rows * rank))
  const most = Math.max(1, Math.floor(2 ** 18 / rank))
  const piece = new Float32Array(most * rank)
  for (let first = 0; first < rows; first += most) {
    const here = Math.min(most, rows - first)
    for (let row = 0; row < here; row++) {
      const at = (first + row) * stride
      piece.set(data.subarray(at, at + rank), row * rank)
    }
    await writer.append(name, piece.subarray(0, here * rank))
  }
}

/** The files of datasets and models are never changed in place, so both may share one. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    // Another disk, or one that has no hard links.
    if (!['EXDEV', 'EPERM', 'ENOTSUP', 'EMLINK'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    await copyFile(from, to, constants.COPYFILE_FICLONE)
  }
}
