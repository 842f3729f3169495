/** Tags beside songs: whether they help, and how well they are found. */
import { join } from 'node:path'
import { evaluate } from '../../src/evaluation/evaluate.ts'
import { parseMetrics } from '../../src/evaluation/metrics/metrics.ts'
import type { UserValues } from '../../src/evaluation/significance/user-values.ts'
import { type HeldOut, knownItems } from '../../src/evaluation/splits/held-out.ts'
import type { RankRequest } from '../../src/models/algorithm.ts'
import { Artifact } from '../../src/models/artifact/artifact.ts'
import { autoencoder } from '../../src/models/factors/autoencoder/index.ts'
import { type AutoencoderModel, openAutoencoder } from '../../src/models/factors/autoencoder/model.ts'
import { trainModel } from '../../src/models/training/train.ts'
import type { Pool } from '../../src/parallel/pool.ts'
import { union } from '../../src/search/item-lists.ts'
import type { Csr } from '../../src/storage/csr.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import type { PlaylistTags } from './tags.ts'

type Options = Readonly<Record<string, unknown>>

/** Playlists with tags: what is learned from, what of those that are judged is given, and what is to be found. */
export interface TaggedPart {
  readonly train: Dataset
  readonly held: HeldOut
  readonly tags: PlaylistTags
}

/** What an autoencoder with tags finds. */
export interface TaggedResult {
  /** Songs, of given songs alone. */
  readonly bySongs: UserValues
  /** Songs, of given songs and tags. */
  readonly byBoth: UserValues
  /** Tags, of given songs and tags: `tag_ndcg@10` of the playlists that have hidden ones. */
  readonly tags: UserValues
}

export const songMetrics = parseMetrics('ndcg@100,r_precision@250')

/** `train` with tags, as a dataset in `directory`. */
export async function withTags(train: Dataset, tags: PlaylistTags, directory: string): Promise<Dataset> {
  const { rows, columns, indptr, indices, weights } = train.byUser
  await writeDataset(
    directory,
    {
      byUser: { rows, columns, indptr, indices, weights },
      users: Array.from({ length: rows }, (_, user) => train.users.at(user)),
      items: Array.from({ length: columns }, (_, item) => train.items.at(item)),
      tags: tags.train,
    },
    { replace: true },
  )
  return Dataset.open(directory)
}

/** Trains with tags and judges songs and tags. */
export async function judgeTagged(
  { train, held, tags }: TaggedPart,
  options: Options,
  { pool, folder }: { readonly pool: Pool; readonly folder: string },
): Promise<TaggedResult> {
  const directory = join(folder, 'tagged-model')
  await trainModel(train, directory, autoencoder, options, { pool, replace: true })
  const artifact = Artifact.open(directory, { verify: false })
  try {
    const model = openAutoencoder(artifact)
    const songs = async (isTagged: boolean) =>
      (await evaluate(rankerOf(model, held, tags, isTagged), held, songMetrics)).perUser
    const [bySongs, byBoth] = [await songs(false), await songs(true)]
    return {
      bySongs,
      byBoth,
      tags: judgeTagsBy(held, tags, at => [model.tagScores(hiddenOf(model, held, tags, at))])[0]!,
    }
  } finally {
    artifact.close()
  }
}

function rankerOf(model: AutoencoderModel, held: HeldOut, tags: PlaylistTags, isTagged: boolean) {
  // Requests come in the order of the judged playlists, each once.
  let next = 0
  return {
    items: held.training.columns,
    rank: async (requests: readonly RankRequest[]) =>
      requests.map(request => {
        const at = next++
        const known = knownItems(held, at)
        const hidden = isTagged ? hiddenOf(model, held, tags, at) : model.foldIn([onesOf(known)])
        const exclude = union(request.exclude, known)
        return model.rankBy([{ ...request, history: onesOf(known), exclude, only: undefined }], hidden)[0]!
      }),
  }
}

function hiddenOf(model: AutoencoderModel, held: HeldOut, { given }: PlaylistTags, at: number): Float32Array {
  return model.foldInTagged([{ items: onesOf(knownItems(held, at)), tags: onesOf(given[held.rows[at]!]!) }])
}

function onesOf(indices: Uint32Array) {
  return { indices, weights: new Float32Array(indices.length).fill(1) }
}

