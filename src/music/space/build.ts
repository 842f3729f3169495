/** From songs, a model and what songs sound like to a song space. */
import type { OpenModel } from '../../models/open/open-model.ts'
import { selectedRows, transposed } from '../../storage/csr.ts'
import type { SongSpaceParts } from './artifact.ts'
import { coordinatesOf, type Projection } from './coordinates.ts'
import { type FeatureMap, fitFeatureMap, leastSongs, songsToLearnFrom } from './map/feature-map.ts'
import { FeatureEncoder, hasFeatures, type SongFeatures } from './map/features.ts'
import type { MapUsers } from './map/listens-search.ts'
import { principalCoordinates } from './map/principal-axes.ts'
import { songVectors } from './map/song-vectors.ts'
import type { VectorSource } from './song-space.ts'
import type { SongTagger } from './song-tagger.ts'
import { type AnalysedSounds, analyseSongs } from './songs/analyse-songs.ts'
import { energies } from './songs/energy.ts'
import type { SongRow } from './songs/read-songs.ts'
import { songTagsOf } from './songs/song-tags.ts'
import { chooseTagVectors } from './tag-vectors.ts'
import { normalise } from './vectors.ts'

export interface BuildSongSpace {
  /** Ids distinct, files as paths that can be opened. */
  readonly songs: readonly SongRow[]
  /** A model with vectors of items, whose ids are those of songs. Absent: the space is made of sound and tags alone. */
  readonly model?: OpenModel | undefined
  readonly tagger?: SongTagger | undefined
  /** Numbers of a vector where there is no model, from 1. Default: 64, or what the features have if that is less. */
  readonly rank?: number | undefined
  /** Songs with fewer listeners do not teach the map from features to vectors, where it is fitted to these. Default: 5. */
  readonly leastListeners?: number | undefined
  readonly projection?: Projection | undefined
  /** Default: 0. */
  readonly seed?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: SpaceProgress) => void) | undefined
}

export interface SpaceProgress {
  readonly stage: 'analysing sounds' | 'learning the map' | 'placing songs'
  /** Share of the stage, 0 to 1. */
  readonly done: number
  /** Files that were analysed, and in all. */
  readonly files?: { readonly done: number; readonly total: number }
}

export interface BuiltSongSpace {
  readonly parts: SongSpaceParts
  readonly failed: AnalysedSounds['failed']
  /** Absent where there is no model, or too few songs to learn it from. */
  readonly map: Omit<FeatureMap, 'predict'> | undefined
  /** Absent where there is no model. */
  readonly ofModel: ModelCoverage | undefined
}

/** How the songs of a space and the items of its model meet. */
export interface ModelCoverage {
  readonly items: number
  /** Items of the model that are no songs of the space. */
  readonly missingItems: number
  /** Songs with listeners enough and features: the map is learned of them. */
  readonly songsToLearnFrom: number
}

/** Vectors that are partly whitened, or those of the few directions of most variance would say all. */
const whitening = 0.5
const defaultRank = 64

/**
 * Makes a song space. With a model, vectors are of its space: by listeners, by a map from features that is learned of songs with enough
 * listeners, or between them by how many there are ({@link fitFeatureMap}, {@link songVectors}). Without, they are principal coordinates of
 * embedding and tags side by side.
 *
 * @throws RangeError where nothing is known of any song, or the model has none of them; TypeError where the model has no vectors of items; the reason of the signal when
 *   it is aborted.
 */
