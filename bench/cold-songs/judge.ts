import type { UserValues } from '../../src/evaluation/significance/user-values.ts'
import { rowOf } from '../../src/models/open/history.ts'
import type { Csr } from '../../src/storage/csr.ts'
import type { ColdData, View } from './data.ts'

export const limit = 20

/** Listeners who are judged by songs that no training had. */
export interface Judged {
  readonly view: View
  /** Users with a held-out candidate and a song of the training. */
  readonly users: readonly number[]
  readonly candidates: readonly number[]
  /** (users) The places of each one's songs among the candidates. */
  readonly wanted: readonly ReadonlySet<number>[]
}

/**
 * @param held the part whose songs are candidates, where the view has tags of them and anybody listens to them.
 * @param training (users × songs)
 * @param most users at the most, evenly chosen.
 */
export function judgedOf({ dataset, parts, views }: ColdData, held: number, training: Csr, most: number): Judged[] {
  const { byUser, byItem } = dataset
  return views.map(view => {
    const candidates = [...parts.keys()].filter(
      song =>
        parts[song] === held &&
        view.tags.indptr[song] !== view.tags.indptr[song + 1] &&
        byItem.indptr[song] !== byItem.indptr[song + 1],
    )
    const placeOf = new Map(candidates.map((song, place) => [song, place]))
    const all = Array.from(view.isJudged.keys()).flatMap(user => {
      if (view.isJudged[user] === 0 || training.indptr[user] === training.indptr[user + 1]) return []
      const places = Array.from(rowOf(byUser, user).indices).flatMap(song => placeOf.get(song) ?? [])
      return places.length > 0 ? [{ user, wanted: new Set(places) }] : []
    })
    const size = Math.min(all.length, Math.ceil(most / views.length))
    const chosen = Array.from({ length: size }, (_, at) => all[Math.floor((at * all.length) / size)]!)
    return { view, candidates, users: chosen.map(({ user }) => user), wanted: chosen.map(({ wanted }) => wanted) }
  })
}

/** Recall@20 and NDCG@20 of each user, by scores (users × candidates) of each view. */
export function judge(judged: readonly Judged[], training: Csr, scores: readonly Float32Array[]): UserValues {
  const found = judged.flatMap(({ users, candidates, wanted }, view) =>
    users.map((user, row) => {
      const own = scores[view]!.subarray(row * candidates.length, (row + 1) * candidates.length)
      const order = best(own).map(place => wanted[row]!.has(place))
      const hits = order.filter(Boolean).length
      const ideal = gain(new Array(Math.min(limit, wanted[row]!.size)).fill(true))
      return { user, recall: hits / wanted[row]!.size, ndcg: gain(order) / ideal }
    }),
  )
  found.sort((a, b) => a.user - b.user)
  return {
    rows: Uint32Array.from(found, ({ user }) => user),
    histories: Uint32Array.from(found, ({ user }) => Number(training.indptr[user + 1]! - training.indptr[user]!)),
    values: {
      [`recall@${limit}`]: Float64Array.from(found, ({ recall }) => recall),
      [`ndcg@${limit}`]: Float64Array.from(found, ({ ndcg }) => ndcg),
    },
  }
}

/** The places of the highest scores, highest first; of equal ones the lower place first. */
function best(scores: Float32Array): number[] {
  const top: number[] = []
  for (let place = 0; place < scores.length; place++) {
    if (top.length === limit && scores[place]! <= scores[top[limit - 1]!]!) continue
    let at = Math.min(top.length, limit - 1)
    while (at > 0 && scores[place]! > scores[top[at - 1]!]!) {
      top[at] = top[at - 1]!
      at--
    }
    top[at] = place
  }
  return top
}

function gain(hits: readonly boolean[]): number {
  return hits.reduce((sum, hit, place) => sum + (hit ? 1 / Math.log2(place + 2) : 0), 0)
}
