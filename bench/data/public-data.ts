import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pairs } from '../../src/evaluation/splits/held-out.ts'
import { splitDataset } from '../../src/evaluation/splits/split.ts'
import { type ImportOptions, importDataset } from '../../src/ingest/import.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { benchCache, brunchSplit } from './brunch-data.ts'

/** A public dataset in two parts: to learn and to choose options from, and to be judged by. All pairs weigh 1. */
export interface PublicData {
  readonly train: Dataset
  readonly test: Pairs
}

export const dataFolder = join(import.meta.dirname, '../../../shared/data')

/** Of the pairs that are held out: another than that of the grids by which ALS's candidates of options were found (choose-options.ts). */
const seed = 2

/** How each is read. Those with a `test` of their own are split by it, others have a fifth of their pairs held out at random. */
export const sources: Readonly<Record<string, { readonly train: Source; readonly test?: Source }>> = {
  'ml-100k': {
    train: { file: 'ml-100k/ml-100k.inter', user: 'user_id:token', item: 'item_id:token', delimiter: '\\t' },
  },
  'hetrec-lastfm': {
    train: { file: 'hetrec-lastfm/user_artists.dat', user: 'userID', item: 'artistID', delimiter: '\\t' },
  },
  'citeulike-a': { train: { file: 'citeulike-a/users.dat', lines: 'count first' } },
  'playlists-5k': {
    train: { file: 'playlists-5k/train_new_pos.csv', user: 'playlist_id', item: 'track_id' },
    test: { file: 'playlists-5k/local_test.csv', user: 'playlist_id', item: 'track_id' },
  },
  gowalla: {
    train: { file: 'gowalla/train.txt', lines: 'user first' },
    test: { file: 'gowalla/test.txt', lines: 'user first' },
  },
}

/** A table, or lines of a user's items behind the user's number, or behind their own count where users have none. */
export type Source = { readonly file: string } & (
  | Pick<ImportOptions, 'user' | 'item' | 'delimiter'>
  | { readonly lines: 'user first' | 'count first' }
)

export const publicDataNames: readonly string[] = [...Object.keys(sources), 'brunch']

/** The dataset `name`, made once. @throws Error when its file is not there. */
export async function publicData(name: string): Promise<PublicData> {
  if (name === 'brunch') return brunchSplit()
  const source = sources[name]
  if (!source) throw new TypeError(`the dataset must be one of ${publicDataNames.join(', ')}, got ${name}`)
  await mkdir(benchCache, { recursive: true })
  const all = await imported(`${name}-all`, source.train)
  if (source.test) return { train: all, test: await imported(`${name}-test`, source.test) }
  const { train, test } = splitDataset(all, { kind: 'random', share: 0.2, seed })
  const place = join(benchCache, `${name}-train-${seed}`)
  if (!existsSync(place)) await writeDataset(place, train)
  return { train: Dataset.open(place), test }
}

/** The pairs of a source as a dataset, imported once. */
export async function imported(name: string, source: Source): Promise<Dataset> {
  const out = join(benchCache, name)
  if (existsSync(out)) return Dataset.open(out)
  const { file, ...reading } = source
  const path = join(dataFolder, file)
  if (!existsSync(path)) throw new Error(`${path} is not there: it is needed for the dataset ${name}`)
  if (!('lines' in reading)) {
    await importDataset({ sources: [path], ...reading, out })
    return Dataset.open(out)
  }
  const table = join(benchCache, `${name}.csv`)
  const rows = readFileSync(path, 'utf8')
    .split('\n')
    .filter(line => line.trim() !== '')
    .flatMap((line, at) => {
      const [first, ...items] = line.trim().split(' ')
      return items.map(item => `${reading.lines === 'user first' ? first : at},${item}\n`)
    })
  writeFileSync(table, `user,item\n${rows.join('')}`)
  await importDataset({ sources: [table], user: 'user', item: 'item', out })
  rmSync(table)
  return Dataset.open(out)
}
