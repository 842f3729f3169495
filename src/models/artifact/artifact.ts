/**
 * A trained model on disk: the tensors of its algorithm (safetensors, which NumPy, PyTorch and others read), what every
 * algorithm needs beside them (the ids of users and items, the pairs it learned from, the popularity of items), and a
 * manifest that says how it came about.
 */
import { join } from 'node:path'
import { z } from 'zod'
import type { FileSlice } from '../../binding.d.ts'
import { native } from '../../native.ts'
import { closedOnError } from '../../storage/closing.ts'
import { type Csr, MappedCsr } from '../../storage/csr.ts'
import { type Dataset, datasetFiles } from '../../storage/dataset.ts'
import {
  checksumOf,
  type Manifest,
  manifestName,
  openConsistent,
  verifyDirectory,
  type WriteOptions,
  writeDirectory,
} from '../../storage/directory.ts'
import { faultIn } from '../../storage/expectation.ts'
import { IdMap } from '../../storage/ids.ts'
import { linkOrCopy } from '../../storage/link-or-copy.ts'
import { type Positions, positionsSchema } from '../../storage/positions.ts'
import {
  bytesOf,
  type MappedTensor,
  mappedTensor,
  openSafetensors,
  type Safetensors,
  SafetensorsWriter,
  type TensorArray,
  valuesIn,
  writeSafetensors,
} from '../../storage/safetensors.ts'
import { MappedSequences, type Sequences } from '../../storage/sequences.ts'
import type { Algorithm, Trained } from '../algorithm.ts'
import { MappedPopularity, type Popularity, popularityOf } from '../open/popularity.ts'
import { EventWeights } from '../weighting/event-sums.ts'
import { weightingIn } from '../weighting/options.ts'
import { PairWeights, type WeightingTerms, weightingTermsSchema } from '../weighting/pair-weights.ts'
import type { WeightedDataset } from '../weighting/weighted-dataset.ts'
import { asPieces, type TrainedTensor } from './trained-tensor.ts'

export const artifactFiles = {
  tensors: 'tensors.safetensors',
  history: 'history.safetensors',
  /** The same pairs by user with the sums that their weights were made of; only where these are not the sums. */
  sums: 'sums.safetensors',
  /** The same pairs by item; models that were saved before there were lists from them lack it. */
  byItem: 'by-item.safetensors',
  /** Only where the dataset has ordered events. */
  events: 'events.safetensors',
  popularity: 'popularity.safetensors',
  users: 'users.arrow',
  items: 'items.arrow',
  /** Ids of tags; only where the users of the dataset have some. */
  tags: 'tags.arrow',
} as const

const optionalFiles: ReadonlySet<string> = new Set([
  artifactFiles.events,
  artifactFiles.byItem,
  artifactFiles.sums,
  artifactFiles.tags,
])

export interface ArtifactManifest extends Manifest {
  readonly format: 'aurochs-model'
  /** Name of the algorithm that made it. */
  readonly algorithm: string
  /** All options of the training: with the dataset they give the same model again. */
  readonly options: Readonly<Record<string, unknown>>
  readonly dataset: {
    readonly users: number
    readonly items: number
    readonly pairs: number
    /** Ordered events; absent where the dataset has none. */
    readonly events?: number | undefined
    /** Different tags of its users; absent where these have none. */
    readonly tags?: number | undefined
    /** The events of journals that are part of it. */
    readonly journals?: Positions | undefined
    /** {@link checksumOf} the dataset that it was trained on. */
    readonly checksum: string
  }
  /** Passes over the data that made it, of which those of a model that it began with are none. */
  readonly epochs: number
  /** {@link Artifact.checksum} of the model that the training began with, where there was one. */
  readonly warmStart?: string | undefined
  /** How its pairs were weighted; absent where the algorithm knows no weightings: then weights are those of the dataset. */
  readonly weighting?: WeightingTerms | undefined
  /** How the options were chosen, where a search did. */
  readonly tuning?: Tuning | undefined
  readonly partTunings?: readonly PartTuning[] | undefined
  /** Whether the training came to its end: not so in a checkpoint. */
  readonly complete: boolean
  /** Loss after each epoch; empty where the algorithm has none. */
  readonly loss: readonly number[]
  /** What the training found out of the data, one sentence each; absent where that is nothing. */
  readonly findings?: readonly string[] | undefined
  /** Quality on held-out pairs, where it was measured: `recall@20` and so on. */
  readonly metrics?: Readonly<Record<string, number>> | undefined
  /** ISO 8601, UTC. */
  readonly created: string
}

