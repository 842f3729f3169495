import { rowOf } from '../../../models/open/history.ts'
import { type Csr, transposed } from '../../../storage/csr.ts'

export interface HeldOutSongs {
  /** (songs × rank) Of length 1, by those who listen to them; zeros where there is none. */
  readonly vectors: Float32Array
  readonly rank: number
  /** (songs × users) Who listens to them. */
  readonly listens: Csr
  /** Songs that are to be found, as if they had no listeners. */
  readonly held: readonly number[]
}

/** Users who are asked, evenly chosen. */
const mostUsers = 1000
const listLength = 20

/**
 * How well held-out songs are found by predicted vectors: recall@20 among them by the cosine with the mean of the other songs of a user, as mixes
 * have a taste; the mean over users who have songs of both kinds. 0 where there are none.
 */
export class HeldOutRecall {
  readonly #songs: HeldOutSongs
  readonly #users: readonly { readonly taste: Float64Array; readonly wanted: ReadonlySet<number> }[]

  constructor(songs: HeldOutSongs) {
    this.#songs = songs
    const { held, listens, rank, vectors } = songs
    const placeOf = new Map(held.map((song, place) => [song, place]))
    const byUser = transposed(listens)
    const all = Array.from({ length: byUser.rows }, (_, user) => Array.from(rowOf(byUser, user).indices)).filter(
      own => own.some(song => placeOf.has(song)) && own.some(song => !placeOf.has(song)),
    )
    const size = Math.min(all.length, mostUsers)
    this.#users = Array.from({ length: size }, (_, at) => {
      const own = all[Math.floor((at * all.length) / size)]!
      const taste = new Float64Array(rank)
      for (const song of own) {
        if (placeOf.has(song)) continue
        for (let k = 0; k < rank; k++) taste[k]! += vectors[song * rank + k]!
      }
      return { taste, wanted: new Set(own.flatMap(song => placeOf.get(song) ?? [])) }
    })
  }

  /** @param predicted (held × rank) Of any length: that does not count. */
  of(predicted: Float64Array): number {
    const { held, rank } = this.#songs
    const scales = Float64Array.from(held, (_, place) => {
      let squares = 0
      for (let at = place * rank; at < (place + 1) * rank; at++) squares += predicted[at]! ** 2
      return squares > 0 ? 1 / Math.sqrt(squares) : 0
    })
    const scores = new Float64Array(held.length)
    let sum = 0
    for (const { taste, wanted } of this.#users) {
      for (let place = 0; place < held.length; place++) {
        let score = 0
        for (let k = 0; k < rank; k++) score += taste[k]! * predicted[place * rank + k]!
        scores[place] = score * scales[place]!
      }
      sum += foundOf(scores, wanted) / wanted.size
    }
    return this.#users.length > 0 ? sum / this.#users.length : 0
  }
}

/** How many of `wanted` are among the highest scores; of those that are as high as the last, songs with the same tags perhaps, as many as in the mean. */
function foundOf(scores: Float64Array, wanted: ReadonlySet<number>): number {
  const sorted = scores.toSorted()
  const least = sorted[Math.max(0, sorted.length - listLength)]!
  const above = sorted.length - 1 - sorted.lastIndexOf(least)
  const equal = sorted.lastIndexOf(least) - sorted.indexOf(least) + 1
  const share = Math.min(1, (listLength - above) / equal)
  let found = 0
  for (const place of wanted) found += scores[place]! > least ? 1 : scores[place] === least ? share : 0
  return found
}
