import { join } from 'node:path'
import { rowOf } from '../../src/models/open/history.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { algorithmNamed } from '../../src/models/registry.ts'
import { trainModel } from '../../src/models/training/train.ts'
import { meanVector } from '../../src/music/mix/ingredients/ingredients.ts'
import { type BuiltSongSpace, buildSongSpace } from '../../src/music/space/build.ts'
import { fitFeatureMap } from '../../src/music/space/map/feature-map.ts'
import type { SongFeatures } from '../../src/music/space/map/features.ts'
import { songVectors } from '../../src/music/space/map/song-vectors.ts'
import type { SongSpace } from '../../src/music/space/song-space.ts'
import type { SongRow } from '../../src/music/space/songs/read-songs.ts'
import { normalise, productWith } from '../../src/music/space/vectors.ts'
import type { Pool } from '../../src/parallel/pool.ts'
import { type Csr, transposed } from '../../src/storage/csr.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { type ColdData, mapped, pairsOf } from './data.ts'
import { type Judged, judgedOf } from './judge.ts'
import { type NeighbourOptions, neighbourScores } from './neighbours.ts'

/** What is learned from, and which songs are held out of it. */
export interface StagePart {
  readonly kept: readonly number[]
  readonly held: number
}

/** One training without the songs that are held out, and the ways to find these. */
export class Stage {
  readonly #data: ColdData
  readonly #held: number
  readonly #model: OpenModel
  readonly #listeners: Csr
  /** (songs) 1 of those that have listeners and tags. */
  readonly #isTraining: Uint8Array
  /** (users × songs) */
  readonly training: Csr
  /** Of the spaces that were made. */
  readonly maps: NonNullable<BuiltSongSpace['map']>[] = []

  /** @param factors of ALS. */
  static async of(
    data: ColdData,
    { kept, held }: StagePart,
    factors: number,
    { pool, folder }: { readonly pool: Pool; readonly folder: string },
  ): Promise<Stage> {
    const { users, items } = data.dataset
    const training = pairsOf(data, kept)
    const parts = {
      byUser: training,
      users: Array.from({ length: users.size }, (_, user) => users.at(user)),
      items: Array.from({ length: items.size }, (_, item) => items.at(item)),
    }
    await writeDataset(join(folder, 'data'), parts, { replace: true })
    const dataset = Dataset.open(join(folder, 'data'))
    try {
      await trainModel(dataset, join(folder, 'model'), algorithmNamed('als'), { factors }, { pool, replace: true })
    } finally {
      dataset.close()
    }
    return new Stage(data, held, training, OpenModel.open(join(folder, 'model')))
  }

  private constructor(data: ColdData, held: number, training: Csr, model: OpenModel) {
    this.#data = data
    this.#held = held
    this.#model = model
    this.training = training
    this.#listeners = transposed(training)
    const { indptr } = this.#listeners
    this.#isTraining = Uint8Array.from({ length: data.tags.rows }, (_, song) =>
      Number(indptr[song] !== indptr[song + 1] && data.tags.indptr[song] !== data.tags.indptr[song + 1]),
    )
  }

  judgedAmongHeld(most: number): Judged[] {
    return judgedOf(this.#data, this.#held, this.training, most)
  }

  /** By each of `ways`, for each view: (users × candidates). */
  neighbours(judged: readonly Judged[], ways: readonly NeighbourOptions[]): Float32Array[][] {
    const byView = judged.map(({ users, candidates, view }) => {
      const rowOfUser = new Int32Array(this.training.rows).fill(-1)
      users.forEach((user, row) => {
        rowOfUser[user] = row
      })
      const task = {
        tags: this.#data.tags,
        isTraining: this.#isTraining,
        listeners: this.#listeners,
        rowOfUser,
        rows: users.length,
        candidates,
        candidateTags: view.tags,
      }
      return neighbourScores(task, ways)
    })
    return ways.map((_, way) => judged.map((one, view) => this.#withoutKnown(one, byView[view]![way]!)))
  }

  /** By the song space that `aurochs music build-space` makes: the cosine with the mean of the songs of a listener, as mixes have a taste. */
  async space(judged: readonly Judged[]): Promise<Float32Array[]> {
    const scores: Float32Array[] = []
    for (const one of judged) {
      const { parts, map } = await buildSongSpace({ songs: this.#rowsOf(one), model: this.#model, projection: 'pca' })
      this.maps.push(map!)
      scores.push(this.#byTaste(one, parts))
    }
    return scores
  }

  /** The same with the map that is fitted to vectors alone. */
  regression(judged: readonly Judged[]): Float32Array[] {
    const { data, factors: rank } = this.#model.vectors('items')
    const listeners = Uint32Array.from({ length: this.training.columns }, (_, song) =>
      Number(this.#listeners.indptr[song + 1]! - this.#listeners.indptr[song]!),
    )
    const byListeners = normalise(Float32Array.from(data), rank)
    const map = fitFeatureMap({ features: featuresOf(this.#data.tags), vectors: byListeners, rank, listeners })!
    return judged.map(one => {
      const byFeatures = map.predict(featuresOf(one.view.tags))
      const { vectors } = songVectors({ rank, byListeners, listeners, byFeatures, kappa: map.kappa })
      return this.#byTaste(one, { rank, vectors })
    })
  }

  /** Songs of the training with all of their tags, and those to be found with the tags of the view. */
  #rowsOf({ candidates, view }: Judged): SongRow[] {
    const { dataset, tags } = this.#data
    const isCandidate = new Set(candidates)
    return Array.from({ length: dataset.items.size }, (_, song) => {
      const { indices, weights } = rowOf(isCandidate.has(song) ? view.tags : tags, song)
      const isKnown = isCandidate.has(song) || this.#isTraining[song] === 1
      return {
        id: String(dataset.items.at(song)),
        tags: isKnown ? Array.from(indices, (tag, at) => ({ tag: String(tag), weight: Math.log1p(weights[at]!) })) : [],
      }
    })
  }

  close(): void {
    this.#model.close()
  }

  #byTaste(judged: Judged, space: Pick<SongSpace, 'rank' | 'vectors'>): Float32Array {
    const { users, candidates } = judged
    const scores = new Float32Array(users.length * candidates.length)
    users.forEach((user, row) => {
      const songs = Array.from(rowOf(this.training, user).indices)
      const weights = songs.map(() => 1)
      const taste = meanVector(space, songs, weights) ?? new Float32Array(space.rank)
      candidates.forEach((song, column) => {
        scores[row * candidates.length + column] = productWith(space.vectors, song, taste)
      })
    })
    return this.#withoutKnown(judged, scores)
  }

  /** Songs that a listener has come last. */
  #withoutKnown({ users, candidates }: Judged, scores: Float32Array): Float32Array {
    const columnOf = new Map(candidates.map((song, column) => [song, column]))
    users.forEach((user, row) => {
      for (let at = Number(this.training.indptr[user]); at < Number(this.training.indptr[user + 1]); at++) {
        const column = columnOf.get(this.training.indices[at]!)
        if (column !== undefined) scores[row * candidates.length + column] = Number.NEGATIVE_INFINITY
      }
    })
    return scores
  }
}

/** Tags with the logarithm of how often they were given. */
function featuresOf(tags: Csr): SongFeatures {
  return { songs: tags.rows, tags: mapped(tags, count => Math.log1p(count)) }
}
