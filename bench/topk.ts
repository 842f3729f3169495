/**
 * The exact ten best items of a user, without those in the user's history, beside faiss's flat index in the same run:
 * queries a second in batches on two cores, and one by one. The lists must be those of looking at everything.
 *
 * `--data MODEL` names a model's directory; without it one of rank 128 is trained on the brunch reads, once.
 * `--users N` in a batch (2048), who are also asked for one by one, faiss for `--ones N` of them only (50), since it is slow;
 * `--rounds N` (3) of each in turn, whose medians count.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { alsOptions } from '../src/models/als/options.ts'
import { Model, modelFiles } from '../src/models/model.ts'
import { trainModel } from '../src/models/train.ts'
import { Pool } from '../src/parallel/pool.ts'
import { rowsOf } from '../src/search/factor-ranker.ts'
import { search } from '../src/search/search.ts'
import { emptyLists, searchInto, TopKIndex } from '../src/search/topk.ts'
import { naiveSearch } from '../test/search/naive.ts'
import { atLeast, atMost, type Bench } from './bar.ts'
import { benchCache, brunchSplit } from './brunch-data.ts'
import { peersPython, runPeer } from './peers/python.ts'

const limit = 10
/** Users whose lists are compared with those of looking at everything. */
const checked = 20
/** A batch is asked for this many seconds in a round. */
const roundSeconds = 1

/** Users' factors, and what they must not get. */
interface Asked {
  readonly queries: Float32Array
  readonly exclude: { readonly indptr: Uint32Array; readonly indices: Uint32Array }
}

interface Flat {
  readonly batch: number
  readonly one: number
  readonly items: readonly (readonly number[])[]
}

export const run: Bench = async ({ json, data, rest }) => {
  const { users, ones, rounds } = options(rest)
  const say = (line: object) => console.log(json ? JSON.stringify(line) : sentence(line))
  const python = peersPython({ faiss: 'faiss-cpu==1.15.1', numpy: 'numpy' })
  const pool = new Pool({ threads: 2 })
  try {
    const model = Model.open(data ?? (await brunchModel(pool)))
    const begun = performance.now()
    const index = TopKIndex.build(model.itemFactors, model.rank)
    const buildSeconds = (performance.now() - begun) / 1000
    const sample = spread(model.users.size, users)
    const batch = asked(model, sample)
    const singles = Array.from(sample, (_, at) => asked(model, sample.subarray(at, at + 1)))
    const also = Array.from(spread(users, ones), at => singles[at]!)
    const effort = searchInto(
      index,
      batch.queries,
      { limit, exclude: batch.exclude },
      emptyLists(index, batch.queries, limit),
    )
    const perQuery = (count: number) => Number((count / users).toFixed(1))
    say({
      items: index.items,
      rank: index.rank,
      buildSeconds,
      coded: perQuery(effort.coded),
      scored: perQuery(effort.scored),
    })
    say({ shareOfItemsCoded: effort.coded / users / index.items, shareScored: effort.scored / users / index.items })

    const factors = join(model.directory, modelFiles.factors)
    const rates = { batch: [] as number[], one: [] as number[], flatBatch: [] as number[], flatOne: [] as number[] }
    let differing = 0
    for (let round = 0; round < rounds; round++) {
      rates.batch.push(await batchRate(pool, index, batch))
      rates.one.push(oneRate(index, singles))
      const [flat] = await runPeer<Flat>(python, 'flat.py', [factors, ...[users, ones].map(String)])
      rates.flatBatch.push(flat!.batch)
      rates.flatOne.push(flat!.one)
      differing = also.filter(({ queries }, at) => {
        const { items } = index.search(queries, { limit })
        return items.some((item, place) => item !== flat!.items[at]![place])
      }).length
    }
    const [ours, one, flatBatch, flatOne] = [rates.batch, rates.one, rates.flatBatch, rates.flatOne].map(median)
    say({ ours: 'queries a second', batch: ours, one })
    // It adds in single precision, in its own order: nearly equal scores may swap places.
    say({ peer: 'faiss flat', batch: flatBatch, one: flatOne, listsUnlikeOurs: `${differing} of ${ones}` })
    return [
      atLeast('times the queries a second of faiss flat, in batches', ours! / flatBatch!, 15),
      atLeast('times the queries a second of faiss flat, one by one', one! / flatOne!, 100),
      atMost(`of ${checked} lists, those unlike the naive answer`, unlikeNaive(model, index, batch), 0),
    ]
  } finally {
    await pool.close()
  }
}

/** The directory of a model of rank 128, trained on the brunch reads by our defaults when it is not there yet. */
async function brunchModel(pool: Pool): Promise<string> {
  const { train } = await brunchSplit()
  const directory = join(benchCache, 'topk-model')
  if (!existsSync(directory)) {
    process.stderr.write('training a model of rank 128\n')
    await trainModel(train, directory, alsOptions.parse({ factors: 128, epochs: 10, seed: 7 }), { pool })
  }
  return directory
}

function spread(size: number, count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, at) => Math.floor((at * size) / count))
}

function asked(model: Model, users: Uint32Array): Asked {
  const { rank } = model
  const queries = new Float32Array(new SharedArrayBuffer(users.length * rank * 4))
  users.forEach((user, at) => {
    queries.set(model.userFactors.subarray(user * rank, (user + 1) * rank), at * rank)
  })
  return { queries, exclude: rowsOf(model.history, users) }
}

async function batchRate(pool: Pool, index: TopKIndex, { queries, exclude }: Asked): Promise<number> {
  const begun = performance.now()
  let batches = 0
  for (; performance.now() - begun < roundSeconds * 1000; batches++) {
    await search(pool, index, queries, { limit, exclude })
  }
  return (((batches * queries.length) / index.rank) * 1000) / (performance.now() - begun)
}

function oneRate(index: TopKIndex, singles: readonly Asked[]): number {
  const begun = performance.now()
  let rounds = 0
  for (; performance.now() - begun < roundSeconds * 1000; rounds++) {
    for (const { queries, exclude } of singles) index.search(queries, { limit, exclude })
  }
  return (rounds * singles.length * 1000) / (performance.now() - begun)
}

function unlikeNaive(model: Model, index: TopKIndex, { queries, exclude }: Asked): number {
  const found = index.search(queries, { limit, exclude })
  const unlike = spread(queries.length / index.rank, checked).filter(row => {
    const query = queries.subarray(row * index.rank, (row + 1) * index.rank)
    const expected = naiveSearch(model.itemFactors, query, { limit, exclude }, row)
    return expected.some(([item, score], place) => {
      const at = row * limit + place
      return found.items[at] !== item || found.scores[at] !== score
    })
  })
  return unlike.length
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

function options(args: readonly string[]): { users: number; ones: number; rounds: number } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      users: { type: 'string', default: '2048' },
      ones: { type: 'string', default: '50' },
      rounds: { type: 'string', default: '3' },
    },
  })
  const number = (name: keyof typeof values): number => {
    const value = Number(values[name])
    if (!Number.isInteger(value) || value < 1)
      throw new TypeError(`--${name} expects a whole number from 1, got ${values[name]}`)
    return value
  }
  return { users: number('users'), ones: number('ones'), rounds: number('rounds') }
}

function sentence(line: object): string {
  const written = (value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value
  return Object.entries(line)
    .map(([key, value]) => `${key} ${written(value)}`)
    .join(', ')
}