const tuningSchema = z.object({
  metric: z.string(),
  score: z.number(),
  defaultScore: z.number().optional(),
  trials: z.int().positive(),
  seconds: z.number(),
})

/**
 * What a search for options found: the `score` of the `metric` that they reached on a part of the training data that the trials
 * did not learn from, beside that of the defaults after as much training, where these could be trained; of how many trials, in
 * how many seconds.
 */
export type Tuning = Readonly<z.output<typeof tuningSchema>>

const partTuningSchema = tuningSchema.extend({ part: z.string() })

/** The same of a part of a model, which is named by its algorithm. */
export type PartTuning = Readonly<z.output<typeof partTuningSchema>>

const count = z.int().nonnegative()
const manifestSchema = z.looseObject({
  algorithm: z.string(),
  options: z.record(z.string(), z.unknown()),
  dataset: z.object({
    users: count,
    items: count,
    pairs: count,
    events: count.optional(),
    tags: count.optional(),
    journals: positionsSchema.optional(),
    checksum: z.string(),
  }),
  epochs: count,
  warmStart: z.string().optional(),
  weighting: weightingTermsSchema.optional(),
  tuning: tuningSchema.optional(),
  partTunings: z.array(partTuningSchema).optional(),
  complete: z.boolean(),
  loss: z.array(z.number()),
  findings: z.array(z.string()).optional(),
  metrics: z.record(z.string(), z.number()).optional(),
  created: z.string(),
})

export interface OpenArtifact {
  /**
   * Reads all files, compares their checksums with the manifest's, and checks what every model has: pairs, events,
   * popularity and the order of ids; `OpenModel` also what the algorithm has of its own. Default: true.
   */
  readonly verify?: boolean
  /** {@link Artifact.checksum} that it must have: a worker opens the very generation that its pool serves. */
  readonly checksum?: string
}

/** Names a part of a model that is made of several. */
export interface ArtifactPart extends Pick<ArtifactManifest, 'algorithm' | 'options'> {
  /** What the names of its tensors begin with. */
  readonly prefix: string
}

interface OpenParts {
  tensors: Safetensors
  history: MappedCsr
  sums: MappedCsr | undefined
  byItem: MappedCsr | undefined
  events: MappedSequences | undefined
  popularity: MappedPopularity
  users: MappedIds
  items: MappedIds
  tags: MappedIds | undefined
}

/**
 * A model's files, open. Opening maps them: nothing is copied, and threads and processes share the pages. A part is viewed
 * on this thread when it is first asked for.
 */
export class Artifact {
  readonly directory: string
  readonly manifest: ArtifactManifest
  /** One short name for the contents of all files: different models have different ones. */
  readonly checksum: string
  /** Undefined once it is closed. */
  #open: Partial<OpenParts> | undefined
  #weighting: { readonly events: EventWeights; readonly pairs: PairWeights } | undefined
  /** What it is a part of, and what the names of its tensors begin with there. */
  readonly #within: { readonly whole: Artifact; readonly prefix: string } | undefined

  /**
   * @throws Error naming the file that is missing, cut short, altered, or of another format; or both checksums, when
   *   `directory` holds another model than the one wanted.
   */
  static open(directory: string, { verify = true, checksum }: OpenArtifact = {}): Artifact {
    return openConsistent(
      directory,
      'aurochs-model',
      manifest => {
        const fault = faultIn(manifestSchema, manifest)
        if (fault) throw damagedManifest(directory, fault)
        for (const name of Object.values(artifactFiles)) {
          if (!manifest.files[name] && !optionalFiles.has(name)) throw damagedManifest(directory, `it lists no ${name}`)
        }
        const found = checksumOf(manifest)
        if (checksum !== undefined && found !== checksum) {
          throw new Error(`${directory} must hold the model ${checksum}, but holds ${found}: it was replaced`)
        }
        if (verify) verifyDirectory(directory, manifest)
        return closedOnError(new Artifact(directory, manifest as ArtifactManifest, found), artifact => {
          artifact.#openParts(verify)
          return artifact
        })
      },
      artifact => artifact.close(),
    )
  }

  private constructor(
    directory: string,
    manifest: ArtifactManifest,
    checksum: string,
    within?: { readonly whole: Artifact; readonly prefix: string },
  ) {
    this.directory = directory
    this.manifest = manifest
    this.checksum = checksum
    this.#within = within
  }

