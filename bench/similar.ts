/**
 * Similar items by each measure that a model of ALS has, on the brunch reads: the share of the same author among the ten most
 * similar of an item, whose author its id begins with, by how many readers the item has. Nothing that is learned from knows
 * authors; who reads one piece of an author reads others.
 *
 * `--data FILE` takes another Parquet file of reads (columns user and item, ids like AUTHOR_NUMBER); `--factors 64`: those of the
 * model; `--items 2000`: items of each band, evenly spaced by their readers.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { ItemList, SimilarMeasure } from '../src/models/algorithm.ts'
import { als } from '../src/models/factors/als/index.ts'
import { OpenModel } from '../src/models/open/open-model.ts'
import { trainModel } from '../src/models/training/train.ts'
import { Pool } from '../src/parallel/pool.ts'
import { valuesIn } from '../src/storage/safetensors.ts'
import { benchCache, brunchSplit } from './data/brunch-data.ts'
import { atLeast, type Bar, type BenchOptions } from './support/bar.ts'
import { spread } from './support/numbers.ts'
import { positiveInteger } from './support/options.ts'
import { printer } from './support/print.ts'

/** Items of so many readers. */
const bands = [
  { readers: 'at least 1000', from: 1000, to: Number.POSITIVE_INFINITY },
  { readers: '100 to 999', from: 100, to: 999 },
  { readers: '10 to 99', from: 10, to: 99 },
  { readers: '1', from: 1, to: 1 },
] as const

/** Items in a list. */
const limit = 10
/** Lists that are made at a time, as a server does. */
const batch = 16

export async function run({ json, data, rest }: BenchOptions): Promise<Bar[]> {
  const { values } = parseArgs({
    args: rest,
    options: { factors: { type: 'string', default: '64' }, items: { type: 'string', default: '2000' } },
  })
  const [factors, count] = [positiveInteger('factors', values.factors), positiveInteger('items', values.items)]
  const { train } = await brunchSplit(data)
  const directory = join(benchCache, `similar-${factors}`)
  const pool = new Pool({ threads: 2 })
  await trainModel(train, directory, als, { factors }, { pool, replace: true })
  await pool.close()
  const model = OpenModel.open(directory)
  const print = printer(json)
  const shares = new Map<string, number>()
  for (const { readers, from, to } of bands) {
    const items = itemsOf(model, from, to)
    const chosen = spread(items.length, count).map(place => items[place]!)
    for (const measure of model.similarBy) {
      const found = measured(model, chosen, measure)
      shares.set(`${readers} ${measure}`, found.sameAuthor)
      print({ readers, items: chosen.length, measure, ...found })
    }
  }
  model.close()
  const [standard] = model.similarBy
  return bands.map(({ readers }) => {
    const shareOf = (measure: string | undefined) => shares.get(`${readers} ${measure}`)!
    const best = Math.max(...model.similarBy.map(shareOf))
    return atLeast(
      `same author by ${standard} over the best measure, items of ${readers} readers`,
      shareOf(standard) / best,
      0.9,
    )
  })
}

/** Those with so many readers, most first. */
function itemsOf({ artifact: { popularity, items } }: OpenModel, from: number, to: number): Uint32Array {
  const counts = valuesIn(popularity.counts, 0, items.size)
  return valuesIn(popularity.order, 0, items.size).filter(item => counts[item] >= from && counts[item] <= to)
}

/** The mean share of the same author in the lists of `chosen`, that of lists whose scores are all equal, and ms a list. */
function measured(model: OpenModel, chosen: readonly number[], measure: SimilarMeasure) {
  const { items } = model.artifact
  const authorOf = (row: number) => String(items.at(row)).split('_', 1)[0]
  const lists: ItemList[] = []
  const begun = performance.now()
  for (let first = 0; first < chosen.length; first += batch) {
    lists.push(...model.similar(chosen.slice(first, first + batch).map(item => ({ item, limit, measure }))))
  }
  const milliseconds = (performance.now() - begun) / chosen.length
  let [same, tied] = [0, 0]
  lists.forEach((list, at) => {
    same += list.items.filter(item => authorOf(item) === authorOf(chosen[at]!)).length
    if (list.scores.length === limit && list.scores[0] === list.scores[limit - 1]) tied++
  })
  return { sameAuthor: same / (limit * lists.length), tied: tied / lists.length, milliseconds }
}
