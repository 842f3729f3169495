/** A song space on disk: a directory of tensors, ids and texts under a manifest with checksums. */
import { join } from 'node:path'
import { z } from 'zod'
import { type Closable, closedOnError } from '../../storage/closing.ts'
import { type Csr, MappedCsr } from '../../storage/csr.ts'
import {
  type Manifest,
  manifestName,
  openConsistent,
  verifyDirectory,
  type WriteOptions,
  writeDirectory,
} from '../../storage/directory.ts'
import { faultIn } from '../../storage/expectation.ts'
import { type Id, IdMap, writeIds } from '../../storage/ids.ts'
import {
  mappedTensor,
  openSafetensors,
  type Safetensors,
  type Tensor,
  vector,
  writeSafetensors,
} from '../../storage/safetensors.ts'
import type { SongDetails, SongSpace, VectorSource } from './song-space.ts'
import { type SpaceTensors, shapeOf, sourceCodes, tensorKinds, tensorNames, valuesFault } from './tensors.ts'
import { readTextColumns, writeTextColumns } from './text-columns.ts'

export const songSpaceFiles = {
  tensors: 'tensors.safetensors',
  songTags: 'song-tags.safetensors',
  songs: 'songs.arrow',
  tags: 'tags.arrow',
  details: 'details.arrow',
} as const

const count = z.int().nonnegative()
const manifestSchema = z.looseObject({
  songs: count,
  tags: count,
  rank: z.int().positive(),
  pairs: count,
  made: z.record(z.string(), z.unknown()),
  created: z.string(),
})

export interface SongSpaceManifest extends Manifest {
  readonly format: 'aurochs-song-space'
  readonly songs: number
  readonly tags: number
  readonly rank: number
  /** Pairs of a song and a tag that it has. */
  readonly pairs: number
  /** How it was made; informative. */
  readonly made: Readonly<Record<string, unknown>>
  /** ISO 8601, UTC. */
  readonly created: string
}

/** A whole song space in memory: as {@link SongSpace}, with ids, sources and details side by side. */
export interface SongSpaceParts
  extends Pick<SongSpace, 'rank' | 'vectors' | 'tagVectors' | 'songTags' | 'energy' | 'listeners' | 'coordinates'> {
  /** (songs), distinct. */
  readonly songs: readonly Id[] | BigInt64Array
  /** (tags), distinct. */
  readonly tags: readonly string[]
  /** (songs) */
  readonly sources: readonly (VectorSource | undefined)[]
  /** (songs) */
  readonly details: readonly SongDetails[]
  /** How it was made, for the manifest. */
  readonly made?: Readonly<Record<string, unknown>> | undefined
}

/**
 * Writes a song space to `directory`, which appears whole or not at all.
 *
 * @throws RangeError where the parts do not fit together or hold a value that cannot be.
 */
export async function writeSongSpace(
  directory: string,
  parts: SongSpaceParts,
  options?: WriteOptions,
): Promise<SongSpaceManifest> {
  const { songs, tags, rank, songTags, details, made = {} } = parts
  const size = { songs: songs.length, tags: tags.length, rank }
  const tensors = tensorsOf(parts)
  assertFits(parts, tensors)
  const fill = async (draft: string): Promise<Omit<SongSpaceManifest, 'files'>> => {
    const shaped = tensorNames.map((name): [string, Tensor] => [
      name,
      { data: tensors[name], shape: shapeOf(name, size) },
    ])
    await writeSafetensors(join(draft, songSpaceFiles.tensors), Object.fromEntries(shaped))
    await writeSafetensors(join(draft, songSpaceFiles.songTags), {
      indptr: vector(songTags.indptr),
      indices: vector(songTags.indices),
      weights: vector(songTags.weights),
    })
    await writeIds(join(draft, songSpaceFiles.songs), songs)
    await writeIds(join(draft, songSpaceFiles.tags), tags)
    await writeTextColumns(join(draft, songSpaceFiles.details), {
      title: details.map(({ title }) => title),
      artist: details.map(({ artist }) => artist),
      file: details.map(({ file }) => file),
    })
    const format = 'aurochs-song-space' as const
    const pairs = songTags.indices.length
    return { format, version: 1, created: new Date().toISOString(), ...size, pairs, made }
  }
  return writeDirectory(directory, fill, options)
}

