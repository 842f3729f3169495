/** What a new model must pass before it is served. */
import { EventReader } from '../../events/reader.ts'
import type { Ranking, RankRequest } from '../../models/algorithm.ts'
import { noEvents } from '../../models/algorithm.ts'
import { historyOf } from '../../models/open/history.ts'
import type { ModelPool } from '../../models/open/model-pool.ts'

/** What was found: of so many newest items of users, how many each model has among its first ones. */
export interface ModelCheck {
  readonly users: number
  readonly candidate: number
  readonly served: number
}

/** Newest events that are looked at, and users of them that are tried. */
const mostEvents = 20_000
const mostUsers = 1000
/** Items in a list at most, and the share of all items that it has at most: in a list of all, everything is found. */
const longestList = 100
const listShare = 0.05
/** Share of what the served model finds that the candidate must find. */
const leastShare = 0.7

/** The model is not fit to be served. */
export class ModelCheckError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ModelCheckError'
  }
}

/**
 * Tries both models on the newest events of the journal in `state`: each user's newest item must be found from the rest of the
 * user's history. That is no measure of quality, since the candidate was trained on these events, and the served model
 * was not: it finds a model that is broken. That its tensors are sound, `ModelPool.open` checks.
 *
 * @throws ModelCheckError where the candidate finds less than 0.7 of what the served one does, noise allowed for.
 */
export async function checkModel(candidate: ModelPool, served: ModelPool, state: string): Promise<ModelCheck> {
  const cases = newestItems(state, candidate, served)
  const [candidateHits, servedHits] = await Promise.all([hits(candidate, cases), hits(served, cases)])
  const result: ModelCheck = { users: cases.length, candidate: candidateHits, served: servedHits }
  // Twice the standard deviation of a count.
  if (candidateHits >= leastShare * servedHits - 2 * Math.sqrt(servedHits)) return result
  throw new ModelCheckError(
    `the model ${candidate.artifact.directory} is not fit to be served: of the newest items of ${cases.length} users it ` +
      `finds ${candidateHits} among its first ${listLengthOf(candidate)}, and the one that is served ${servedHits}`,
  )
}

/** A user's items by id, and the newest of them, which is to be found from the others. */
interface Case {
  readonly history: readonly (string | number | bigint)[]
  readonly weights: Float32Array
  readonly newest: string
}

/** Of users with events among the newest, whose newest item both models have. */
function newestItems(state: string, candidate: ModelPool, served: ModelPool): Case[] {
  // Recent events count by their sums: what a model makes of these, it does when it ranks.
  const { users, items, sums: pairs } = candidate.artifact
  const newest = new Map<string, string>()
  const reader = new EventReader(state)
  try {
    for (const { user, item } of reader.after(reader.newest - mostEvents, mostEvents).reverse()) {
      if (newest.size === mostUsers) break
      if (item !== undefined && !newest.has(user)) newest.set(user, item)
    }
  } finally {
    reader.close()
  }
  return [...newest].flatMap(([user, item]) => {
    const row = users.indexOf(user)
    const target = items.indexOf(item)
    if (row < 0 || target < 0 || served.artifact.items.indexOf(item) < 0) return []
    const { indices, weights } = historyOf(pairs, row, noEvents)
    const others = [...indices.keys()].filter(at => indices[at] !== target)
    if (others.length === 0) return []
    const history = others.map(at => items.at(indices[at]!))
    return [{ history, weights: Float32Array.from(others, at => weights[at]!), newest: item }]
  })
}

function listLengthOf({ items }: ModelPool): number {
  return Math.min(longestList, Math.ceil(listShare * items))
}

async function hits(models: ModelPool, cases: readonly Case[]): Promise<number> {
  const { items } = models.artifact
  const requests = cases.map(({ history, weights }): RankRequest => {
    const rows = items.indicesOf(history)
    const known = [...rows.keys()].filter(at => rows[at]! >= 0)
    const recent = {
      items: Uint32Array.from(known, at => rows[at]!),
      weights: Float32Array.from(known, at => weights[at]!),
      times: new Float64Array(known.length),
    }
    return { user: -1, recent, seen: 'exclude', limit: listLengthOf(models), exclude: new Uint32Array() }
  })
  const rankings: Ranking[] = requests.length > 0 ? await models.rank(requests) : []
  return rankings.filter(({ items: found }, at) => found.includes(items.indexOf(cases[at]!.newest))).length
}
