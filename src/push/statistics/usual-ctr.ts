/**
 * The usual push CTR of a user: what share of pushes they click. Most users have few pushes, so theirs is drawn towards
 * that of their segment, and small segments are drawn towards all.
 *
 * A user's CTR is beta-distributed within a segment, so that k clicks of n pushes are beta-binomial and the mean of
 * what is known is (strength · mean + k) / (strength + n): empirical Bayes (Efron & Morris 1975; Robbins 1956).
 */
import { logBeta } from './distributions.ts'
import { maximumOf } from './line-search.ts'

/** A beta distribution by its mean and by how many pushes it weighs as much as. */
export interface BetaPrior {
  /** Above 0 and below 1. */
  readonly mean: number
  /** Above 0: α + β. */
  readonly strength: number
}

/** What users did, one place each. */
export interface PushCounts {
  /** From 0. */
  readonly segments: ArrayLike<number>
  readonly pushes: ArrayLike<number>
  /** No more than the pushes. */
  readonly clicks: ArrayLike<number>
}

export interface UsualCtrPriors {
  /** What the mean of a segment is like before any of its users are known. */
  readonly parent: BetaPrior
  /** (segments) What the CTR of a user is like before any of their pushes. */
  readonly segments: readonly BetaPrior[]
  /** Of a user of a segment that is not known. */
  readonly unknown: BetaPrior
}

/** Users of one segment with the same counts. */
interface Cell {
  readonly pushes: number
  readonly clicks: number
  users: number
}

interface Segment {
  readonly cells: readonly Cell[]
  readonly pushes: number
  readonly clicks: number
}

/** Strengths are looked for from 1 push to 100,000. */
const [leastLog, mostLog] = [0, Math.log(1e5)]
/** A segment's log strength is within this of the one of all, by one standard deviation. */
const strengthSpread = 0.5
/** How often strengths and means are fitted in turn. */
const turns = 3

/**
 * Fits the priors by maximum likelihood: the strength that all segments share, then those of each with a log-normal
 * prior around it; the mean of a segment by a beta prior over segments, in which a segment counts as so many
 * independent pushes as its mean is as certain as, since pushes of one user go together.
 *
 * Costs O(users + segments · distinct (pushes, clicks)).
 *
 * @param segmentCount Segments above all that occur may be empty.
 * @throws RangeError when a segment is no whole number below `segmentCount`, or clicks exceed pushes.
 */
export function fitUsualCtr(counts: PushCounts, segmentCount: number): UsualCtrPriors {
  const segments = segmentsOf(counts, segmentCount)
  const clicks = segments.reduce((sum, segment) => sum + segment.clicks, 0)
  const pushes = segments.reduce((sum, segment) => sum + segment.pushes, 0)
  // Half a click of two pushes more keeps the means within (0, 1).
  const overall = (clicks + 0.5) / (pushes + 2)
  let strength = 50
  let strengths = segments.map(() => strength)
  let parent: BetaPrior = { mean: overall, strength: 100 }
  let means = segments.map(() => overall)
  for (let turn = 0; turn < turns; turn++) {
    const weights = segments.map((segment, at) => independentPushes(segment, strengths[at]!))
    parent = parentOf(segments, weights, overall)
    const { mean, strength: pull } = parent
    means = segments.map(({ pushes, clicks }, at) =>
      pushes === 0 ? mean : (pull * mean + (weights[at]! * clicks) / pushes) / (pull + weights[at]!),
    )
    const likelihood = (at: number, log: number) => logLikelihood(segments[at]!.cells, means[at]!, Math.exp(log))
    const shared = maximumOf(log => segments.reduce((sum, _, at) => sum + likelihood(at, log), 0), leastLog, mostLog)
    strength = Math.exp(shared)
    strengths = segments.map((_, at) => {
      const penalty = (log: number) => ((log - shared) / strengthSpread) ** 2 / 2
      return Math.exp(maximumOf(log => likelihood(at, log) - penalty(log), leastLog, mostLog))
    })
  }
  // The variance over users of any segment: that within segments and that between them.
  const spread = 1 / (strength + 1) + 1 / (parent.strength + 1)
  return {
    parent,
    segments: means.map((mean, at) => ({ mean, strength: strengths[at]! })),
    unknown: { mean: parent.mean, strength: Math.max(1 / spread - 1, 1) },
  }
}

