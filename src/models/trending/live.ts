import { valuesIn } from '../../storage/safetensors.ts'
import type { LearnedEvent, Learner, LiveLearning } from '../algorithm.ts'
import type { Artifact } from '../artifact.ts'
import { SessionsOfUsers } from '../live/sessions-of-users.ts'
import { trendingTensors } from './model.ts'
import { countedItems, trendingOptions } from './options.ts'
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

/** Half-lives that sums are of earlier events' size: then all are made smaller, long before they leave the range of float32. */
const longest = 60

/** What was counted weighs as much as this many events at the least: after a pause, one event is not all that many do. */
const leastCounted = 50

/** In place of making what was counted smaller as time goes by, later events count more: shares come out the same. */
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
    if (session.has(item) || session.size === countedItems) return
    session.add(item)
    const age = this.#ageOf(time)
    // What is that old counts nothing beside what came since.
    if (age < -longest) return
    if (age > longest) {
      this.#trend.scale(2 ** -age)
      this.#since = time
      this.#trend.add(item, 1)
    } else this.#trend.add(item, 2 ** age)
  }

  /** Half-lives since an event counted 1; where what was counted would weigh too little beside an event of `time`, it ages less. */
  #ageOf(time: number): number {
    const age = (time - this.#since) / this.#halfLife
    const most = Math.log2(Math.max(1, this.#trend.total / leastCounted))
    if (age <= most) return age
    this.#since = time - most * this.#halfLife
    return most
  }
}
