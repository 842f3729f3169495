import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { noEvents } from '../../src/models/algorithm.ts'
import { Artifact } from '../../src/models/artifact/artifact.ts'
import { word2vec } from '../../src/models/factors/word2vec/index.ts'
import { itemCorpus } from '../../src/models/factors/word2vec/sessions.ts'
import { rowOf } from '../../src/models/open/history.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { recentItems } from '../../src/models/sequential/sessions/recent-items.ts'
import { trainModel } from '../../src/models/training/train.ts'
import { native } from '../../src/native.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { sequenceEnd } from '../../src/skip-gram/corpus.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { csrOf } from '../storage/csr-of.ts'
import { freshFolder } from '../storage/folder.ts'
import { datasetOf, randomInteractions } from './interactions.ts'
import { eventsOf, requestOf } from './requests.ts'
import { smallOptions, trained } from './trained.ts'

const pool = new Pool({ threads: 2 })
afterAll(() => pool.close())

const hour = 3_600_000

/** Events of users: item, hour and weight. */
function sequencesOf(
  users: readonly (readonly (readonly [item: number, hour: number, weight?: number])[])[],
  columns: number,
) {
  const all = users.flat()
  const indptr = new BigUint64Array(users.length + 1)
  users.forEach(({ length }, row) => {
    indptr[row + 1] = indptr[row]! + BigInt(length)
  })
  return {
    rows: users.length,
    columns,
    indptr,
    items: Uint32Array.from(all, ([item]) => item),
    times: BigInt64Array.from(all, ([, at]) => BigInt(at * hour)),
    weights: Float32Array.from(all, ([, , weight = 1]) => weight),
  }
}

/** The corpus as sessions of items. */
function sessionsOf({ corpus, formerOf }: ReturnType<typeof itemCorpus>): number[][] {
  const sessions: number[][] = [[]]
  for (const row of corpus.tokens as Uint32Array) {
    if (row === sequenceEnd) sessions.push([])
    else sessions.at(-1)!.push(formerOf[row]!)
  }
  expect(sessions.pop()).toEqual([])
  return sessions
}

test('sessions end with the user and where there is a gap; repeats, taken back and rare events are left out', () => {
  const events = sequencesOf(
    [
      [
        [0, 0],
        [1, 1],
        [1, 1],
        [2, 1, -1],
        [1, 2],
        [0, 9],
        [3, 10],
      ],
      [],
      [
        [1, 0],
        [0, 2],
      ],
    ],
    4,
  )
  expect(sessionsOf(itemCorpus(events, { minCount: 1, sessionGap: 0 }))).toEqual([
    [0, 1, 0, 3],
    [1, 0],
  ])
  expect(sessionsOf(itemCorpus(events, { minCount: 1, sessionGap: 7 }))).toEqual([
    [0, 1],
    [0, 3],
    [1, 0],
  ])
  expect(sessionsOf(itemCorpus(events, { minCount: 2, sessionGap: 7 }))).toEqual([[0, 1], [0], [1, 0]])
})

test('a dataset without times is refused with what to do, before anything is written', async () => {
  const folder = freshFolder()
  await writeDataset(join(folder, 'data'), { byUser: csrOf([[1, 2]]), users: ['a'], items: ['x', 'y'] })
  const dataset = Dataset.open(join(folder, 'data'))
  const out = join(folder, 'model')
  await expect(trainModel(dataset, out, word2vec, {}, { pool })).rejects.toThrow(
    `word2vec needs the order of events: ${dataset.directory} must have events with times, but has pairs only; ` +
      'import the source with times (time, --time), or train another algorithm',
  )
  expect(existsSync(out)).toBe(false)
})

test('where no item has as many events as it must, that is said', async () => {
  const dataset = await datasetOf(randomInteractions(60, 30, 4))
  const training = trainModel(dataset, join(freshFolder(), 'model'), word2vec, { minCount: 100_000 }, { pool })
  await expect(training).rejects.toThrow(
    'no item has 100000 events: take a smaller minimum count (minCount, --min-count)',
  )
})

test('a model says which instruction set it was trained with, and goes on with that', async () => {
  const dataset = await datasetOf(randomInteractions(60, 30, 4))
  const options = smallOptions(word2vec)
  const ofOptions = async (instructions?: 'plain') => {
    const directory = await trained(word2vec, dataset, { pool, options: { ...options, instructions } })
    return Artifact.open(directory).manifest.options
  }
  const widest = native.instructionSets().find(name => name !== 'avx512vnni')
  expect(await ofOptions()).toMatchObject({ instructions: widest })
  expect(await ofOptions('plain')).toMatchObject({ instructions: 'plain' })
})

