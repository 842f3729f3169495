import type { Artifact } from '../../src/models/artifact/artifact.ts'
import { type IdMap, plainId } from '../../src/storage/ids.ts'
import { spread } from '../support/numbers.ts'
import type { Plan } from './plan.ts'

/** Items that events are about. */
const itemCount = 10_000

/** Users from all of the model's, busy and idle alike, and some of its items; only what all `others` know, too. */
export function participants(
  model: Artifact,
  sockets: number,
  others: readonly Artifact[] = [],
): Pick<Plan, 'users' | 'items'> {
  return {
    users: someOf(
      model.users,
      sockets,
      others.map(({ users }) => users),
    ),
    items: someOf(
      model.items,
      itemCount,
      others.map(({ items }) => items),
    ),
  }
}

function someOf(ids: IdMap, count: number, others: readonly IdMap[]): (string | number)[] {
  const known = Array.from({ length: ids.size }, (_, row) => row).filter(row =>
    others.every(other => other.indexOf(ids.at(row)) >= 0),
  )
  return spread(known.length, count).map(at => plainId(ids.at(known[at]!)))
}
