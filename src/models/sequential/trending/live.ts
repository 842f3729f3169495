import { valuesIn } from '../../../storage/safetensors.ts'
import type { LearnedEvent, Learner, LiveLearning } from '../../algorithm.ts'
import type { Artifact } from '../../artifact/artifact.ts'
import { SessionsOfUsers } from '../live/sessions-of-users.ts'
import { addCounted } from './counted-events.ts'
import { trendingTensors } from './model.ts'
import { trendingOptions } from './options.ts'
import { TrendWriter, trendWords } from './trend.ts'

/** Goes on to count where the training ended. */
export function liveTrends(artifact: Artifact): LiveLearning {
  const { sessionGap } = trendingOptions.parse(artifact.manifest.options)
  return {
    words: () => trendWords,
    learner: memory => {
      const { items } = artifact.manifest.dataset
      const { sums, order, newest, halfLife } = trendingTensors(artifact)
      return new TrendLearner(
        new TrendWriter(memory, valuesIn(sums, 0, items), valuesIn(order, 0, items)),
        new SessionsOfUsers(sessionGap),
        { halfLife: valuesIn(halfLife, 0, 1)[0], since: valuesIn(newest, 0, 1)[0] },
      )
    },
  }
}

/** Half-lives after `#since` at which all sums are made smaller, long before they leave the range of float32. */
const longest = 60

/** After a pause a few events are not the whole trend: what was counted weighs as so many of them at least, where it did, */
const leastCounted = 50
/** and its best item as so many: 50 of a thousand items alike would each weigh less than one. */
const leastOfBest = 10

/** Later events count more, in place of earlier ones less as time goes by: the shares are the same. */
class TrendLearner implements Learner {
  readonly #trend: TrendWriter
  /** The items of each that have counted. */
  readonly #sessions: SessionsOfUsers<Set<number>>
  /** In ms. */
  readonly #halfLife: number
  /** When an event counts 1, in ms since 1970. */
  #since: number

  constructor(
    trend: TrendWriter,
    sessions: SessionsOfUsers<Set<number>>,
    { halfLife, since }: { readonly halfLife: number; readonly since: number },
  ) {
    this.#trend = trend
    this.#sessions = sessions
    this.#halfLife = halfLife
    this.#since = since
  }

  learn({ user, item, time, weight }: LearnedEvent): void {
    if (!(weight > 0)) return
    const session = this.#sessions.at(user, time, () => new Set())
    if (!addCounted(session, item)) return
    const age = this.#advanceTo(time)
    // What is that old counts nothing beside what came since.
    if (age < -longest) return
    if (age > longest) {
      this.#trend.scale(2 ** -age)
      this.#since = time
      this.#trend.add(item, 1)
    } else this.#trend.add(item, 2 ** age)
  }

  /**
   * Half-lives from `#since` to `time`. Where what was counted would weigh too little beside an event of that time,
   * `#since` moves on first, so that it ages less.
   */
  #advanceTo(time: number): number {
    const age = (time - this.#since) / this.#halfLife
    const { total, best } = this.#trend
    const most = Math.log2(Math.max(1, Math.min(total / leastCounted, best / leastOfBest)))
    if (age <= most) return age
    this.#since = time - most * this.#halfLife
    return most
  }
}
