/**
 * How well items are placed that no user of the training had, by what the catalogue says of them: a tenth of a dataset's items is left out of the
 * training wholly. Recall@20 among the held-out items, the mean over users who have any: `placed` by lists that may have these alone; `byLabels` by the pairs that
 * items with the same labels and words have, the same list for all; `chance`, which is what lists without placed items come to. `shareOfLists`: how much of the
 * first 20 of all items they are. `figures`: what the server finds out by its own items alone.
 *
 * `--dataset NAME` takes one, `--model NAME` another model, `--users 1000` at the most are judged.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Item } from '../src/catalogue/item.ts'
import { featuresOf } from '../src/catalogue/placing/features.ts'
import { trainingPart } from '../src/evaluation/splits/training-part.ts'
import { noEvents, type Ranking, type RankRequest } from '../src/models/algorithm.ts'
import { OpenModel } from '../src/models/open/open-model.ts'
import { algorithmNamed } from '../src/models/registry.ts'
import { trainModel } from '../src/models/training/train.ts'
import { Pool } from '../src/parallel/pool.ts'
import { Placer } from '../src/recommend/placing/placer.ts'
import { Dataset, writeDataset } from '../src/storage/dataset.ts'
import { randomNumbers } from '../src/storage/random.ts'
import { benchCache } from './data/brunch-data.ts'
import { publicData } from './data/public-data.ts'
import { atLeast, type Bar, type BenchOptions } from './support/bar.ts'
import { positiveInteger } from './support/options.ts'
import { printer } from './support/print.ts'

const shared = join(import.meta.dirname, '../../shared/data')

/** What catalogues say of the items, from the files of each dataset, and the bar: how often its recall is that of the popularity of labels. */
const sources: Readonly<Record<string, { readonly items: () => Item[]; readonly bar: number }>> = {
  'citeulike-a': { items: articles, bar: 3 },
  'hetrec-lastfm': { items: artists, bar: 1.1 },
  'ml-100k': { items: films, bar: 1.2 },
}

/** Share of the items that is held out. */
const share = 0.1
const limit = 20

export async function run({ json, rest }: BenchOptions): Promise<Bar[]> {
  const { values } = parseArgs({
    args: rest,
    options: {
      dataset: { type: 'string' },
      model: { type: 'string', default: 'als' },
      users: { type: 'string', default: '1000' },
    },
  })
  const names = values.dataset === undefined ? Object.keys(sources) : [values.dataset]
  const print = printer(json)
  const pool = new Pool({ threads: 2 })
  const bars: Bar[] = []
  try {
    for (const name of names) {
      const source = sources[name]
      if (!source) throw new RangeError(`--dataset must be one of ${Object.keys(sources).join(', ')}, got ${name}`)
      const found = await measured(name, values.model, { pool, most: positiveInteger('users', values.users) })
      print({ dataset: name, model: values.model, ...found })
      const { placed, byLabels } = found
      bars.push(
        atLeast(
          `${name}: recall@20 of placed items, times that of their labels' popularity`,
          placed / byLabels,
          source.bar,
        ),
      )
    }
  } finally {
    await pool.close()
  }
  return bars
}

