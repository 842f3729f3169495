import { native } from '../../../native.ts'
import { type Pool, sharedCounter, workerModuleUrl } from '../../../parallel/pool.ts'
import { sharedArray } from '../../../storage/shared-array.ts'
import type { count, ScoringComponent, score, take } from './audience-jobs.ts'

const jobs = workerModuleUrl('./audience-jobs', import.meta.url)

/** Users whom a worker takes at once. */
const chunkRows = 4096

/** Users and their scores, best first; of equal scores the lower row first. */
export interface ScoredUsers {
  readonly users: Uint32Array
  readonly scores: Float32Array
}

export interface RankOptions {
  /** At most so many. */
  readonly limit: number
  /** Of the users who may come, a bit each. Default: all. */
  readonly eligible?: Uint32Array | undefined
  /** (users) What each scores beside the components; NaN: never comes. Default: 0. */
  readonly base?: Float32Array | undefined
}

/** Ranks the users whom an article is for, by all workers of a pool; one article at a time. */
export class Audience {
  readonly #pool: Pool
  readonly #scores: Float32Array
  #running: Promise<unknown> = Promise.resolve()

  constructor(users: number, pool: Pool) {
    this.#pool = pool
    this.#scores = sharedArray(Float32Array, users)
  }

  /**
   * The users whose rows of the components' matrices have the greatest products with the components' vectors, summed over the components. O(users · Σ strides).
   *
   * @throws RangeError where the sizes do not fit together.
   */
  rank(components: readonly ScoringComponent[], options: RankOptions): Promise<ScoredUsers> {
    const ranked = this.#running.then(() => this.#rank(components, options))
    this.#running = ranked.catch(() => {})
    return ranked
  }

  async #rank(components: readonly ScoringComponent[], { limit, eligible, base }: RankOptions): Promise<ScoredUsers> {
    const users = this.#scores.length
    for (const { rows, vector } of components) {
      if (rows.length !== users * vector.length) {
        throw new RangeError(
          `a component must have ${users} rows of ${vector.length} values, got ${rows.length} values`,
        )
      }
    }
    if (!(limit >= 0)) throw new RangeError(`limit must be 0 or more, got ${limit}`)
    await this.#phase<typeof score>('score', { components, base })
    const counts = new Uint32Array(0x1_0000)
    for (const part of await this.#phase<typeof count>('count', { eligible })) {
      for (let at = 0; at < counts.length; at++) counts[at]! += part[at]!
    }
    const bound = native.audienceBound(counts, Math.min(limit, users))
    const parts = await this.#phase<typeof take>('take', { eligible, bound })
    return best(parts, limit)
  }

  #phase<Job extends (args: never) => unknown>(name: string, args: object): Promise<ReturnType<Job>[]> {
    const next = sharedCounter()
    return this.#pool.phase<ReturnType<Job>>(jobs, name, { scores: this.#scores, chunkRows, ...args }, next)
  }
}

function best(parts: readonly ScoredUsers[], limit: number): ScoredUsers {
  const size = parts.reduce((sum, { users }) => sum + users.length, 0)
  const users = new Uint32Array(size)
  const scores = new Float32Array(size)
  let end = 0
  for (const part of parts) {
    users.set(part.users, end)
    scores.set(part.scores, end)
    end += part.users.length
  }
  const order = Uint32Array.from(users.keys()).sort((a, b) => scores[b]! - scores[a]! || users[a]! - users[b]!)
  const kept = order.subarray(0, limit)
  return { users: Uint32Array.from(kept, at => users[at]!), scores: Float32Array.from(kept, at => scores[at]!) }
}
