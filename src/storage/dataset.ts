/**
 * Interactions on disk: a directory with the pairs of users and items by user and by item, the ordered events that the
 * pairs sum, the ids, and a manifest.
 *
 * Rows are laid out by descending number of pairs, ties by ascending id, so that what is read together lies together.
 * That is no promise: popularity is the number of users that `byItem` has for an item, never its row.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { type Closable, closedOnError } from './closing.ts'
import { type Csr, MappedCsr, transposed } from './csr.ts'
import {
  identityOf,
  type Manifest,
  manifestName,
  openConsistent,
  verifyDirectory,
  type WriteOptions,
  writeDirectory,
} from './directory.ts'
import { faultIn } from './expectation.ts'
import { type Id, IdMap, writeIds } from './ids.ts'
import { type Positions, positionsSchema } from './positions.ts'
import { type Tensor, vector, writeSafetensors } from './safetensors.ts'
import { MappedSequences, type Sequences, sequenceTensors } from './sequences.ts'
import { MappedUserTags, type TagCounts, tagFiles, type UserTags, writeUserTags } from './user-tags.ts'

export const datasetFiles = {
  byUser: 'by-user.safetensors',
  byItem: 'by-item.safetensors',
  events: 'events.safetensors',
  users: 'users.arrow',
  items: 'items.arrow',
  ...tagFiles,
} as const

export interface DatasetManifest extends Manifest {
  readonly format: 'aurochs-dataset'
  readonly users: number
  readonly items: number
  readonly pairs: number
  /** How many ordered events there are; absent where the source had no times. */
  readonly events?: number | undefined
  /** Names of the kinds of events, by code; absent where the source had no kinds. */
  readonly kinds?: readonly string[] | undefined
  /** The events of journals that are part of it. */
  readonly journals?: Positions | undefined
  /** Absent where its users have no tags. */
  readonly userTags?: TagCounts | undefined
  /** ISO 8601, UTC. */
  readonly created: string
  /** Where the pairs come from; informative. */
  readonly source?: Readonly<Record<string, unknown>> | undefined
  /** Options of the import; informative. */
  readonly options?: Readonly<Record<string, unknown>> | undefined
}

/** Most names that {@link DatasetManifest.kinds} may hold: codes are bytes. */
export const mostKinds = 255

const contentsSchema = z.object({
  users: z.int().positive(),
  items: z.int().positive(),
  pairs: z.int().positive(),
  events: z.int().nonnegative().optional(),
  kinds: z.array(z.string()).max(mostKinds).optional(),
  journals: positionsSchema.optional(),
  userTags: z.object({ tags: z.int().positive(), pairs: z.int().nonnegative() }).optional(),
})

/**
 * A dataset on disk. Opening reads the manifest only; each part is mapped when first read, and fails if another dataset
 * has taken the place of this one meanwhile.
 */