async function measured(
  name: string,
  algorithm: string,
  { pool, most }: { readonly pool: Pool; readonly most: number },
) {
  const items = sources[name]!.items()
  // Which makes it.
  await publicData(name)
  const all = Dataset.open(join(benchCache, `${name}-all`))
  const random = randomNumbers(5)
  const isHeld = Uint8Array.from({ length: all.items.size }, () => Number(random() < share))
  const folder = await mkdtemp(join(benchCache, 'placing-'))
  try {
    const heldPairs = Uint8Array.from(all.byUser.indices, item => isHeld[item]!)
    await writeDataset(join(folder, 'data'), trainingPart(all, heldPairs))
    const train = Dataset.open(join(folder, 'data'))
    await trainModel(train, join(folder, 'model'), algorithmNamed(algorithm), {}, { pool })
    const model = OpenModel.open(join(folder, 'model'))
    const begun = performance.now()
    const placer = new Placer(model, items, { mostPlaced: items.length })
    const learned = performance.now()
    const held = [...isHeld.keys()].filter(row => isHeld[row] === 1).map(row => String(all.items.at(row)))
    const heldIds = new Set(held)
    placer.place(items.filter(({ id }) => heldIds.has(id)))
    const { ids = [], ...similar } = placer.placement()
    const placed = performance.now()
    const rows = Uint32Array.from(ids, (_, place) => train.items.size + place)
    model.place({ rows, ...similar })
    const users = usersOf(all, train, isHeld, most)
    const requests = users.map(({ row }): RankRequest => {
      return { user: row, recent: noEvents, seen: 'exclude', limit, exclude: new Uint32Array(0), only: rows }
    })
    const from = performance.now()
    const lists = model.rank(requests)
    const took = performance.now() - from
    const idsOf = ({ items }: Ranking) => Array.from(items, row => ids[row - train.items.size]!)
    const recall = (listOf: (user: number) => readonly string[]) => {
      const shares = users.map(
        ({ held }, at) =>
          listOf(at)
            .slice(0, limit)
            .filter(id => held.has(id)).length / held.size,
      )
      return shares.reduce((sum, each) => sum + each, 0) / shares.length
    }
    const popular = byLabels(items, train, heldIds)
    const chance = limit / held.length
    const shown = model.rank(
      users.map(({ row }) => ({ user: row, recent: noEvents, seen: 'exclude', limit, exclude: new Uint32Array(0) })),
    )
    const result = {
      held: held.length,
      placedItems: ids.length,
      users: users.length,
      placed: recall(at => idsOf(lists[at]!)),
      byLabels: recall(() => popular),
      chance,
      shareOfLists:
        shown.reduce((sum, list) => sum + list.items.filter(row => row >= train.items.size).length, 0) /
        (limit * users.length),
      figures: placer.figures,
      secondsToLearn: (learned - begun) / 1000,
      millisecondsAnItem: (placed - learned) / Math.max(1, ids.length),
      millisecondsAList: took / users.length,
    }
    model.close()
    return result
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Users who have held-out items and others, evenly chosen, and the ids of the held-out items of each. */
function usersOf(all: Dataset, train: Dataset, isHeld: Uint8Array, most: number) {
  const { indptr, indices } = all.byUser
  const users = [...Array(all.users.size).keys()].flatMap(user => {
    const row = train.users.indexOf(all.users.at(user))
    const own = indices.subarray(Number(indptr[user]), Number(indptr[user + 1])).filter(item => isHeld[item] === 1)
    return row >= 0 && own.length > 0
      ? [{ row, held: new Set(Array.from(own, item => String(all.items.at(item)))) }]
      : []
  })
  const step = Math.max(1, users.length / most)
  return Array.from({ length: Math.min(most, users.length) }, (_, at) => users[Math.floor(at * step)]!)
}

/** The held-out items by the pairs that items with each of their labels have in the training, most first. */
function byLabels(items: readonly Item[], train: Dataset, held: ReadonlySet<string>): string[] {
  const pairs = new Map<number, number>()
  for (const item of items) {
    const row = train.items.indexOf(item.id)
    if (row < 0) continue
    const own = Number(train.byItem.indptr[row + 1]! - train.byItem.indptr[row]!)
    for (const feature of featuresOf(item)) pairs.set(feature, (pairs.get(feature) ?? 0) + own)
  }
  return items
    .filter(({ id }) => held.has(id))
    .map(item => ({
      id: item.id,
      score: featuresOf(item).reduce((sum, feature) => sum + (pairs.get(feature) ?? 0), 0),
    }))
    .sort((a, b) => b.score - a.score)
    .map(({ id }) => id)
}

function linesOf(file: string): string[] {
  const path = join(shared, file)
  if (!existsSync(path)) throw new Error(`${path} is not there: it says what the items are`)
  return readFileSync(path, 'latin1').trimEnd().split('\n')
}

const described = (id: string, about: Partial<Item>): Item => ({
  id,
  tags: [],
  categories: [],
  hidden: false,
  ...about,
})

function articles(): Item[] {
  return linesOf('citeulike-a/item-tag.dat').map((line, id) =>
    described(String(id), { tags: line.trim().split(' ').slice(1) }),
  )
}

/** The tags that users gave most often, 64 at the most, and the name. */
function artists(): Item[] {
  const counts = new Map<string, Map<string, number>>()
  for (const line of linesOf('hetrec-lastfm/user_taggedartists.dat').slice(1)) {
    const [, artist = '', tag = ''] = line.split('\t')
    const own = counts.get(artist) ?? new Map<string, number>()
    counts.set(artist, own.set(tag, (own.get(tag) ?? 0) + 1))
  }
  return linesOf('hetrec-lastfm/artists.dat')
    .slice(1)
    .map(line => {
      const [id = '', title = ''] = line.split('\t')
      const tags = [...(counts.get(id) ?? [])]
        .sort(([, a], [, b]) => b - a)
        .slice(0, 64)
        .map(([tag]) => tag)
      return described(id, { title, tags })
    })
}

function films(): Item[] {
  return linesOf('ml-100k/ml-100k.item')
    .slice(1)
    .map(line => {
      const [id = '', title = '', year = '', genres = ''] = line.split('\t')
      return described(id, { title, tags: [year], categories: genres.split(' ') })
    })
}