  /**
   * A model that is part of this one: its tensors are those whose names begin with `prefix`, all else is that of the whole. It is
   * open as long as the whole is.
   */
  part({ prefix, algorithm, options }: ArtifactPart): Artifact {
    return new Artifact(this.directory, { ...this.manifest, algorithm, options }, this.checksum, {
      whole: this,
      prefix: this.#nameOf(prefix),
    })
  }

  get users(): IdMap {
    return this.#part('users').ids
  }

  get items(): IdMap {
    return this.#part('items').ids
  }

  /** Ids of the tags of its users; undefined where the dataset had none. */
  get tags(): IdMap | undefined {
    return this.#part('tags')?.ids
  }

  /** (users × items) The pairs that the model was trained on, weighted as it was. */
  get history(): MappedCsr {
    return this.#part('history')
  }

  /** (users × items) The same pairs with the sums that their weights were made of: what live events are added to. */
  get sums(): MappedCsr {
    return this.#part('sums') ?? this.history
  }

  /** Whether {@link sums} has a file of its own. */
  get hasSums(): boolean {
    return this.#part('sums') !== undefined
  }

  /** What live events count beside the pairs, and what pairs count by their sums; undefined where both are as they are. */
  get weighting(): { readonly events: EventWeights; readonly pairs: PairWeights } | undefined {
    if (this.#weighting) return this.#weighting
    const { weighting: terms, options, dataset } = this.manifest
    const chosen = terms && weightingIn(options)
    if (!terms || !chosen) return undefined
    this.#weighting = {
      events: new EventWeights(chosen, terms.newest ?? 0),
      pairs: new PairWeights(
        chosen,
        terms,
        () => valuesIn(this.#part('popularity').counts, 0, dataset.items),
        dataset.users,
      ),
    }
    return this.#weighting
  }

  /** Whether {@link byItem} is there. */
  get hasPairsByItem(): boolean {
    return this.#part('byItem') !== undefined
  }

  /**
   * (items × users) The pairs of {@link history}.
   *
   * @throws Error where the model was saved without.
   */
  get byItem(): MappedCsr {
    const byItem = this.#part('byItem')
    if (byItem) return byItem
    throw new Error(`${this.directory} lacks ${artifactFiles.byItem}: an older Aurochs saved it; train the model anew`)
  }

  /** (users × items) What each user did before the training, in order, where the dataset knows. */
  get events(): Sequences | undefined {
    return this.#part('events')
  }

  get popularity(): Popularity {
    return this.#part('popularity')
  }

  /**
   * The algorithm's tensor `name`, which must hold elements of `kind` and, where given, be of `shape`.
   *
   * @throws Error naming file and tensor when it is not so.
   */
  tensor<A extends TensorArray>(
    name: string,
    kind: new (length: number) => A,
    shape?: readonly number[],
  ): MappedTensor<A> {
    const tensor = mappedTensor(this.#part('tensors'), this.#nameOf(name), kind)
    if (shape) this.#expect('tensors', `${this.#nameOf(name)} of shape`, shape, tensor.shape)
    return tensor
  }

  /** What to throw where the algorithm's tensor `name` is none that it writes: `fault` says what is wrong, and where. */
  damaged(name: string, fault: string): Error {
    const file = join(this.directory, artifactFiles.tensors)
    return new Error(`${file} is damaged: the tensor ${this.#nameOf(name)}: ${fault}; train the model anew`)
  }

  /**
   * Closes the files: they are unmapped when no view of them is left. None of what it has may be used any more: to name a
   * list needs the ids.
   */
  close(): void {
    const { tensors, history, sums, byItem, events, popularity, users, items, tags } = this.#open ?? {}
    for (const part of [tensors, history, sums, byItem, events, popularity, users, items, tags]) part?.close()
    this.#open = undefined
  }

  #openParts(verify: boolean): void {
    const { users, items, pairs, events: expectedEvents, tags } = this.manifest.dataset
    const path = (name: keyof typeof artifactFiles) => join(this.directory, artifactFiles[name])
    const open: Partial<OpenParts> = {}
    this.#open = open
    open.tensors = openSafetensors(path('tensors'))
    open.history = MappedCsr.open(path('history'), items, { verify })
    this.#expect('history', 'rows and pairs', [users, pairs], [open.history.rows, open.history.pairs])
    if (this.manifest.files[artifactFiles.sums]) {
      open.sums = MappedCsr.open(path('sums'), items, { verify })
      this.#expect('sums', 'rows and pairs', [users, pairs], [open.sums.rows, open.sums.pairs])
    }
    if (this.manifest.files[artifactFiles.byItem]) {
      open.byItem = MappedCsr.open(path('byItem'), users, { verify })
      this.#expect('byItem', 'rows and pairs', [items, pairs], [open.byItem.rows, open.byItem.pairs])
    }
    if (expectedEvents !== undefined) {
      open.events = MappedSequences.open(path('events'), items, { verify })
      this.#expect('events', 'rows and events', [users, expectedEvents], [open.events.rows, open.events.events])
    }
    open.popularity = MappedPopularity.open(path('popularity'), { verify })
    const { counts, order } = open.popularity
    this.#expect('popularity', 'counts and order', [items, items], [...counts.shape, ...order.shape])
    const count = (side: 'users' | 'items' | 'tags', expected: number) => (size: number) =>
      this.#expect(side, 'ids', [expected], [size])
    open.users = new MappedIds(path('users'), count('users', users))
    open.items = new MappedIds(path('items'), count('items', items))
    if (tags !== undefined) open.tags = new MappedIds(path('tags'), count('tags', tags))
    if (verify) open.tags?.verify()
    if (verify) open.users.verify()
    if (verify) open.items.verify()
  }

  /** What a tensor is called in the file. */
  #nameOf(name: string): string {
    return this.#within ? this.#within.prefix + name : name
  }