/** NDCG@10 of the tags that are not given, of each way of scoring all tags; the playlists without hidden tags are not judged. */
export function judgeTagsBy(
  held: HeldOut,
  tags: PlaylistTags,
  scoresOf: (at: number) => readonly ArrayLike<number>[],
): UserValues[] {
  const judged = [...held.rows.keys()].filter(at => tags.hidden[held.rows[at]!]!.length > 0)
  const rows = Uint32Array.from(judged, at => held.rows[at]!)
  const histories = Uint32Array.from(judged, at => held.histories[at]!)
  const found = judged.map(at => {
    const row = held.rows[at]!
    return scoresOf(at).map(scores => tagNdcg(scores, tags.given[row]!, tags.hidden[row]!))
  })
  const ways = found[0]?.length ?? 0
  return Array.from({ length: ways }, (_, way) => ({
    rows,
    histories,
    values: { 'tag_ndcg@10': Float64Array.from(found, each => each[way]!) },
  }))
}

function tagNdcg(scores: ArrayLike<number>, given: Uint32Array, hidden: Uint32Array): number {
  const [known, wanted] = [new Set(given), new Set(hidden)]
  const order = Array.from(scores, (_, tag) => tag).filter(tag => !known.has(tag))
  const best = order.sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, 10)
  const gain = (hits: readonly boolean[]) =>
    hits.reduce((sum, hit, place) => sum + (hit ? 1 / Math.log2(place + 2) : 0), 0)
  return gain(best.map(tag => wanted.has(tag))) / gain(Array<boolean>(Math.min(10, wanted.size)).fill(true))
}

/** How the tags of neighbours are counted. */
export interface TagNeighbours {
  readonly neighbours: number
  /** What playlists are similar by. */
  readonly by: 'songs' | 'tags' | 'both'
}

export const tagNeighbourGrid: readonly TagNeighbours[] = (['songs', 'tags', 'both'] as const).flatMap(by =>
  [10, 25, 50, 100, 200, 400].map(neighbours => ({ neighbours, by })),
)

/** For each judged playlist and way of the grid: scores of all tags, the sum of the cosines of the nearest playlists that have them. */
export function neighbourTagScores(
  { train, held, tags }: TaggedPart,
  ways: readonly TagNeighbours[],
): (at: number) => readonly Float64Array[] {
  const matrices = { songs: columnsOf(train.byUser), tags: columnsOf(tags.train.byUser) }
  const { indptr, indices } = tags.train.byUser
  return at => {
    const bySongs = cosines(matrices.songs, knownItems(held, at))
    const byTags = cosines(matrices.tags, tags.given[held.rows[at]!]!)
    const similarities = { songs: bySongs, tags: byTags, both: bySongs.map((value, user) => value + byTags[user]!) }
    return ways.map(({ neighbours, by }) => {
      const similarity = similarities[by]
      const nearest = [...similarity.keys()].filter(user => similarity[user]! > 0)
      nearest.sort((a, b) => similarity[b]! - similarity[a]! || a - b)
      const scores = new Float64Array(tags.train.byUser.columns)
      for (const user of nearest.slice(0, neighbours)) {
        for (let pair = Number(indptr[user]); pair < Number(indptr[user + 1]); pair++) {
          scores[indices[pair]!]! += similarity[user]!
        }
      }
      return scores
    })
  }
}

interface Columns {
  readonly users: readonly (readonly number[])[]
  readonly sizes: Float64Array
}

function columnsOf({ rows, columns, indptr, indices }: Csr): Columns {
  const users: number[][] = Array.from({ length: columns }, () => [])
  const sizes = new Float64Array(rows)
  for (let user = 0; user < rows; user++) {
    for (let pair = Number(indptr[user]); pair < Number(indptr[user + 1]); pair++) users[indices[pair]!]!.push(user)
    sizes[user] = Number(indptr[user + 1]! - indptr[user]!)
  }
  return { users, sizes }
}

/** Of each playlist of the training with these columns. */
function cosines({ users, sizes }: Columns, own: Uint32Array): Float64Array {
  const shared = new Float64Array(sizes.length)
  for (const column of own) for (const user of users[column]!) shared[user]! += 1
  return shared.map((count, user) => (count > 0 ? count / Math.sqrt(sizes[user]! * own.length) : 0))
}