test.each(['inputs', 'outputs'] as const)('lists by %s are those of the vectors, scored one by one', async ranking => {
  const dataset = await datasetOf(randomInteractions(60, 30, 4))
  const options = { ...smallOptions(word2vec), ranking, popularityWeight: 0.3, recentItems: 3, recencyDecay: 0.7 }
  const artifact = Artifact.open(await trained(word2vec, dataset, { pool, options }))
  const model = new OpenModel(artifact)
  const { factors, data } = model.vectors('items')
  const outputs = artifact.tensor('outputs', Float32Array).data
  const vector = (item: number) => [...data.subarray(item * factors, (item + 1) * factors)]
  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, f) => sum + x * b[f]!, 0)
  const unit = (v: readonly number[]) => v.map(x => x / Math.sqrt(dot(v, v)))
  const users = model.vectors('users').data
  for (let user = 0; user < artifact.users.size; user++) {
    const history = rowOf(artifact.history, user)
    const { items, weights } = recentItems({ user, history, recent: noEvents }, artifact.events, {
      recentItems: 3,
      recencyDecay: 0.7,
    })
    const sum = weights.reduce((all, weight) => all + weight, 0)
    const mean = Array.from({ length: factors }, (_, f) =>
      [...items].reduce((all, item, at) => {
        const own = ranking === 'inputs' ? unit(vector(item)) : vector(item)
        return all + (weights[at]! * own[f]!) / sum
      }, 0),
    )
    mean.forEach((value, f) => {
      expect(users[user * factors + f]).toBeCloseTo(value, 5)
    })
    const score = (item: number) => {
      if (ranking === 'inputs') return dot(unit(mean), unit(vector(item)))
      const row = [...outputs.subarray(item * (factors + 1), (item + 1) * (factors + 1))]
      return dot([...mean, 0.3], row)
    }
    const [list] = model.rank([requestOf(user, { limit: 8 })])
    list!.scores.forEach((found, at) => {
      expect(found).toBeCloseTo(score(list!.items[at]!), 4)
    })
    const least = list!.scores.at(-1)!
    const rest = Array.from({ length: artifact.items.size }, (_, item) => item).filter(
      item => !history.indices.includes(item) && !list!.items.includes(item),
    )
    for (const item of rest) expect(score(item)).toBeLessThan(least + 1e-4)
  }
})

test('what comes after an item in time is ranked before what only the same users have', async () => {
  // Half of the users go 0 → 1 within an hour, and to 2 a month later; the others have items of their own.
  const users = Array.from({ length: 200 }, (_, user) =>
    user % 2 === 0
      ? ([
          [0, 0],
          [1, 1],
          [2, 720],
          [3, 721],
        ] as const)
      : ([
          [4 + (user % 10), 0],
          [14 + (user % 7), 1],
        ] as const),
  )
  const columns = 21
  const folder = freshFolder()
  const pairs = users.map(events => {
    const row = new Array<number>(columns).fill(0)
    for (const [item] of events) row[item] = 1
    return row
  })
  await writeDataset(join(folder, 'data'), {
    byUser: csrOf(pairs),
    users: pairs.map((_, user) => user),
    items: Array.from({ length: columns }, (_, item) => item),
    events: sequencesOf(users, columns),
  })
  const dataset = Dataset.open(join(folder, 'data'))
  const options = { ...smallOptions(word2vec), factors: 8, sessionGap: 24, popularityWeight: 0 }
  const model = OpenModel.open(await trained(word2vec, dataset, { pool, options }))
  const [list] = model.rank([requestOf(-1, { recent: eventsOf([[0, 1]]), limit: 1 })])
  expect([...list!.items]).toEqual([1])
})

test('an item without a vector is in no list but after all others, and nothing is similar to it', async () => {
  const pairs = [...randomInteractions(60, 20, 4), [0, 99, 1] as const]
  const options = { ...smallOptions(word2vec), minCount: 2 }
  const model = OpenModel.open(await trained(word2vec, await datasetOf(pairs), { pool, options }))
  const rare = model.artifact.items.indexOf(99)
  const [list] = model.rank([requestOf(1, { limit: 100, seen: 'allow' })])
  expect(list!.items.indexOf(rare)).toBe(list!.items.length - 1)
  expect(list!.scores.at(-1)).toBe(0)
  // Short lists are the begin of long ones, though items with vectors have scores below 0.
  expect(Math.min(...list!.scores)).toBeLessThan(0)
  for (const limit of [1, 5, list!.items.length - 1]) {
    const [short] = model.rank([requestOf(1, { limit, seen: 'allow' })])
    expect([...short!.items]).toEqual([...list!.items.subarray(0, limit)])
  }
  expect(model.similar([{ item: rare, limit: 5 }])[0]!.items).toHaveLength(0)
  expect(model.similar([{ item: 0, limit: 50 }])[0]!.items).not.toContain(rare)
})