  #part<Name extends keyof OpenParts>(name: Name): OpenParts[Name] {
    if (this.#within) return this.#within.whole.#part(name)
    if (!this.#open) throw new Error(`the model ${this.directory} is closed`)
    return this.#open[name] as OpenParts[Name]
  }

  #expect(file: keyof typeof artifactFiles, what: string, expected: readonly number[], found: readonly number[]): void {
    if (expected.length === found.length && expected.every((n, index) => n === found[index])) return
    throw new Error(
      `${join(this.directory, artifactFiles[file])} does not belong to its manifest: expected ${what} ${expected.join(' × ')}, ` +
        `got ${found.join(' × ')}`,
    )
  }
}

/**
 * The options that a model of `algorithm` was trained with; what its manifest leaves out has its default.
 *
 * @throws Error naming the manifest and the option that the algorithm does not have or take.
 */
export function checkedOptions<Options>(
  { directory, manifest }: Pick<Artifact, 'directory' | 'manifest'>,
  { options }: Pick<Algorithm<Options>, 'options'>,
): Options {
  const fault = faultIn(options, manifest.options)
  if (fault) throw damagedManifest(directory, `of its options, ${fault}`)
  return options.parse(manifest.options)
}

/** @param fault what is wrong with the manifest of the model at `directory`. */
export function damagedManifest(directory: string, fault: string): Error {
  return new Error(`${join(directory, manifestName)} is damaged: ${fault}; train the model anew`)
}

/** A file of ids, mapped; it is viewed when the ids are first asked for. */
class MappedIds {
  readonly #path: string
  readonly #check: (size: number) => void
  readonly #file: FileSlice
  #ids: IdMap | undefined

  /** `check` throws when the file has another number of ids than it should. */
  constructor(path: string, check: (size: number) => void) {
    this.#path = path
    this.#check = check
    this.#file = native.mapFile(path)
  }

  get ids(): IdMap {
    this.#ids ??= this.#idsIn(this.#file.view())
    return this.#ids
  }

  /**
   * Reads all of them: a copy, since a thread whose event loop does not run between its jobs, as that of a worker, would
   * keep a view.
   */
  verify(): void {
    this.#idsIn(bytesOf(this.#file, 0, this.#file.length)).assertOrder(this.#path)
  }

  close(): void {
    this.#ids?.close()
    this.#file.close()
  }

  #idsIn(bytes: Uint8Array): IdMap {
    return closedOnError(IdMap.of(this.#path, bytes), ids => {
      this.#check(ids.size)
      return ids
    })
  }
}

/** What of a dataset is needed to save a model of it: there may be no pairs, where the model was trained elsewhere. */
export interface ArtifactDataset extends Pick<Dataset, 'directory' | 'manifest' | 'assertInPlace'> {
  readonly byItem: Pick<Csr, 'rows' | 'indptr'>
}

