import { readFileSync } from 'node:fs'
import { noEvents, type RankRequest, type UserEvents } from '../../src/models/algorithm.ts'
import type { Artifact } from '../../src/models/artifact/artifact.ts'
import { ModelPool } from '../../src/models/open/model-pool.ts'
import type { List } from '../../src/protocol/messages.ts'
import type { StoredEvent } from '../stream/stored-events.ts'
import { spread } from '../support/numbers.ts'

/** What became of comparing lists with the models that they name. */
export interface Comparison {
  readonly compared: number
  /** Lists that are not, item by item and score by score, what the model that they name gives. */
  readonly wrong: readonly List[]
  /** Of a sample of lists, the share whose items the other model would give as well: 0 if the comparison tells models apart. */
  readonly ambiguous: number
}

/** Lists compared with the other model, too. */
const sampled = 1000
const batch = 4096

/** The messages that a load generator kept. */
export function readLists(file: string): List[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
}

/**
 * Ranks for each of `lists` anew, in this process, by the model whose generation it names, with the events that its user
 * had up to the one that it names.
 *
 * @param events of each user in order of arrival
 */
export async function compareLists(
  lists: readonly List[],
  directories: readonly string[],
  events: ReadonlyMap<string, readonly StoredEvent[]>,
): Promise<Comparison> {
  const wrong = new Set(lists)
  let [ambiguous, looked] = [0, 0]
  for (const directory of directories) {
    const models = await ModelPool.open(directory, { verify: false })
    const named = lists.filter(({ generation }) => generation === models.artifact.checksum)
    for (const list of await thoseAlike(models, named, events, areEqual)) wrong.delete(list)
    const others = lists.filter(({ generation }) => generation !== models.artifact.checksum)
    const sample = spread(others.length, sampled).map(at => others[at]!)
    ambiguous += (await thoseAlike(models, sample, events, haveEqualItems)).length
    looked += sample.length
    await models.close()
  }
  return { compared: lists.length, wrong: [...wrong], ambiguous: ambiguous / looked }
}

type Items = List['items']

/** Those of `lists` whose items `models` gives as well. */
async function thoseAlike(
  models: ModelPool,
  lists: readonly List[],
  events: ReadonlyMap<string, readonly StoredEvent[]>,
  alike: (given: Items, made: Items) => boolean,
): Promise<List[]> {
  const { artifact } = models
  const found: List[] = []
  for (let first = 0; first < lists.length; first += batch) {
    const part = lists.slice(first, first + batch)
    const rankings = await models.rank(part.map(list => requestOf(list, artifact, events.get(list.user!) ?? [])))
    part.forEach((list, at) => {
      const { items, scores } = rankings[at]!
      const made = Array.from(items, (row, place) => ({ item: String(artifact.items.at(row)), score: scores[place]! }))
      if (alike(list.items, made)) found.push(list)
    })
  }
  return found
}

/** What the server must have ranked for a list. `events` are those of its user. */
function requestOf({ user, after }: List, artifact: Artifact, events: readonly StoredEvent[]): RankRequest {
  const counting = after === undefined ? [] : events.slice(0, events.findIndex(({ id }) => id === after) + 1)
  return {
    user: artifact.users.indexOf(user!),
    recent: inRows(counting, artifact),
    seen: 'exclude',
    limit: 10,
    exclude: new Uint32Array(0),
  }
}

function inRows(events: readonly StoredEvent[], { items }: Artifact): UserEvents {
  if (events.length === 0) return noEvents
  const inOrder = events.toSorted((a, b) => a.time - b.time)
  return {
    items: Uint32Array.from(inOrder, ({ item }) => items.indexOf(item)),
    weights: Float32Array.from(inOrder, ({ weight }) => weight),
    times: Float64Array.from(inOrder, ({ time }) => time),
  }
}

function areEqual(given: Items, made: Items): boolean {
  return haveEqualItems(given, made) && given.every(({ score }, place) => score === made[place]!.score)
}

function haveEqualItems(given: Items, made: Items): boolean {
  return given.length === made.length && given.every(({ item }, place) => String(item) === String(made[place]!.item))
}