export class Dataset {
  readonly directory: string
  readonly manifest: DatasetManifest
  readonly #verify: boolean
  readonly #identity: string
  #opened: {
    byUser?: MappedCsr
    byItem?: MappedCsr
    events?: MappedSequences
    users?: IdMap
    items?: IdMap
    tags?: MappedUserTags
  } = {}

  /**
   * @param options.verify also reads all files and compares their checksums. Default: false.
   * @throws Error naming the file that is missing, damaged or of another format.
   */
  static open(directory: string, { verify = false }: { readonly verify?: boolean } = {}): Dataset {
    return openConsistent(
      directory,
      'aurochs-dataset',
      manifest => {
        if (verify) verifyDirectory(directory, manifest)
        const fault = faultIn(contentsSchema, manifest)
        if (fault) {
          throw new Error(`${join(directory, manifestName)} is damaged: ${fault}; make the dataset anew`)
        }
        return new Dataset(directory, manifest as DatasetManifest, verify)
      },
      dataset => dataset.close(),
    )
  }

  private constructor(directory: string, manifest: DatasetManifest, verify: boolean) {
    this.directory = directory
    this.manifest = manifest
    this.#verify = verify
    this.#identity = identityOf(directory)
  }

  /** (users × items) */
  get byUser(): Csr {
    this.#opened.byUser ??= this.#openCsr(datasetFiles.byUser, this.manifest.users, this.manifest.items)
    return this.#opened.byUser
  }

  /** (items × users) */
  get byItem(): Csr {
    this.#opened.byItem ??= this.#openCsr(datasetFiles.byItem, this.manifest.items, this.manifest.users)
    return this.#opened.byItem
  }

  /** (users × items) What each user did, in order; only if the source had times. Every pair has at least one event. */
  get events(): Sequences | undefined {
    const count = this.manifest.events
    if (count === undefined) return undefined
    this.#opened.events ??= this.#openEvents(count)
    return this.#opened.events
  }

  get users(): IdMap {
    this.#opened.users ??= this.#openIds(datasetFiles.users, this.manifest.users)
    return this.#opened.users
  }

  get items(): IdMap {
    this.#opened.items ??= this.#openIds(datasetFiles.items, this.manifest.items)
    return this.#opened.items
  }

  /** (users × tags) What users are tagged with, as playlists are; undefined where nothing is known of that. */
  get tags(): MappedUserTags | undefined {
    const { users, userTags } = this.manifest
    if (!userTags) return undefined
    const open = () => MappedUserTags.open(this.directory, users, userTags, { verify: this.#verify })
    this.#opened.tags ??= this.#open(open, () => {})
    return this.#opened.tags
  }

  /** Closes the parts that are open. What was read from them stays readable, but for the ids. */
  close(): void {
    for (const part of Object.values(this.#opened)) part.close()
    this.#opened = {}
  }

  /**
   * @throws Error when another dataset has taken the place of this one since it was opened: what is read by path is then
   *   of that one.
   */
  assertInPlace(): void {
    if (identityOf(this.directory) === this.#identity) return
    throw new Error(`${this.directory} was replaced by another dataset while it was used: open it again`)
  }

  /** What `open` gives, unless `check` throws, or its files may be those of another dataset. */
  #open<Part extends Closable>(open: () => Part, check: (part: Part) => void): Part {
    try {
      return closedOnError(open(), part => {
        check(part)
        this.assertInPlace()
        return part
      })
    } catch (error) {
      this.assertInPlace()
      throw error
    }
  }

  #openCsr(name: string, rows: number, columns: number): MappedCsr {
    const path = join(this.directory, name)
    const open = () => MappedCsr.open(path, columns, { verify: this.#verify })
    return this.#open(open, csr => {
      if (csr.rows === rows && csr.pairs === this.manifest.pairs) return
      throw new Error(
        `${path} does not belong to its manifest: expected ${rows} rows and ${this.manifest.pairs} pairs, ` +
          `got ${csr.rows} and ${csr.pairs}`,
      )
    })
  }

  #openEvents(count: number): MappedSequences {
    const path = join(this.directory, datasetFiles.events)
    const { users, items, kinds } = this.manifest
    const open = () => MappedSequences.open(path, items, { verify: this.#verify })
    return this.#open(open, events => {
      if (events.rows !== users || events.events !== count) {
        throw new Error(
          `${path} does not belong to its manifest: expected ${users} rows and ${count} events, ` +
            `got ${events.rows} and ${events.events}`,
        )
      }
      const fault = kindsFault(events, kinds, this.#verify)
      if (fault) throw new Error(`${path} does not belong to its manifest: ${fault}`)
    })
  }

  #openIds(name: string, size: number): IdMap {
    const path = join(this.directory, name)
    return this.#open(
      () => IdMap.open(path),
      ids => {
        if (ids.size !== size)
          throw new Error(`${path} does not belong to its manifest: expected ${size} ids, got ${ids.size}`)
        if (this.#verify) ids.assertOrder(path)
      },
    )
  }
}

/** A whole dataset in memory. */
export interface DatasetParts {
  readonly byUser: Csr
  /** (users), distinct. */
  readonly users: readonly Id[] | BigInt64Array
  /** (items), distinct. */
  readonly items: readonly Id[] | BigInt64Array
  /** The events behind `byUser`, in its rows and columns: at least one of each pair. */
  readonly events?: Sequences | undefined
  /** Names of the codes in `events.kinds`, if these are given. */
  readonly kinds?: readonly string[] | undefined
  readonly journals?: Positions | undefined
  /** Of its users, in its rows. */
  readonly tags?: UserTags | undefined
  readonly source?: Readonly<Record<string, unknown>> | undefined
  readonly options?: Readonly<Record<string, unknown>> | undefined
}

/** Writes a dataset that is in memory to `directory`. What does not fit there comes by `importDataset`. */
export function writeDataset(directory: string, parts: DatasetParts, options?: WriteOptions): Promise<DatasetManifest> {
  const { byUser, users, items, events, kinds } = parts
  if (byUser.rows !== users.length || byUser.columns !== items.length) {
    throw new RangeError(
      `a matrix of ${byUser.rows} × ${byUser.columns} needs as many ids, got ${users.length} users and ${items.length} items`,
    )
  }
  if (events && (events.rows !== byUser.rows || events.columns !== byUser.columns)) {
    throw new RangeError(
      `events must be ${byUser.rows} × ${byUser.columns} like the pairs, got ${events.rows} × ${events.columns}`,
    )
  }
  const fault = kindsFault(events, kinds, true)
  if (fault) throw new RangeError(`the kinds of events do not fit: ${fault}`)
  const eventTensors = events && sequenceTensors(events)
  const write = async (draft: string) => {
    await writeSafetensors(join(draft, datasetFiles.byUser), tensorsOf(byUser))
    await writeSafetensors(join(draft, datasetFiles.byItem), tensorsOf(transposed(byUser)))
    if (eventTensors) await writeSafetensors(join(draft, datasetFiles.events), eventTensors)
    await writeIds(join(draft, datasetFiles.users), users)
    await writeIds(join(draft, datasetFiles.items), items)
    const userTags = parts.tags && (await writeUserTags(draft, users.length, parts.tags))
    return manifestOf({
      users: users.length,
      items: items.length,
      pairs: byUser.indices.length,
      events: events?.items.length,
      kinds,
      journals: parts.journals,
      userTags,
      source: parts.source,
      options: parts.options,
    })
  }
  return writeDirectory(directory, write, options)
}

/** Why the codes in `events` cannot have these names, or nothing. `verify` also reads all codes. */
function kindsFault(
  events: Sequences | undefined,
  names: readonly string[] | undefined,
  verify: boolean,
): string | undefined {
  const codes = events?.kinds
  if (!codes && !names) return undefined
  if (!codes || !names) return `expected codes and their names, got ${codes ? 'no names' : 'names only'}`
  if (names.length > mostKinds) return `expected at most ${mostKinds} names, got ${names.length}`
  const stray = verify ? codes.find(code => code >= names.length) : undefined
  return stray === undefined ? undefined : `there is a code ${stray}, but only ${names.length} names`
}

/** The manifest of a dataset but for its files. */
export function manifestOf(
  about: Omit<DatasetManifest, 'format' | 'version' | 'created' | 'files'>,
): Omit<DatasetManifest, 'files'> {
  return { format: 'aurochs-dataset', version: 2, created: new Date().toISOString(), ...about }
}

function tensorsOf({ indptr, indices, weights }: Csr): Record<string, Tensor> {
  return { indptr: vector(indptr), indices: vector(indices), weights: vector(weights) }
}