/** A song space, mapped from disk. */
export class MappedSongSpace implements SongSpace, Closable {
  readonly directory: string
  readonly manifest: SongSpaceManifest
  readonly songs: IdMap
  readonly tags: IdMap
  readonly songTags: MappedCsr
  readonly #tensors: Safetensors
  readonly #details: Record<'title' | 'artist' | 'file', readonly (string | undefined)[]>
  readonly #views: SpaceTensors

  /** @throws as {@link openSongSpace}. */
  static open(directory: string, { verify = true }: { readonly verify?: boolean } = {}): MappedSongSpace {
    return openConsistent(
      directory,
      'aurochs-song-space',
      manifest => {
        const fault = faultIn(manifestSchema, manifest)
        if (fault) throw new Error(`${join(directory, manifestName)} is damaged: ${fault}; make the song space anew`)
        for (const name of Object.values(songSpaceFiles)) {
          if (manifest.files[name]) continue
          throw new Error(`${join(directory, manifestName)} is damaged: it lists no ${name}; make the song space anew`)
        }
        if (verify) verifyDirectory(directory, manifest)
        return opened(directory, manifest as SongSpaceManifest, parts => {
          const space = new MappedSongSpace(directory, manifest as SongSpaceManifest, parts)
          if (verify) space.#verify()
          return space
        })
      },
      space => space.close(),
    )
  }

  private constructor(directory: string, manifest: SongSpaceManifest, { songs, tags, songTags, tensors }: OpenParts) {
    this.directory = directory
    this.manifest = manifest
    this.songs = songs
    this.tags = tags
    this.songTags = songTags
    this.#tensors = tensors
    this.#views = viewsOf(tensors, manifest)
    const details = join(directory, songSpaceFiles.details)
    this.#details = readTextColumns(details, ['title', 'artist', 'file'], manifest.songs)
  }

  get rank(): number {
    return this.manifest.rank
  }

  get vectors(): Float32Array {
    return this.#views.vectors
  }

  get tagVectors(): Float32Array {
    return this.#views.tagVectors
  }

  get energy(): Float32Array {
    return this.#views.energy
  }

  get listeners(): Uint32Array {
    return this.#views.listeners
  }

  get coordinates(): Float32Array {
    return this.#views.coordinates
  }

