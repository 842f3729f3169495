import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { givenEvents } from '../../src/evaluation/splits/given-events.ts'
import { type HeldOut, heldOut, type Pairs } from '../../src/evaluation/splits/held-out.ts'
import { given, held } from '../../src/evaluation/splits/marks.ts'
import { splitDataset } from '../../src/evaluation/splits/split.ts'
import { pairsWithMark } from '../../src/evaluation/splits/training-part.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { randomNumbers, shuffled } from '../../src/storage/random.ts'
import { benchCache } from '../data/brunch-data.ts'
import { imported, sources } from '../data/public-data.ts'

/** Playlists to learn from, and others, of which a part is to be found and the rest is given. */
export interface PlaylistData {
  readonly train: Dataset
  /** The same playlists with other parts to be found, each drawn anew. */
  readonly draws: readonly Draw[]
}

export interface Draw {
  readonly test: Pairs
  readonly held: HeldOut
  readonly seed: number
}

export const playlistDataNames = ['hetrec-lastfm', 'citeulike-a', 'playlists-5k'] as const
export type PlaylistDataName = (typeof playlistDataNames)[number]

/** Of the playlists that are held out, and the first of their parts. */
const seed = 12

/** How often the part to be found of each playlist is drawn: so much less is left to which songs these are. */
const drawCount = 5

/** A fifth of the playlists is held out, and half of each to be found; of playlists-5k, those of its test that its training lacks. */
export async function playlistData(name: PlaylistDataName): Promise<PlaylistData> {
  const { train: source, test: testSource } = sources[name]!
  const all = await imported(`${name}-all`, source)
  if (testSource) return { train: all, draws: drawsOf(await imported(`${name}-test`, testSource), all) }
  const place = join(benchCache, `${name}-playlists-${seed}`)
  if (!existsSync(place)) {
    await writeDataset(place, splitDataset(all, { kind: 'users', share: 0.2, found: 0.5, seed }).train)
  }
  const train = Dataset.open(place)
  return { train, draws: drawsOf(all, train) }
}

/**
 * A training part that lacks a sixth of the playlists, in `directory`, and these with half of each to be found, as in the test.
 *
 * @param most songs of each that are looked at, others are left out: where playlists of the test are shorter than those of the training.
 */
export async function validationData(dataset: Dataset, most: number, directory: string): Promise<PlaylistData> {
  const { train: part } = splitDataset(dataset, { kind: 'users', share: 1 / 6, found: 0.5, seed })
  await writeDataset(directory, part, { replace: true })
  const train = Dataset.open(directory)
  return { train, draws: drawsOf(dataset, train, most) }
}

/** Of each playlist of two songs or more that the training lacks, half of the songs are to be found, the others are given. */
function drawsOf({ byUser, users, items }: Dataset, train: Dataset, most = Number.POSITIVE_INFINITY): Draw[] {
  return Array.from({ length: drawCount }, (_, draw) => {
    const random = randomNumbers(seed + draw)
    const marks = new Uint8Array(byUser.indices.length)
    for (let user = 0; user < byUser.rows; user++) {
      const [begin, end] = [Number(byUser.indptr[user]), Number(byUser.indptr[user + 1])]
      if (end - begin < 2 || train.users.indexOf(users.at(user)) >= 0) continue
      const pairs = shuffled(
        Float64Array.from({ length: end - begin }, (_, at) => begin + at),
        random,
      )
      const some = pairs.subarray(0, most)
      some.forEach((pair, at) => {
        marks[pair] = 2 * at < some.length - 1 ? held : given
      })
    }
    const test = {
      byUser: pairsWithMark(byUser, marks, held),
      users,
      items,
      given: givenEvents(byUser, undefined, marks),
    }
    return { test, held: heldOut(test, train), seed: seed + draw }
  })
}