/** What the CTR of a user is like who clicked `clicks` of `pushes`: a beta distribution again. */
export function usualCtr(prior: BetaPrior, pushes: number, clicks: number): BetaPrior {
  const strength = prior.strength + pushes
  return { mean: (prior.strength * prior.mean + clicks) / strength, strength }
}

/** (users) The means of {@link usualCtr}. */
export function usualCtrs(priors: UsualCtrPriors, { segments, pushes, clicks }: PushCounts): Float64Array {
  return Float64Array.from({ length: segments.length }, (_, user) => {
    const { mean, strength } = priors.segments[segments[user]!] ?? priors.unknown
    return (strength * mean + clicks[user]!) / (strength + pushes[user]!)
  })
}

/** The variance of a beta distribution. */
export function varianceOf({ mean, strength }: BetaPrior): number {
  return (mean * (1 - mean)) / (strength + 1)
}

function segmentsOf({ segments, pushes, clicks }: PushCounts, count: number): Segment[] {
  const cells = Array.from({ length: count }, () => new Map<number, Cell>())
  for (let user = 0; user < segments.length; user++) {
    const [segment, n, k] = [segments[user]!, pushes[user]!, clicks[user]!]
    const own = cells[segment]
    if (own === undefined) throw new RangeError(`segments must be whole numbers below ${count}, got ${segment}`)
    if (!(k >= 0 && k <= n)) throw new RangeError(`clicks must be from 0 to the ${n} pushes of a user, got ${k}`)
    if (n === 0) continue
    const key = n * 2 ** 26 + k
    const cell = own.get(key)
    if (cell) cell.users++
    else own.set(key, { pushes: n, clicks: k, users: 1 })
  }
  return cells.map(own => {
    const all = [...own.values()]
    const sum = (of: (cell: Cell) => number) => all.reduce((total, cell) => total + cell.users * of(cell), 0)
    return { cells: all, pushes: sum(cell => cell.pushes), clicks: sum(cell => cell.clicks) }
  })
}

/** N² / Σ n (1 + (n − 1) ρ) over users with ρ = 1 / (strength + 1), the correlation of two pushes of one user. */
function independentPushes({ cells, pushes }: Segment, strength: number): number {
  if (pushes === 0) return 0
  const correlation = 1 / (strength + 1)
  return pushes ** 2 / cells.reduce((sum, { users, pushes: n }) => sum + users * n * (1 + (n - 1) * correlation), 0)
}

/** The beta distribution of segment means, by the likelihood of its strength, each with the best mean for it. */
function parentOf(segments: readonly Segment[], weights: readonly number[], overall: number): BetaPrior {
  const known = segments
    .map(({ pushes, clicks }, at) => ({ clicks: (clicks / pushes) * weights[at]!, pushes: weights[at]!, users: 1 }))
    .filter(({ pushes }) => pushes > 0)
  if (known.length < 2) return { mean: overall, strength: 100 }
  const meanAt = (strength: number) => {
    let [sum, total] = [0.5, 2]
    for (const { pushes, clicks } of known) {
      const design = 1 + (pushes - 1) / (strength + 1)
      sum += clicks / design
      total += pushes / design
    }
    // The half click of two pushes draws towards all users where segments are few.
    return (sum - 0.5 + 2 * overall) / total
  }
  const strength = Math.exp(
    maximumOf(log => logLikelihood(known, meanAt(Math.exp(log)), Math.exp(log)), leastLog, mostLog),
  )
  return { mean: meanAt(strength), strength }
}

/** Σ ln B(α + k, β + n − k) / B(α, β), without the binomial coefficients. */
function logLikelihood(cells: readonly Cell[], mean: number, strength: number): number {
  const [alpha, beta] = [mean * strength, (1 - mean) * strength]
  const without = logBeta(alpha, beta)
  return cells.reduce(
    (sum, { pushes, clicks, users }) => sum + users * (logBeta(alpha + clicks, beta + pushes - clicks) - without),
    0,
  )
}
