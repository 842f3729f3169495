/** Tags of users, such as those of playlists: a sparse matrix beside the pairs of a dataset, and the ids of the tags. */
import { join } from 'node:path'
import type { Closable } from './closing.ts'
import { type Csr, MappedCsr, withoutRow } from './csr.ts'
import { type Id, IdMap, writeIds } from './ids.ts'
import { vector, writeSafetensors } from './safetensors.ts'

export const tagFiles = { userTags: 'user-tags.safetensors', tags: 'tags.arrow' } as const

/** What users are tagged with. */
export interface UserTags {
  /** (users × tags) */
  readonly byUser: Csr
  /** (tags), distinct. */
  readonly ids: readonly Id[] | BigInt64Array
}

/** How many there are, as a manifest says. */
export interface TagCounts {
  /** Different tags. */
  readonly tags: number
  /** Pairs of users and tags. */
  readonly pairs: number
}

/** The tags of a dataset on disk. */
export class MappedUserTags implements Closable {
  /** (users × tags) */
  readonly byUser: MappedCsr
  readonly ids: IdMap

  /** @throws Error naming the file that is missing or damaged, or has another number of rows than the manifest says. */
  static open(directory: string, users: number, { tags, pairs }: TagCounts, { verify = false } = {}): MappedUserTags {
    const [matrix, names] = [join(directory, tagFiles.userTags), join(directory, tagFiles.tags)]
    const opened: Closable[] = []
    try {
      const byUser = MappedCsr.open(matrix, tags, { verify })
      opened.push(byUser)
      if (byUser.rows !== users || byUser.pairs !== pairs) {
        throw new Error(
          `${matrix} does not belong to its manifest: expected ${users} rows and ${pairs} pairs, got ${byUser.rows} and ${byUser.pairs}`,
        )
      }
      const ids = IdMap.open(names)
      opened.push(ids)
      if (ids.size !== tags) {
        throw new Error(`${names} does not belong to its manifest: expected ${tags} ids, got ${ids.size}`)
      }
      if (verify) ids.assertOrder(names)
      return new MappedUserTags(byUser, ids)
    } catch (error) {
      for (const part of opened) part.close()
      throw error
    }
  }

  private constructor(byUser: MappedCsr, ids: IdMap) {
    this.byUser = byUser
    this.ids = ids
  }

  close(): void {
    this.byUser.close()
    this.ids.close()
  }
}

/** Writes both files. @throws RangeError where the matrix is not of so many users and as many tags as there are ids. */
export async function writeUserTags(directory: string, users: number, { byUser, ids }: UserTags): Promise<TagCounts> {
  if (byUser.rows !== users || byUser.columns !== ids.length) {
    throw new RangeError(
      `tags must be ${users} users × ${ids.length} ids, got a matrix of ${byUser.rows} × ${byUser.columns}`,
    )
  }
  const { indptr, indices, weights } = byUser
  await writeSafetensors(join(directory, tagFiles.userTags), {
    indptr: vector(indptr),
    indices: vector(indices),
    weights: vector(weights),
  })
  await writeIds(join(directory, tagFiles.tags), ids)
  return { tags: ids.length, pairs: indices.length }
}

/** A copy in memory, of the users in `rows` in their order; a row of -1 has no tags. */
export function tagsOfUsers({ byUser, ids }: Readonly<{ byUser: Csr; ids: IdMap }>, rows: ArrayLike<number>): UserTags {
  const { indptr: from, indices: all, weights: allWeights } = byUser
  const indptr = new BigUint64Array(rows.length + 1)
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at]!
    indptr[at + 1] = indptr[at]! + (row < 0 ? 0n : from[row + 1]! - from[row]!)
  }
  const indices = new Uint32Array(Number(indptr.at(-1)))
  const weights = new Float32Array(indices.length)
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at]!
    if (row < 0) continue
    const [begin, end] = [Number(from[row]), Number(from[row + 1])]
    indices.set(all.subarray(begin, end), Number(indptr[at]))
    weights.set(allWeights.subarray(begin, end), Number(indptr[at]))
  }
  return {
    byUser: { rows: rows.length, columns: byUser.columns, indptr, indices, weights },
    ids: Array.from({ length: ids.size }, (_, tag) => ids.at(tag)),
  }
}

/** Without the tags that no user has, whose ids are left out, too. */
export function usedTags({ byUser, ids }: UserTags): UserTags {
  const used = new Set(byUser.indices)
  const kept = Array.from(ids).filter((_, tag) => used.has(tag))
  const columns = new Uint32Array(ids.length)
  let next = 0
  for (let tag = 0; tag < ids.length; tag++) columns[tag] = used.has(tag) ? next++ : 0
  return { byUser: { ...byUser, columns: kept.length, indices: byUser.indices.map(tag => columns[tag]!) }, ids: kept }
}

/** A copy without the tags of one user. */
export function tagsWithout(tags: MappedUserTags, row: number): UserTags {
  return {
    byUser: withoutRow(tags.byUser, row),
    ids: Array.from({ length: tags.ids.size }, (_, tag) => tags.ids.at(tag)),
  }
}