export async function buildSongSpace(options: BuildSongSpace): Promise<BuiltSongSpace> {
  const { songs, model, tagger, projection = 'umap', seed = 0, signal, onProgress } = options
  if (songs.length === 0) throw new RangeError('a song space needs at least one song, got none')
  if (model) assertOverlap(songs, model)
  const analysed = await analyseSongs(
    songs.map(({ file }) => file),
    {
      tagger,
      signal,
      onProgress: (done, total) =>
        onProgress?.({ stage: 'analysing sounds', done: done / total, files: { done, total } }),
    },
  )
  const { tags, songTags } = songTagsOf(
    songs.map(({ tags }) => tags),
    tagger?.labels ?? [],
    analysed.sounds.map(sound => sound?.probabilities),
    model && learnedTags(model),
  )
  const features: SongFeatures = { songs: songs.length, tags: songTags, sound: soundOf(analysed, tagger) }
  const found = model ? vectorsByModel(model, features, options) : vectorsByFeatures(features, options)
  const { vectors, rank, sources, listeners, map, coverage } = found
  if (!sources.some(source => source !== undefined)) {
    throw new RangeError(
      'nothing is known of any song: expected listeners in the model, tags or sound files of at least one song, got none' +
        (analysed.failed.length > 0
          ? `; of ${analysed.failed.length} sound files none could be read, the first: ${analysed.failed[0]!.message}`
          : ''),
    )
  }
  const ofModel = model && tagVectorsOf(model, tags, rank)
  const tagVectors = chooseTagVectors({ vectors, rank, songTags }, ofModel)
  onProgress?.({ stage: 'placing songs', done: 0 })
  const coordinates = await coordinatesOf(vectors, rank, { projection, seed, signal })
  const rankedEnergy = energies(analysed.energies)
  const summary = map && summaryOf(map)
  const parts: SongSpaceParts = {
    rank,
    songs: songs.map(({ id }) => id),
    tags,
    vectors,
    tagVectors: tagVectors.vectors,
    songTags,
    energy: Float32Array.from(songs, ({ energy }, song) => energy ?? rankedEnergy[song]!),
    listeners,
    coordinates,
    sources,
    details: songs.map(({ title, artist, duration, file }, song) => ({
      title,
      artist,
      duration: duration ?? analysed.energies[song]?.seconds,
      file,
    })),
    made: {
      ...(model && { model: { algorithm: model.artifact.manifest.algorithm, checksum: model.artifact.checksum } }),
      ...(summary && { map: summary }),
      tagVectors: { by: tagVectors.chosen, ...(tagVectors.auc && { auc: tagVectors.auc }) },
      projection,
      seed,
    },
  }
  return { parts, failed: analysed.failed, map: summary, ofModel: coverage }
}

function summaryOf({ predict: _, recall, ...map }: FeatureMap): Omit<FeatureMap, 'predict'> {
  return Object.assign(map, recall && { recall })
}

interface FoundVectors {
  readonly vectors: Float32Array
  readonly rank: number
  readonly sources: readonly (VectorSource | undefined)[]
  readonly listeners: Uint32Array
  readonly map?: FeatureMap | undefined
  readonly coverage?: ModelCoverage | undefined
}

/** Before hours of analysis rather than after. */
function assertOverlap(songs: readonly SongRow[], { artifact: { items } }: OpenModel): void {
  const ids = songs.map(({ id }) => id)
  if (items.indicesOf(ids).some(row => row >= 0)) return
  const example = (id: unknown) => JSON.stringify(String(id))
  throw new RangeError(
    `none of the ${ids.length} songs is an item of the model: expected ids of its ${items.size} items, such as ${example(items.at(0))}, got ${example(ids[0])}`,
  )
}

