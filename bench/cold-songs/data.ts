import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Csr } from '../../src/storage/csr.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { dataFolder, imported, sources } from '../data/public-data.ts'

export const coldDataNames = ['hetrec-lastfm', 'citeulike-a'] as const
export type ColdDataName = (typeof coldDataNames)[number]

/** Listeners who are judged by the tags that others gave. */
export interface View {
  /** (users) 1 where a listener is judged. */
  readonly isJudged: Uint8Array
  /** (songs × tags) What songs without listeners are known by. */
  readonly tags: Csr
}

/** Songs of whom some are held out of all training. */
export interface ColdData {
  readonly dataset: Dataset
  /** (songs × tags) Of all who gave some, how often: what songs of the training are known by. */
  readonly tags: Csr
  readonly views: readonly View[]
  /** (songs) */
  readonly parts: Uint8Array
}

export const part = { train: 0, validation: 1, test: 2 } as const

/**
 * A tenth of the songs that have a tag is held out for validation, another for the test. Of hetrec-lastfm, listeners give the tags: those of half of
 * them judge by what the other half gave, and the other way round, so that nobody's own tags say what is listened to. Of citeulike-a it is not known who gave
 * tags.
 */
export async function coldData(name: ColdDataName, seed: number): Promise<ColdData> {
  const dataset = await imported(`${name}-all`, sources[name]!.train)
  const { users, items } = dataset
  const random = randomNumbers(seed)
  const half = Uint8Array.from({ length: users.size }, () => Number(random() < 0.5))
  const rows = name === 'hetrec-lastfm' ? listenerTags(dataset) : articleTags(dataset)
  const columns = rows.reduce((most, { tag }) => Math.max(most, tag + 1), 0)
  const matrix = (isTaken: (row: TagRow) => boolean) => countsOf(rows.filter(isTaken), items.size, columns)
  const tags = matrix(() => true)
  const views =
    name === 'hetrec-lastfm'
      ? [0, 1].map(own => ({
          isJudged: half.map(mark => Number(mark === own)),
          tags: matrix(({ user }) => half[user] !== own),
        }))
      : [{ isJudged: new Uint8Array(users.size).fill(1), tags }]
  const parts = Uint8Array.from({ length: items.size }, (_, item) => {
    const draw = random()
    if (tags.indptr[item] === tags.indptr[item + 1]) return part.train
    return draw < 0.1 ? part.validation : draw < 0.2 ? part.test : part.train
  })
  return { dataset, tags, views, parts }
}

interface TagRow {
  readonly item: number
  readonly tag: number
  /** Row of who gave it, or -1. */
  readonly user: number
}

function listenerTags({ users, items }: Dataset): TagRow[] {
  const fields = linesOf('hetrec-lastfm/user_taggedartists.dat')
    .slice(1)
    .map(line => line.trim().split('\t'))
    .filter(row => row.length >= 3)
  const [user, item] = [0, 1].map(at => (at === 0 ? users : items).indicesOf(fields.map(row => row[at]!)))
  return fields
    .map((row, at) => ({ user: user![at]!, item: item![at]!, tag: Number(row[2]) }))
    .filter(({ user, item }) => user >= 0 && item >= 0)
}

function articleTags({ items }: Dataset): TagRow[] {
  return linesOf('citeulike-a/item-tag.dat').flatMap((line, article) => {
    const item = items.indexOf(article)
    const tags = item < 0 ? [] : [...new Set(line.trim().split(' ').slice(1))]
    return tags.map(tag => ({ item, tag: Number(tag), user: -1 }))
  })
}

/** (items × columns) How often each tag was given. */
function countsOf(rows: readonly TagRow[], items: number, columns: number): Csr {
  const counts = Array.from({ length: items }, () => new Map<number, number>())
  for (const { item, tag } of rows) counts[item]!.set(tag, (counts[item]!.get(tag) ?? 0) + 1)
  const indptr = new BigUint64Array(items + 1)
  const sorted = counts.map(own => [...own].sort(([a], [b]) => a - b))
  sorted.forEach((own, item) => {
    indptr[item + 1] = indptr[item]! + BigInt(own.length)
  })
  const all = sorted.flat()
  const indices = Uint32Array.from(all, ([tag]) => tag)
  return { rows: items, columns, indptr, indices, weights: Float32Array.from(all, ([, count]) => count) }
}

/** `matrix` with each weight as `weigh` says, those of 0 left out. */
export function mapped(
  { rows, columns, indptr, indices, weights }: Csr,
  weigh: (weight: number, row: number, column: number) => number,
): Csr {
  const bounds = new BigUint64Array(rows + 1)
  const kept: { column: number; weight: number }[] = []
  for (let row = 0; row < rows; row++) {
    for (let at = Number(indptr[row]); at < Number(indptr[row + 1]); at++) {
      const weight = weigh(weights[at]!, row, indices[at]!)
      if (weight !== 0) kept.push({ column: indices[at]!, weight })
    }
    bounds[row + 1] = BigInt(kept.length)
  }
  return {
    rows,
    columns,
    indptr: bounds,
    indices: Uint32Array.from(kept, ({ column }) => column),
    weights: Float32Array.from(kept, ({ weight }) => weight),
  }
}

/** (users × songs) The pairs of songs whose part is one of `kept`. */
export function pairsOf({ dataset, parts }: ColdData, kept: readonly number[]): Csr {
  return mapped(dataset.byUser, (_, __, item) => Number(kept.includes(parts[item]!)))
}

function linesOf(name: string): string[] {
  const path = join(dataFolder, name)
  if (!existsSync(path)) throw new Error(`${path} is not there: it is needed for the tags`)
  return readFileSync(path, 'latin1').trimEnd().split('\n')
}
