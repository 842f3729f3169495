import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { givenEvents } from '../../src/evaluation/splits/given-events.ts'
import type { Pairs } from '../../src/evaluation/splits/held-out.ts'
import { given, held } from '../../src/evaluation/splits/marks.ts'
import { splitDataset } from '../../src/evaluation/splits/split.ts'
import { pairsWithMark } from '../../src/evaluation/splits/training-part.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { benchCache } from '../data/brunch-data.ts'
import { imported, sources } from '../data/public-data.ts'

/** Playlists to learn from, and others, of which half is to be found and half is given. */
export interface PlaylistData {
  readonly train: Dataset
  readonly test: Pairs
}

export const playlistDataNames = ['hetrec-lastfm', 'citeulike-a', 'playlists-5k'] as const
export type PlaylistDataName = (typeof playlistDataNames)[number]

/** Of the playlists that are held out, and of their halves. */
const seed = 12

/** A fifth of the playlists is held out; of playlists-5k, those of its test that its training lacks. */
export async function playlistData(name: PlaylistDataName): Promise<PlaylistData> {
  const { train: source, test: testSource } = sources[name]!
  const all = await imported(`${name}-all`, source)
  if (testSource) return { train: all, test: unknownHalves(await imported(`${name}-test`, testSource), all) }
  const { train, test } = splitDataset(all, { kind: 'users', share: 0.2, found: 0.5, seed })
  const place = join(benchCache, `${name}-playlists-${seed}`)
  if (!existsSync(place)) await writeDataset(place, train)
  return { train: Dataset.open(place), test }
}

/** Half of the items of each user whom the training lacks, who has two or more, is to be found, the others are given. */
function unknownHalves(all: Dataset, train: Dataset): Pairs {
  const { byUser, users, items } = all
  const random = randomNumbers(seed)
  const marks = new Uint8Array(byUser.indices.length)
  for (let user = 0; user < byUser.rows; user++) {
    const [begin, end] = [Number(byUser.indptr[user]), Number(byUser.indptr[user + 1])]
    if (end - begin < 2 || train.users.indexOf(users.at(user)) >= 0) continue
    const order = Array.from({ length: end - begin }, (_, at) => ({ at, key: random() })).sort((a, b) => a.key - b.key)
    order.forEach(({ at }, place) => {
      marks[begin + at] = 2 * place < order.length - 1 ? held : given
    })
  }
  return { byUser: pairsWithMark(byUser, marks, held), users, items, given: givenEvents(byUser, undefined, marks) }
}
