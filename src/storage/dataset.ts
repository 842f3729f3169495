/**
 * Who did what, on disk: a directory with the pairs of users and items by user and by item, their ids, and a
 * manifest. Users and items are numbered by descending number of pairs, ties by ascending id.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { type Csr, openCsr, transposed } from './csr.ts'
import { type Manifest, openDirectory, verifyDirectory, type WriteOptions, writeDirectory } from './directory.ts'
import { type Id, IdMap, writeIds } from './ids.ts'
import { type Tensor, tensorOf, writeSafetensors } from './safetensors.ts'

export const datasetFiles = {
  byUser: 'by-user.safetensors',
  byItem: 'by-item.safetensors',
  users: 'users.arrow',
  items: 'items.arrow',
} as const

export interface DatasetManifest extends Manifest {
  readonly format: 'aurochs-dataset'
  readonly users: number
  readonly items: number
  readonly pairs: number
  /** Whether the pairs have times. */
  readonly times: boolean
  /** ISO 8601, UTC. */
  readonly created: string
  /** Where the pairs come from, for people. */
  readonly source?: Readonly<Record<string, unknown>> | undefined
  /** What was asked of the import, for people. */
  readonly options?: Readonly<Record<string, unknown>> | undefined
}

const countsSchema = z.object({
  users: z.int().positive(),
  items: z.int().positive(),
  pairs: z.int().positive(),
  times: z.boolean(),
})

/** A dataset on disk. Opening reads the manifest only; each part is mapped when first asked for. */
export class Dataset {
  readonly directory: string
  readonly manifest: DatasetManifest
  readonly #verify: boolean
  #opened: { byUser?: Csr; byItem?: Csr; times?: BigInt64Array; users?: IdMap; items?: IdMap } = {}

  /**
   * @param options.verify also reads all files and compares their checksums. Default: false.
   * @throws Error naming the file that is missing, damaged or of another format.
   */
  static open(directory: string, { verify = false }: { readonly verify?: boolean } = {}): Dataset {
    const manifest = openDirectory(directory, 'aurochs-dataset')
    if (verify) verifyDirectory(directory, manifest)
    const { error } = countsSchema.safeParse(manifest)
    if (error) throw new Error(`${join(directory, 'manifest.json')} is damaged: ${z.prettifyError(error)}`)
    return new Dataset(directory, manifest as DatasetManifest, verify)
  }

  private constructor(directory: string, manifest: DatasetManifest, verify: boolean) {
    this.directory = directory
    this.manifest = manifest
    this.#verify = verify
  }

  /** (users × items) */
  get byUser(): Csr {
    return this.#openByUser().byUser
  }

  /** (items × users) */
  get byItem(): Csr {
    this.#opened.byItem ??= this.#openCsr(datasetFiles.byItem, this.manifest.items, this.manifest.users).csr
    return this.#opened.byItem
  }

  /** When each pair was last seen, in ms since 1970 (UTC), in the order of `byUser`; only if the source had times. */
  get times(): BigInt64Array | undefined {
    return this.#openByUser().times
  }

  get users(): IdMap {
    this.#opened.users ??= this.#openIds(datasetFiles.users, this.manifest.users)
    return this.#opened.users
  }

  get items(): IdMap {
    this.#opened.items ??= this.#openIds(datasetFiles.items, this.manifest.items)
    return this.#opened.items
  }

  /** Lets go of the maps: they are unmapped when nobody holds a view of them. */
  close(): void {
    this.#opened = {}
  }

  #openByUser(): { byUser: Csr; times?: BigInt64Array } {
    const { byUser, times } = this.#opened
    if (byUser) return times ? { byUser, times } : { byUser }
    const { csr, file } = this.#openCsr(datasetFiles.byUser, this.manifest.users, this.manifest.items)
    this.#opened.byUser = csr
    if (this.manifest.times) this.#opened.times = tensorOf(file, 'times', BigInt64Array)
    return this.#openByUser()
  }

  #openCsr(name: string, rows: number, columns: number): ReturnType<typeof openCsr> {
    const path = join(this.directory, name)
    const opened = openCsr(path, columns, this.#verify)
    if (opened.csr.rows !== rows || opened.csr.indices.length !== this.manifest.pairs) {
      throw new Error(
        `${path} does not belong to its manifest: expected ${rows} rows and ${this.manifest.pairs} pairs, ` +
          `got ${opened.csr.rows} and ${opened.csr.indices.length}`,
      )
    }
    return opened
  }

  #openIds(name: string, size: number): IdMap {
    const path = join(this.directory, name)
    const ids = IdMap.open(path)
    if (ids.size !== size)
      throw new Error(`${path} does not belong to its manifest: expected ${size} ids, got ${ids.size}`)
    return ids
  }
}

/** A whole dataset in memory. */
export interface DatasetParts {
  readonly byUser: Csr
  /** (users), distinct. */
  readonly users: readonly Id[] | BigInt64Array
  /** (items), distinct. */
  readonly items: readonly Id[] | BigInt64Array
  /** (pairs), ms since 1970 (UTC), in the order of `byUser`. */
  readonly times?: BigInt64Array
  readonly source?: Readonly<Record<string, unknown>>
  readonly options?: Readonly<Record<string, unknown>>
}

/** Writes a dataset that is in memory to `directory`. What does not fit there comes by `importDataset`. */
export function writeDataset(directory: string, parts: DatasetParts, options?: WriteOptions): Promise<DatasetManifest> {
  const { byUser, users, items, times } = parts
  if (byUser.rows !== users.length || byUser.columns !== items.length) {
    throw new RangeError(
      `a matrix of ${byUser.rows} × ${byUser.columns} needs as many ids, got ${users.length} users and ${items.length} items`,
    )
  }
  if (times && times.length !== byUser.indices.length) {
    throw new RangeError(`each of ${byUser.indices.length} pairs needs a time, got ${times.length}`)
  }
  const write = async (draft: string) => {
    const byUserTensors = times ? { ...tensorsOf(byUser), times: vector(times) } : tensorsOf(byUser)
    await writeSafetensors(join(draft, datasetFiles.byUser), byUserTensors)
    await writeSafetensors(join(draft, datasetFiles.byItem), tensorsOf(transposed(byUser)))
    await writeIds(join(draft, datasetFiles.users), users)
    await writeIds(join(draft, datasetFiles.items), items)
    const counts = {
      users: users.length,
      items: items.length,
      pairs: byUser.indices.length,
      times: times !== undefined,
    }
    return manifestOf({ ...counts, source: parts.source, options: parts.options })
  }
  return writeDirectory(directory, write, options)
}

/** What the manifest of a dataset says beside its files. */
export function manifestOf(
  about: Omit<DatasetManifest, 'format' | 'version' | 'created' | 'files'>,
): Omit<DatasetManifest, 'files'> {
  return { format: 'aurochs-dataset', version: 1, created: new Date().toISOString(), ...about }
}

function tensorsOf({ indptr, indices, weights }: Csr): Record<string, Tensor> {
  return { indptr: vector(indptr), indices: vector(indices), weights: vector(weights) }
}

function vector(data: Tensor['data']): Tensor {
  return { data, shape: [data.length] }
}
