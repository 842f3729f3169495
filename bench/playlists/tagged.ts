/** Tags beside songs: whether they help, and how well they are found. */
import { join } from 'node:path'
import { evaluate } from '../../src/evaluation/evaluate.ts'
import { parseMetrics } from '../../src/evaluation/metrics/metrics.ts'
import { requestOf } from '../../src/evaluation/requests.ts'
import type { UserValues } from '../../src/evaluation/significance/user-values.ts'
import { type HeldOut, knownItems } from '../../src/evaluation/splits/held-out.ts'
import type { ItemList, RankRequest } from '../../src/models/algorithm.ts'
import { Artifact } from '../../src/models/artifact/artifact.ts'
import { autoencoder } from '../../src/models/factors/autoencoder/index.ts'
import { type AutoencoderModel, openAutoencoder } from '../../src/models/factors/autoencoder/model.ts'
import { trainModel } from '../../src/models/training/train.ts'
import type { Pool } from '../../src/parallel/pool.ts'
import { type Row, union } from '../../src/search/item-lists.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import type { PlaylistTags } from './tags.ts'

type Options = Readonly<Record<string, unknown>>

/** Of playlists with tags, what is given and what is to be found. */
export interface TaggedDraw {
  readonly held: HeldOut
  readonly tags: PlaylistTags
}

/** What an autoencoder with tags finds, of each draw. */
export interface TaggedResult {
  /** Songs, of given songs alone. */
  readonly bySongs: readonly UserValues[]
  /** Songs, of given songs and tags. */
  readonly byBoth: readonly UserValues[]
  /** Tags, of given songs and tags, by each way: `tag_ndcg@10` of the playlists that have hidden ones. */
  readonly tags: Readonly<Partial<Record<TagWay, readonly UserValues[]>>>
}

/**
 * How an autoencoder tells tags: by the head of tags; where tags belong to songs, by those of the songs that it tells, each counting as much as
 * the probabilities of the songs that carry it say in sum; or by the sum of the logarithms of both.
 */
export const tagWays = ['head', 'songs', 'both'] as const
export type TagWay = (typeof tagWays)[number]

/** Places of tags that are judged. */
const judgedTags = 10

/** Songs whose tags are told: others have next to no probability. */
const toldSongs = 1000

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
  train: Dataset,
  draws: readonly TaggedDraw[],
  options: Options,
  { pool, folder }: { readonly pool: Pool; readonly folder: string },
): Promise<TaggedResult> {
  const directory = join(folder, 'tagged-model')
  await trainModel(train, directory, autoencoder, options, { pool, replace: true })
  const artifact = Artifact.open(directory, { verify: false })
  try {
    const model = openAutoencoder(artifact)
    const songs = async (isTagged: boolean) => {
      const found: UserValues[] = []
      for (const { held, tags } of draws) {
        found.push((await evaluate(rankerOf(model, held, tags, isTagged), held, songMetrics)).perUser)
      }
      return found
    }
    const [bySongs, byBoth] = [await songs(false), await songs(true)]
    const ways = draws.map(draw => judgeTagsBy(draw, at => tagScores(model, draw, at)))
    const tags = ways[0]!.map((_, way) => [tagWays[way]!, ways.map(each => each[way]!)] as const)
    return { bySongs, byBoth, tags: Object.fromEntries(tags) }
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
  return model.foldInTagged([{ items: onesOf(knownItems(held, at)), tags: given[held.rows[at]!]! }])
}

/** Scores of all tags by each way that there is. */
function tagScores(model: AutoencoderModel, { held, tags }: TaggedDraw, at: number) {
  const hidden = hiddenOf(model, held, tags, at)
  const head = model.tagScores(hidden)
  if (!tags.ofSongs) return [head]
  const known = knownItems(held, at)
  const request = { ...requestOf(held, at, { limit: toldSongs, only: undefined }), history: onesOf(known) }
  const [{ items, scores }] = model.rankBy([{ ...request, exclude: known, only: undefined }], hidden) as [ItemList]
  const sums = new Float64Array(head.length)
  items.forEach((item, place) => {
    for (const tag of tags.ofSongs![item]!) sums[tag]! += Math.exp(scores[place]! - scores[0]!)
  })
  return [head, sums, head.map((score, tag) => score + Math.log(Math.max(1e-9, sums[tag]!)))]
}

function onesOf(indices: Uint32Array) {
  return { indices, weights: new Float32Array(indices.length).fill(1) }
}

/** NDCG@10 of the tags that are not given, of each way of scoring all tags; the playlists without hidden tags are not judged. */
export function judgeTagsBy(
  { held, tags }: TaggedDraw,
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

function tagNdcg(scores: ArrayLike<number>, given: Row, hidden: Uint32Array): number {
  const wanted = new Set(hidden)
  const gain = (hits: readonly boolean[]) =>
    hits.reduce((sum, hit, place) => sum + (hit ? 1 / Math.log2(place + 2) : 0), 0)
  const best = bestOf(scores, new Set(given.indices), judgedTags)
  return gain(best.map(tag => wanted.has(tag))) / gain(Array<boolean>(Math.min(judgedTags, wanted.size)).fill(true))
}

/** The `count` tags of the highest scores that are not known, the highest first, of equal ones the lower first. */
function bestOf(scores: ArrayLike<number>, known: ReadonlySet<number>, count: number): readonly number[] {
  const best: number[] = []
  for (let tag = 0; tag < scores.length; tag++) {
    const last = best.length < count ? Number.NEGATIVE_INFINITY : scores[best.at(-1)!]!
    if (scores[tag]! <= last || known.has(tag)) continue
    let place = best.length
    while (place > 0 && scores[best[place - 1]!]! < scores[tag]!) place--
    best.splice(place, 0, tag)
    if (best.length > count) best.pop()
  }
  return best
}