/** What is saved as a model. */
export interface ArtifactParts {
  /** Name of the algorithm. */
  readonly algorithm: string
  readonly options: Readonly<Record<string, unknown>>
  /** What the model was trained on. Its pairs and ids become part of the model: linked, or copied to another disk. */
  readonly dataset: ArtifactDataset
  /** The same with the weights that it was trained on. Default: those of the dataset. */
  readonly weighted?: (Omit<WeightedDataset, 'dataset'> & { readonly dataset: Pick<Dataset, 'directory'> }) | undefined
  readonly trained: Trained
  /** {@link Artifact.checksum} of the model that the training began with. */
  readonly warmStart?: string | undefined
  readonly tuning?: Tuning | undefined
  readonly partTunings?: readonly PartTuning[] | undefined
}

/**
 * Writes a model to `directory`, which appears whole or not at all: so a training can save a checkpoint after each
 * epoch with `replace`, and whoever opens it meanwhile has the one before.
 *
 * @returns the manifest
 * @throws Error when another dataset has taken the place of the one that the model was trained on.
 */
export function saveArtifact(
  directory: string,
  { algorithm, options, dataset, weighted = { dataset }, trained, warmStart, tuning, partTunings }: ArtifactParts,
  write?: WriteOptions,
): Promise<ArtifactManifest> {
  const fill = async (draft: string): Promise<Omit<ArtifactManifest, 'files'>> => {
    await writeTensors(join(draft, artifactFiles.tensors), trained.tensors)
    await writeSafetensors(join(draft, artifactFiles.popularity), { ...popularityOf(dataset.byItem) })
    const { directory: pairs } = weighted.dataset
    await linkOrCopy(join(pairs, datasetFiles.byUser), join(draft, artifactFiles.history))
    await linkOrCopy(join(pairs, datasetFiles.byItem), join(draft, artifactFiles.byItem))
    if (weighted.sums !== undefined) await linkOrCopy(weighted.sums, join(draft, artifactFiles.sums))
    await linkOrCopy(join(dataset.directory, datasetFiles.users), join(draft, artifactFiles.users))
    await linkOrCopy(join(dataset.directory, datasetFiles.items), join(draft, artifactFiles.items))
    const { users, items, pairs: count, events, journals, userTags } = dataset.manifest
    if (events !== undefined) {
      await linkOrCopy(join(dataset.directory, datasetFiles.events), join(draft, artifactFiles.events))
    }
    if (userTags) await linkOrCopy(join(dataset.directory, datasetFiles.tags), join(draft, artifactFiles.tags))
    // The workers that trained read the dataset by path, too: a model of two datasets is none.
    dataset.assertInPlace()
    return {
      format: 'aurochs-model',
      version: 2,
      created: new Date().toISOString(),
      algorithm,
      options,
      dataset: {
        users,
        items,
        pairs: count,
        events,
        tags: userTags?.tags,
        journals,
        checksum: checksumOf(dataset.manifest),
      },
      epochs: trained.epochs,
      warmStart,
      weighting: weighted.terms,
      tuning,
      partTunings,
      complete: trained.complete,
      loss: trained.loss,
      findings: trained.findings,
    }
  }
  return writeDirectory(directory, fill, write)
}

/**
 * Opens the model in `directory` and closes it again, for its manifest and checksum. With `verify`, its contents are compared
 * with their checksums.
 *
 * @throws Error as {@link Artifact.open}.
 */
export function inspectArtifact(directory: string, { verify = false } = {}): Pick<Artifact, 'manifest' | 'checksum'> {
  const artifact = Artifact.open(directory, { verify })
  artifact.close()
  return artifact
}

/**
 * Writes the quality of a model to its manifest; its other files stay what they are.
 *
 * @returns the new manifest
 */
export function recordMetrics(
  { directory, manifest }: Artifact,
  metrics: Readonly<Record<string, number>>,
): Promise<ArtifactManifest> {
  const fill = async (draft: string) => {
    for (const name of Object.keys(manifest.files)) await linkOrCopy(join(directory, name), join(draft, name))
    return { ...manifest, metrics: { ...manifest.metrics, ...metrics } }
  }
  return writeDirectory(directory, fill, { replace: true })
}

async function writeTensors(path: string, tensors: Readonly<Record<string, TrainedTensor>>): Promise<void> {
  const all = Object.entries(tensors).map(([name, tensor]) => [name, asPieces(tensor)] as const)
  const writer = await SafetensorsWriter.create(path, Object.fromEntries(all))
  try {
    for (const [name, { pieces }] of all) {
      for (const piece of pieces()) await writer.append(name, piece)
    }
    await writer.finish()
  } finally {
    await writer.close()
  }
}