function vectorsByModel(model: OpenModel, features: SongFeatures, options: BuildSongSpace): FoundVectors {
  const { data, factors: rank } = model.vectors('items')
  const rows = model.artifact.items.indicesOf(options.songs.map(({ id }) => id))
  const byListeners = new Float32Array(features.songs * rank)
  rows.forEach((row, song) => {
    if (row >= 0) byListeners.set(data.subarray(row * rank, (row + 1) * rank), song * rank)
  })
  normalise(byListeners, rank)
  const counts = model.artifact.popularity.counts.data
  const listeners = Uint32Array.from(rows, row => (row < 0 ? 0 : counts[row]!))
  const known = { features, vectors: byListeners, rank, listeners }
  const coverage = {
    items: counts.length,
    missingItems: counts.length - rows.filter(row => row >= 0).length,
    songsToLearnFrom: songsToLearnFrom(known, options.leastListeners).length,
  }
  const users = coverage.songsToLearnFrom < leastSongs ? undefined : usersOf(model, rows, rank)
  const map = fitFeatureMap(Object.assign({ users }, known), {
    leastListeners: options.leastListeners,
    seed: options.seed,
    signal: options.signal,
    onProgress: (done, total) => options.onProgress?.({ stage: 'learning the map', done: done / total }),
  })
  const byFeatures = map?.predict(features) ?? new Float32Array(features.songs * rank)
  const estimates = { rank, byListeners, listeners, byFeatures, kappa: map?.kappa ?? 0 }
  return Object.assign({ rank, listeners, map, coverage }, songVectors(estimates))
}

/**
 * The users of a model of ALS and which of the songs they listen to. Products of other models' vectors are no estimates of who listens: a map that
 * is fitted to these of an autoencoder puts songs without listeners apart from all others.
 */
function usersOf(model: OpenModel, rows: ArrayLike<number>, rank: number): MapUsers | undefined {
  const { history, manifest } = model.artifact
  if (manifest.algorithm !== 'als') return undefined
  const { data: vectors } = model.vectors('users')
  if (vectors.length !== history.rows * rank) return undefined
  return { vectors: new Float64Array(vectors), listens: selectedRows(transposed(history), rows) }
}

function vectorsByFeatures(features: SongFeatures, { rank: most, seed = 0, signal }: BuildSongSpace): FoundVectors {
  const known = Array.from({ length: features.songs }, (_, song) => song).filter(song => hasFeatures(features, song))
  const matrix = new FeatureEncoder(features, known).encode(features, { indicators: false })
  const rank = Math.max(1, Math.min(most ?? defaultRank, features.songs, matrix.columns))
  const coordinates = principalCoordinates(matrix, { rank, whitening, seed, signal })
  const isKnown = new Set(known)
  const vectors = normalise(
    Float32Array.from(coordinates, (value, at) => (isKnown.has(Math.floor(at / rank)) ? value : 0)),
    rank,
  )
  const sources = Array.from({ length: features.songs }, (_, song) => (isKnown.has(song) ? 'features' : undefined))
  return { vectors, rank, sources, listeners: new Uint32Array(features.songs) }
}

function soundOf({ sounds }: AnalysedSounds, tagger: SongTagger | undefined): SongFeatures['sound'] {
  if (!tagger) return undefined
  const width = tagger.embedding
  const values = new Float32Array(sounds.length * width).fill(Number.NaN)
  sounds.forEach((sound, song) => {
    if (sound) values.set(sound.embedding, song * width)
  })
  return { values, width }
}

/** Tags that the model has vectors of: those of playlists, say, that no song has itself. */
function learnedTags(model: OpenModel): string[] {
  const ids = model.artifact.tags
  // A training that did not learn tags has ids without vectors.
  if (!ids || !model.tagVectors()?.data.length) return []
  return Array.from({ length: ids.size }, (_, tag) => String(ids.at(tag)))
}

/** (tags × rank) The vectors that the model has of these tags; undefined where it has none of any. */
function tagVectorsOf(model: OpenModel, tags: readonly string[], rank: number): Float32Array | undefined {
  const { data } = model.tagVectors() ?? { data: new Float32Array(0) }
  const ids = model.artifact.tags
  // A training that did not learn tags has ids without vectors.
  if (!ids || data.length !== ids.size * rank) return undefined
  const rows = ids.indicesOf(tags)
  if (rows.every(row => row < 0)) return undefined
  const vectors = new Float32Array(tags.length * rank)
  rows.forEach((row, tag) => {
    if (row >= 0) vectors.set(data.subarray(row * rank, (row + 1) * rank), tag * rank)
  })
  return vectors
}
