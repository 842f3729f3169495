import { join } from 'node:path'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { algorithmNamed } from '../../src/models/registry.ts'
import { trainModel } from '../../src/models/training/train.ts'
import { fitFeatureMap } from '../../src/music/space/map/feature-map.ts'
import { FeatureEncoder, type SongFeatures } from '../../src/music/space/map/features.ts'
import { fitListensMap } from '../../src/music/space/map/listens-map.ts'
import { multiply } from '../../src/music/space/map/products.ts'
import type { Pool } from '../../src/parallel/pool.ts'
import { type Csr, transposed } from '../../src/storage/csr.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { type ColdData, mapped, pairsOf } from './data.ts'
import { type Judged, judgedOf } from './judge.ts'
import { type NeighbourOptions, neighbourScores } from './neighbours.ts'

export interface ListensOptions {
  /** Of ALS. */
  readonly factors: number
  readonly confidence: number
  readonly lambda: number
}

export const listensGrid: readonly ListensOptions[] = [64, 128].flatMap(factors =>
  [30, 100, 300].map(lambda => ({ factors, confidence: 10, lambda })),
)

/** What is learned from, and which songs are held out of it. */
export interface StagePart {
  readonly kept: readonly number[]
  readonly held: number
  readonly factors: number
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

  static async of(
    data: ColdData,
    { kept, held, factors }: StagePart,
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

  /** The same, but the songs of the training are candidates, too. */
  judgedAmongAll(most: number): Judged[] {
    return this.judgedAmongHeld(most).map(judged => {
      const others = [...this.#isTraining.keys()].filter(song => this.#isTraining[song] === 1)
      return Object.assign({}, judged, { candidates: [...judged.candidates, ...others] })
    })
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

  /** By the ridge regression of the vectors of ALS on tags. */
  regression(judged: readonly Judged[]): Float32Array[] {
    const { data: vectors, factors: rank } = this.#model.vectors('items')
    const counts = Array.from({ length: this.training.columns }, (_, song) =>
      Number(this.#listeners.indptr[song + 1]! - this.#listeners.indptr[song]!),
    )
    const training = { features: featuresOf(this.#data.tags), vectors, rank, listeners: Uint32Array.from(counts) }
    const map = fitFeatureMap(training, { leastListeners: 1 })!
    return judged.map(one => this.#byVectors(one, map.predict(featuresOf(one.view.tags))))
  }

  /** By the map from tags to vectors that fits who listens. */
  listens(judged: readonly Judged[], { confidence, lambda }: ListensOptions): Float32Array[] {
    const { data: users, factors: rank } = this.#model.vectors('users')
    const features = featuresOf(this.#data.tags)
    const songs = [...this.#isTraining.keys()].filter(song => this.#isTraining[song] === 1)
    const encoder = new FeatureEncoder(features, songs)
    const problem = { songs, listeners: this.#listeners, users, rank, confidence, lambda }
    const weights = fitListensMap(Object.assign(problem, { features: encoder.encode(features) }))
    return judged.map(one => {
      const encoded = encoder.encode(featuresOf(one.view.tags))
      const vectors = new Float64Array(encoded.rows * rank)
      multiply(encoded, [...Array(encoded.rows).keys()], weights, rank, vectors)
      return this.#byVectors(one, vectors)
    })
  }

  close(): void {
    this.#model.close()
  }

  /** The product of vectors of users and songs: of ALS where it has learned of a song, else those of `mapped`. */
  #byVectors(judged: Judged, mapped: ArrayLike<number>): Float32Array {
    const { users, candidates } = judged
    const { data: ofUsers, factors: rank } = this.#model.vectors('users')
    const ofSongs = this.#model.vectors('items').data
    const scores = new Float32Array(users.length * candidates.length)
    users.forEach((user, row) => {
      const own = ofUsers.subarray(user * rank, (user + 1) * rank)
      candidates.forEach((song, column) => {
        const vectors = this.#isTraining[song] === 1 ? ofSongs : mapped
        let sum = 0
        for (let at = 0; at < rank; at++) sum += own[at]! * vectors[song * rank + at]!
        scores[row * candidates.length + column] = sum
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
