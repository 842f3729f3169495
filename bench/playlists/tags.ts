import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pairs } from '../../src/evaluation/splits/held-out.ts'
import { rowOf } from '../../src/models/open/history.ts'
import type { Row } from '../../src/search/item-lists.ts'
import type { Csr } from '../../src/storage/csr.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { sequenceOf } from '../../src/storage/sequences.ts'
import type { UserTags } from '../../src/storage/user-tags.ts'
import { dataFolder } from '../data/public-data.ts'

/** Tags that fewer playlists of the training have are left out. */
const fewestPlaylists = 5

/** Tags of the playlists of the training, and of those of the test: rows of a test are those of its pairs, tags those of the training. */
export interface PlaylistTags {
  readonly train: UserTags
  /** (playlists of the test) Indices rising; weights as those of the training where given songs say how often a tag is there, else 1. */
  readonly given: readonly Row[]
  /** (playlists of the test) Rising: to be found. */
  readonly hidden: readonly Uint32Array[]
  /** (songs of the training) Rising: the tags of each, where tags belong to songs. */
  readonly ofSongs?: readonly Uint32Array[]
}

type TagsOf = ReadonlyMap<string, readonly string[]>

/**
 * Tags that listeners gave to any artist, half of those of a listener of the test at random given, the others hidden.
 */
export function listenerTags(train: Dataset, test: Pairs, seed: number): PlaylistTags {
  const tagsOf = new Map<string, string[]>()
  for (const line of linesOf('hetrec-lastfm/user_taggedartists.dat').slice(1)) {
    const [listener, , tag] = line.split('\t') as [string, string, string]
    append(tagsOf, listener, tag)
  }
  const random = randomNumbers(seed)
  const halves = (_: number, id: string) => {
    const all = [...new Set(tagsOf.get(id) ?? [])].map(tag => ({ tag, key: random() })).sort((a, b) => a.key - b.key)
    const tags = all.map(({ tag }) => tag)
    const half = Math.ceil(tags.length / 2)
    return { given: counted(tags.slice(0, half)), hidden: tags.slice(half) }
  }
  return playlistTags(train, test, id => tagsOf.get(id) ?? [], halves).tags
}

/**
 * Tags of the articles of a library, each as often as articles carry it: of one of the test those of its given articles are given, and
 * those of the hidden articles that no given one carries are hidden.
 */
export function articleTags(train: Dataset, test: Pairs): PlaylistTags {
  const tagsOf: TagsOf = new Map(
    linesOf('citeulike-a/item-tag.dat').map((line, article) => [String(article), line.trim().split(' ').slice(1)]),
  )
  const articlesOf = (indices: Uint32Array, items: { at(index: number): unknown }) =>
    Array.from(indices, item => tagsOf.get(String(items.at(item))) ?? []).flat()
  const ofLibrary = (id: string) => {
    const row = train.users.indexOf(train.users.kind === 'integer' ? BigInt(id) : id)
    return articlesOf(rowOf(train.byUser, row).indices, train.items)
  }
  const halves = (row: number) => {
    const given = articlesOf(sequenceOf(test.given!, row).items, test.items)
    const known = counted(given)
    const hidden = articlesOf(rowOf(test.byUser, row).indices, test.items).filter(tag => !known.has(tag))
    return { given: known, hidden }
  }
  const { tags, placeOf } = playlistTags(train, test, ofLibrary, halves)
  const ofSongs = Array.from({ length: train.items.size }, (_, item) =>
    placesOf(articlesOf(Uint32Array.of(item), train.items), placeOf),
  )
  return { ...tags, ofSongs }
}

function playlistTags(
  train: Dataset,
  test: Pairs,
  tagsOf: (id: string) => readonly string[],
  halves: (
    row: number,
    id: string,
  ) => { readonly given: ReadonlyMap<string, number>; readonly hidden: readonly string[] },
): { readonly tags: PlaylistTags; readonly placeOf: ReadonlyMap<string, number> } {
  const ofTraining = Array.from({ length: train.users.size }, (_, user) =>
    counted(tagsOf(String(train.users.at(user)))),
  )
  const playlists = new Map<string, number>()
  for (const tags of ofTraining) for (const tag of tags.keys()) playlists.set(tag, (playlists.get(tag) ?? 0) + 1)
  const ids = [...playlists.keys()].filter(tag => playlists.get(tag)! >= fewestPlaylists).sort((a, b) => +a - +b)
  const placeOf = new Map(ids.map((tag, place) => [tag, place]))
  const [given, hidden]: [Row[], Uint32Array[]] = [[], []]
  for (let row = 0; row < test.byUser.rows; row++) {
    const isJudged = test.byUser.indptr[row] !== test.byUser.indptr[row + 1]
    const parts = isJudged ? halves(row, String(test.users.at(row))) : { given: counted([]), hidden: [] }
    const indices = placesOf(parts.given.keys(), placeOf)
    given.push({ indices, weights: Float32Array.from(indices, place => weightOf(parts.given.get(ids[place]!)!)) })
    hidden.push(placesOf(parts.hidden, placeOf))
  }
  return { tags: { train: { byUser: matrixOf(ofTraining, placeOf), ids }, given, hidden }, placeOf }
}

function matrixOf(rows: readonly ReadonlyMap<string, number>[], placeOf: ReadonlyMap<string, number>): Csr {
  const entries = rows.map(row =>
    [...row]
      .flatMap(([tag, count]) => (placeOf.has(tag) ? [[placeOf.get(tag)!, count] as const] : []))
      .sort((a, b) => a[0] - b[0]),
  )
  const indptr = new BigUint64Array(rows.length + 1)
  entries.forEach((row, at) => {
    indptr[at + 1] = indptr[at]! + BigInt(row.length)
  })
  const all = entries.flat()
  return {
    rows: rows.length,
    columns: placeOf.size,
    indptr,
    indices: Uint32Array.from(all, ([tag]) => tag),
    weights: Float32Array.from(all, ([, count]) => weightOf(count)),
  }
}

/** What a tag counts that `count` songs of a playlist carry. */
function weightOf(count: number): number {
  return Math.log2(1 + count)
}

/** Rising, each once; those without a place are left out. */
function placesOf(tags: Iterable<string>, placeOf: ReadonlyMap<string, number>): Uint32Array {
  return Uint32Array.from(new Set([...tags].map(tag => placeOf.get(tag)).filter(place => place !== undefined))).sort()
}

function counted(tags: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const tag of tags) counts.set(tag, (counts.get(tag) ?? 0) + 1)
  return counts
}

function append(map: Map<string, string[]>, key: string, value: string): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}

function linesOf(name: string): string[] {
  const path = join(dataFolder, name)
  if (!existsSync(path)) throw new Error(`${path} is not there: it is needed for the tags`)
  return readFileSync(path, 'utf8').trimEnd().split('\n')
}
