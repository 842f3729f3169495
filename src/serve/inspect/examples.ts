import type { Artifact } from '../../models/artifact/artifact.ts'
import type { Examples } from '../../protocol/methods.ts'

/** Rows that are looked at for each user wanted. */
const rowsPerUser = 20

/**
 * Some users of the model, for who has no id at hand: of rows that lie evenly spread over all, those with histories from short
 * to long, evenly spread too. The same model gives the same users. O(limit · log limit).
 */
export function exampleUsers({ users, history }: Pick<Artifact, 'users' | 'history'>, limit: number): Examples {
  const looked = Math.min(users.size, limit * rowsPerUser)
  const { indptr } = history
  const candidates = Array.from({ length: looked }, (_, at) => {
    const row = Math.floor(((at + 0.5) * users.size) / looked)
    return { row, items: Number(indptr[row + 1]! - indptr[row]!) }
  })
  const withHistory = candidates.filter(({ items }) => items > 0).sort((a, b) => a.items - b.items || a.row - b.row)
  const count = Math.min(limit, withHistory.length)
  const chosen = Array.from(
    { length: count },
    (_, at) => withHistory[Math.floor(((at + 0.5) * withHistory.length) / count)]!,
  )
  return { users: chosen.map(({ row, items }) => ({ user: String(users.at(row)), items })) }
}
