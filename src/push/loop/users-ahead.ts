import { type DepthCurve, depthEnds } from '../volume/round-size.ts'
import type { ArticleRun } from './article-run.ts'

/** Who may get an article next. */
export interface UsersAhead {
  /** Rising. */
  readonly ranks: readonly number[]
  /** What the usual CTR of each is multiplied by at a level of 1. */
  readonly factors: readonly number[]
  /** Of these, and of all beyond. */
  readonly depths: DepthCurve
}

export interface AheadOptions {
  /** At most so many users. */
  readonly most: number
  /** Nobody with a factor below. */
  readonly leastFactor: number
  isEligible(user: number): boolean
  /** Who cannot have it for as long as it lives. */
  isGone(user: number): boolean
  /** Of a score: for the user, or for one who had no push of late, which is the most that it can be. */
  factorOf(score: number, user?: number): number
}

/** Steps over users beyond: the first, how it grows, the longest. */
const [firstStride, strideGrowth, longestStride] = [8, 1.2, 1024]

/** Goes down the ranks of an article from where its rounds have come to; beyond those that it names a few users stand for all. */
export function usersAhead(run: ArticleRun, options: AheadOptions): UsersAhead {
  const { most, leastFactor, isEligible, isGone, factorOf } = options
  const { users, scores } = run.ranked
  const ranks: number[] = []
  const factors: number[] = []
  let [end, sum] = [0, 0]
  const ends = [0]
  const sums = [0]
  const mark = () => {
    ends.push(end)
    sums.push(sum)
  }
  const marks = depthEnds(users.length)
  while (run.next < users.length && isGone(users[run.next]!)) run.next++
  let rank = run.next
  for (; rank < users.length && ranks.length < most; rank++) {
    const user = users[rank]!
    if (!isEligible(user)) continue
    const factor = factorOf(scores[rank]!, user)
    if (factor < leastFactor) {
      // Scores fall, and so does the most that factors can be.
      if (factorOf(scores[rank]!) < leastFactor) break
      continue
    }
    ranks.push(rank)
    factors.push(factor)
    sum += factor
    end++
    if (end === marks[ends.length]) mark()
  }
  if (end > ends.at(-1)!) mark()
  let stride = firstStride
  for (; rank < users.length && factorOf(scores[rank]!) >= leastFactor; rank += stride) {
    const user = users[rank]!
    if (isEligible(user)) {
      end += stride
      sum += stride * factorOf(scores[rank]!, user)
      mark()
    }
    stride = Math.min(longestStride, Math.ceil(stride * strideGrowth))
  }
  return { ranks, factors, depths: { ends, sums } }
}
