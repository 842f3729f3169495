/**
 * The exact ten best items of a user, without those in the user's history, beside faiss's flat index in the same run:
 * queries a second in batches on two cores, and one by one. The lists must be those of scoring every item.
 *
 * `--data MODEL` names the directory of an ALS model; without it one of 128 factors is trained on the brunch reads, once.
 * `--users N` in a batch (2048), whose lists are also searched for one by one; by faiss only for `--singles N` of them
 * (50), since it is slow; `--rounds N` (3) of each in turn, whose medians count.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Artifact, artifactFiles } from '../src/models/artifact/artifact.ts'
import { als } from '../src/models/factors/als/index.ts'
import { alsTensors } from '../src/models/factors/als/model.ts'
import { trainModel } from '../src/models/training/train.ts'
import { Pool } from '../src/parallel/pool.ts'
import { search } from '../src/search/search.ts'
import { emptyLists, searchInto, TopKIndex } from '../src/search/topk.ts'
import type { Csr } from '../src/storage/csr.ts'
import { sharedArray } from '../src/storage/shared-array.ts'
import { naiveSearch } from '../test/search/naive.ts'
import { benchCache, brunchSplit } from './data/brunch-data.ts'
import { peersPython, runPeer } from './peers/python.ts'
import { atLeast, atMost, type Bench } from './support/bar.ts'
import { median, spread } from './support/numbers.ts'
import { positiveInteger } from './support/options.ts'
import { printer } from './support/print.ts'
import { itemsOfUsers } from './support/user-items.ts'

const limit = 10
/** Users whose lists are compared with those of scoring every item. */
const checked = 20
/** Each way is measured for this many seconds in a round. */
const roundSeconds = 1

/** Factors of users, and the items that each must not get. */
interface Queries {
  readonly queries: Float32Array
  readonly exclude: { readonly indptr: Uint32Array; readonly indices: Uint32Array }
}

/** What flat.py prints. */
interface Flat {
  readonly batch: number
  readonly one: number
  readonly items: readonly (readonly number[])[]
}

export const run: Bench = async ({ json, data, rest }) => {
  const { users, singles, rounds } = options(rest)
  const print = printer(json)
  const python = peersPython('main', ['faiss', 'numpy'])
  const pool = new Pool({ threads: 2 })
  try {
    const model = Artifact.open(data ?? (await brunchModel(pool)))
    const tensors = alsTensors(model)
    const begun = performance.now()
    const index = TopKIndex.build(tensors.items.data, tensors.factors)
    const buildSeconds = (performance.now() - begun) / 1000
    const sample = spread(model.users.size, users)
    const batch = queriesOf(tensors, model.history, sample)
    const alone = sample.map(user => queriesOf(tensors, model.history, [user]))
    const compared = spread(sample.length, singles).map(at => alone[at]!)
    const effort = searchInto(
      index,
      batch.queries,
      { limit, exclude: batch.exclude },
      emptyLists(index, batch.queries, limit),
    )
    const perQuery = (count: number) => Number((count / sample.length).toFixed(1))
    print({
      items: index.items,
      factors: index.rank,
      buildSeconds,
      codedPerQuery: perQuery(effort.coded),
      scoredPerQuery: perQuery(effort.scored),
    })
    const share = (count: number) => count / sample.length / index.items
    print({ shareOfItemsCoded: share(effort.coded), shareScored: share(effort.scored) })

    const file = join(model.directory, artifactFiles.tensors)
    const flatArgs = [file, String(sample.length), String(compared.length)]
    const rates = { batch: [] as number[], one: [] as number[], flatBatch: [] as number[], flatOne: [] as number[] }
    let differing = 0
    for (let round = 0; round < rounds; round++) {
      rates.batch.push(await batchRate(pool, index, batch))
      rates.one.push(oneRate(index, alone))
      const [flat] = await runPeer<Flat>(python, 'flat.py', flatArgs)
      rates.flatBatch.push(flat!.batch)
      rates.flatOne.push(flat!.one)
      differing = compared.filter(({ queries }, at) => {
        const { items } = index.search(queries, { limit })
        return items.some((item, place) => item !== flat!.items[at]![place])
      }).length
    }
    const [batchMedian, oneMedian] = [median(rates.batch), median(rates.one)]
    const [flatBatch, flatOne] = [median(rates.flatBatch), median(rates.flatOne)]
    print({ ours: 'queries a second', batch: batchMedian, one: oneMedian })
    // It adds in single precision, in its own order: nearly equal scores may swap places.
    print({
      peer: 'faiss flat',
      batch: flatBatch,
      one: flatOne,
      listsUnlikeOurs: `${differing} of ${compared.length}`,
    })
    return [
      atLeast('times the queries a second of faiss flat, in batches', batchMedian / flatBatch, 15),
      atLeast('times the queries a second of faiss flat, one by one', oneMedian / flatOne, 100),
      atMost(`of ${checked} lists, those unlike the naive answer`, unlikeNaive(tensors.items.data, index, batch), 0),
    ]
  } finally {
    await pool.close()
  }
}

/** The directory of a model of 128 factors, trained on the brunch reads by our defaults when it is not there yet. */
async function brunchModel(pool: Pool): Promise<string> {
  const { train } = await brunchSplit()
  const directory = join(benchCache, 'topk-model')
  if (!existsSync(directory)) {
    process.stderr.write('training a model of 128 factors\n')
    await trainModel(train, directory, als, { factors: 128, epochs: 10, seed: 7 }, { pool })
  }
  return directory
}

/** The trained factors of `users`, and their histories. */
function queriesOf(model: ReturnType<typeof alsTensors>, history: Csr, users: readonly number[]): Queries {
  const { factors } = model
  const queries = sharedArray(Float32Array, users.length * factors)
  users.forEach((user, at) => {
    queries.set(model.users.data.subarray(user * factors, (user + 1) * factors), at * factors)
  })
  return { queries, exclude: itemsOfUsers(history, users) }
}

async function batchRate(pool: Pool, index: TopKIndex, { queries, exclude }: Queries): Promise<number> {
  const begun = performance.now()
  let batches = 0
  for (; performance.now() - begun < roundSeconds * 1000; batches++) {
    await search(pool, index, queries, { limit, exclude })
  }
  return (((batches * queries.length) / index.rank) * 1000) / (performance.now() - begun)
}

function oneRate(index: TopKIndex, singles: readonly Queries[]): number {
  const begun = performance.now()
  let rounds = 0
  for (; performance.now() - begun < roundSeconds * 1000; rounds++) {
    for (const { queries, exclude } of singles) index.search(queries, { limit, exclude })
  }
  return (rounds * singles.length * 1000) / (performance.now() - begun)
}

function unlikeNaive(factors: Float32Array, index: TopKIndex, { queries, exclude }: Queries): number {
  const found = index.search(queries, { limit, exclude })
  const unlike = spread(queries.length / index.rank, checked).filter(row => {
    const query = queries.subarray(row * index.rank, (row + 1) * index.rank)
    const expected = naiveSearch(factors, query, { limit, exclude }, row)
    return expected.some(([item, score], place) => {
      const at = row * limit + place
      return found.items[at] !== item || found.scores[at] !== score
    })
  })
  return unlike.length
}

function options(args: readonly string[]): { users: number; singles: number; rounds: number } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      users: { type: 'string', default: '2048' },
      singles: { type: 'string', default: '50' },
      rounds: { type: 'string', default: '3' },
    },
  })
  return {
    users: positiveInteger('users', values.users),
    singles: positiveInteger('singles', values.singles),
    rounds: positiveInteger('rounds', values.rounds),
  }
}
