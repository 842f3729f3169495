/** The baseline of tags: those of the nearest playlists. */
import { knownItems } from '../../src/evaluation/splits/held-out.ts'
import type { Csr } from '../../src/storage/csr.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import type { TaggedDraw } from './tagged.ts'

/** How the tags of neighbours are counted. */
export interface TagNeighbours {
  readonly neighbours: number
  /** What playlists are similar by. */
  readonly by: 'songs' | 'tags' | 'both'
  /** Whether a tag counts the more the more songs of a neighbour carry it. */
  readonly isWeighted: boolean
}

const sizes = [10, 25, 50, 100, 200, 400]

export const tagNeighbourGrid: readonly TagNeighbours[] = (['songs', 'tags', 'both'] as const).flatMap(by =>
  [false, true].flatMap(isWeighted => sizes.map(neighbours => ({ neighbours, by, isWeighted }))),
)

/** For each judged playlist and way: scores of all tags, the sum of the cosines of the nearest playlists that have them. */
export function neighbourTagScores(
  train: Dataset,
  { held, tags }: TaggedDraw,
  ways: readonly TagNeighbours[],
): (at: number) => readonly Float64Array[] {
  const matrices = { songs: columnsOf(train.byUser), tags: columnsOf(tags.train.byUser) }
  return at => {
    const bySongs = cosines(matrices.songs, knownItems(held, at))
    const byTags = cosines(matrices.tags, tags.given[held.rows[at]!]!.indices)
    const similarities = { songs: bySongs, tags: byTags, both: bySongs.map((value, user) => value + byTags[user]!) }
    const nearest = {
      songs: nearestBy(similarities.songs),
      tags: nearestBy(similarities.tags),
      both: nearestBy(similarities.both),
    }
    return ways.map(({ neighbours, by, isWeighted }) =>
      sumOf(tags.train.byUser, nearest[by].slice(0, neighbours), similarities[by], isWeighted),
    )
  }
}

function nearestBy(similarity: Float64Array): readonly number[] {
  const near = [...similarity.keys()].filter(user => similarity[user]! > 0)
  return near.sort((a, b) => similarity[b]! - similarity[a]! || a - b).slice(0, Math.max(...sizes))
}

function sumOf(byUser: Csr, users: readonly number[], similarity: Float64Array, isWeighted: boolean): Float64Array {
  const { indptr, indices, weights, columns } = byUser
  const scores = new Float64Array(columns)
  for (const user of users) {
    for (let pair = Number(indptr[user]); pair < Number(indptr[user + 1]); pair++) {
      scores[indices[pair]!]! += similarity[user]! * (isWeighted ? weights[pair]! : 1)
    }
  }
  return scores
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