  sourceOf(song: number): VectorSource | undefined {
    return sourceCodes[this.#views.sources[song]!]
  }

  detailsOf(song: number): SongDetails {
    const { title, artist, file } = this.#details
    const duration = this.#views.durations[song]!
    return {
      title: title[song],
      artist: artist[song],
      duration: Number.isNaN(duration) ? undefined : duration,
      file: file[song],
    }
  }

  /** Closes the files. Nothing may be used any more. */
  close(): void {
    this.songs.close()
    this.tags.close()
    this.songTags.close()
    this.#tensors.close()
  }

  #verify(): void {
    const { directory, manifest } = this
    this.songs.assertOrder(join(directory, songSpaceFiles.songs))
    this.tags.assertOrder(join(directory, songSpaceFiles.tags))
    const found = valuesFault(this.#views, manifest.rank)
    if (found) throw damaged(this.#tensors.path, `the tensor ${found.name}: ${found.fault}`)
    const weight = weightFault(this.songTags)
    if (weight) throw damaged(join(directory, songSpaceFiles.songTags), weight)
  }
}

/**
 * Opens the song space at `directory`, which {@link writeSongSpace} wrote.
 *
 * @param options.verify reads all files, compares their checksums and checks their values. Default: true.
 * @throws Error naming the file that is missing, damaged, or of another format.
 */
export function openSongSpace(directory: string, options?: { readonly verify?: boolean }): MappedSongSpace {
  return MappedSongSpace.open(directory, options)
}

interface OpenParts {
  readonly songs: IdMap
  readonly tags: IdMap
  readonly songTags: MappedCsr
  readonly tensors: Safetensors
}

/** What `use` makes of the files, which are closed if it fails, or they are not of the numbers that the manifest says. */
function opened<Result>(
  directory: string,
  { songs: songCount, tags: tagCount, pairs }: SongSpaceManifest,
  use: (parts: OpenParts) => Result,
): Result {
  const path = (name: keyof typeof songSpaceFiles) => join(directory, songSpaceFiles[name])
  const expect = (name: keyof typeof songSpaceFiles, what: string, expected: number, got: number) => {
    if (got === expected) return
    throw new Error(`${path(name)} does not belong to its manifest: expected ${expected} ${what}, got ${got}`)
  }
  return closedOnError(IdMap.open(path('songs')), songs =>
    closedOnError(IdMap.open(path('tags')), tags =>
      closedOnError(MappedCsr.open(path('songTags'), tagCount, { verify: true }), songTags =>
        closedOnError(openSafetensors(path('tensors')), tensors => {
          expect('songs', 'ids', songCount, songs.size)
          expect('tags', 'ids', tagCount, tags.size)
          expect('songTags', 'rows', songCount, songTags.rows)
          expect('songTags', 'pairs', pairs, songTags.pairs)
          return use({ songs, tags, songTags, tensors })
        }),
      ),
    ),
  )
}

function viewsOf(file: Safetensors, size: SongSpaceManifest): SpaceTensors {
  const views = tensorNames.map(name => {
    const tensor = mappedTensor(file, name, tensorKinds[name] as new (length: number) => SpaceTensors[typeof name])
    const expected = shapeOf(name, size).join(' × ')
    const got = tensor.shape.join(' × ')
    if (got !== expected) throw damaged(file.path, `the tensor ${name} must be of ${expected}, but is of ${got}`)
    return [name, tensor.data]
  })
  return Object.fromEntries(views)
}

function tensorsOf({ vectors, tagVectors, energy, listeners, coordinates, details, sources }: SongSpaceParts) {
  const tensors: SpaceTensors = {
    vectors,
    tagVectors,
    energy,
    listeners,
    coordinates,
    durations: Float32Array.from(details, ({ duration }) => duration ?? Number.NaN),
    sources: Uint8Array.from(sources, source => sourceCodes.indexOf(source)),
  }
  return tensors
}

/** @throws RangeError naming the part that does not fit. */
function assertFits({ songs, tags, rank, songTags }: SongSpaceParts, tensors: SpaceTensors): void {
  const size = { songs: songs.length, tags: tags.length, rank }
  for (const name of tensorNames) {
    const shape = shapeOf(name, size)
    const expected = shape.reduce((product, n) => product * n, 1)
    if (tensors[name].length === expected) continue
    throw new RangeError(`${name} must hold ${shape.join(' × ')} values, got ${tensors[name].length}`)
  }
  if (songTags.rows !== size.songs || songTags.columns !== size.tags) {
    const got = `${songTags.rows} × ${songTags.columns}`
    throw new RangeError(`songTags must be ${size.songs} songs × ${size.tags} tags, got ${got}`)
  }
  const found = valuesFault(tensors, rank)
  if (found) throw new RangeError(`${found.name}: ${found.fault}`)
  const weight = weightFault(songTags)
  if (weight) throw new RangeError(`songTags: ${weight}`)
}

function weightFault({ weights }: Csr): string | undefined {
  const at = weights.findIndex(weight => !(weight > 0 && weight <= 1))
  return at < 0 ? undefined : `weight ${at} must be above 0 up to 1, got ${weights[at]}`
}

function damaged(path: string, fault: string): Error {
  return new Error(`${path} is damaged: ${fault}; make the song space anew`)
}
