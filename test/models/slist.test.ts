import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Model, noEvents, type ResolvedRequest } from '../../src/models/algorithm.ts'
import { Artifact, saveArtifact } from '../../src/models/artifact/artifact.ts'
import { repeatShares } from '../../src/models/sequential/sessions/repeats.ts'
import { slist } from '../../src/models/sequential/slist/index.ts'
import { checkMemory, neededMemory } from '../../src/models/sequential/slist/memory.ts'
import { slistTensors } from '../../src/models/sequential/slist/model.ts'
import { type SlistOptions, slistOptions } from '../../src/models/sequential/slist/options.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { freshFolder } from '../storage/folder.ts'
import { sequencesOf } from '../storage/sequences-of.ts'
import { datasetOf } from './interactions.ts'
import { type NaiveSession, naiveSlist, naiveSlistScores } from './naive-slist.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 2 })
})
afterAll(() => pool.close())

const minute = 60_000
const day = 86_400_000

/** Each session is of a user of its own: session s on day s, an event a minute. */
async function sessionsDataset(sessions: readonly (readonly number[])[], items: number): Promise<Dataset> {
  const events = sequencesOf(
    sessions.map((session, row) => session.map((item, at) => ({ item, time: row * day + at * minute }))),
    items,
  )
  const rows = sessions.map(session => [...new Set(session)].sort((a, b) => a - b))
  const indptr = BigUint64Array.from([0, ...rows.map((_, at) => rows.slice(0, at + 1).flat().length)], BigInt)
  const indices = Uint32Array.from(rows.flat())
  const byUser = {
    rows: rows.length,
    columns: items,
    indptr,
    indices,
    weights: new Float32Array(indices.length).fill(1),
  }
  const directory = join(freshFolder(), 'data')
  const ids = (count: number) => Array.from({ length: count }, (_, row) => row)
  await writeDataset(directory, { byUser, users: ids(rows.length), items: ids(items), events })
  return Dataset.open(directory)
}

/** A model as it is served: trained, saved, opened and verified. */
async function saved(dataset: Dataset, given: Partial<SlistOptions>): Promise<Artifact> {
  const directory = join(freshFolder(), 'model')
  const options = slistOptions.parse(given)
  const trained = await slist.train(dataset, options, { pool })
  await saveArtifact(directory, { algorithm: 'slist', options, dataset, trained })
  const artifact = Artifact.open(directory)
  slist.verify(artifact)
  return artifact
}

/** B as a saved model has it. */
function weightsOf(artifact: Artifact): number[][] {
  const { indptr, indices, weights } = slistTensors(artifact)
  const { items } = artifact.manifest.dataset
  return Array.from({ length: items }, (_, item) => {
    const row = Array<number>(items).fill(0)
    const [begin, end] = indptr.of(item)
    for (let at = begin; at < end; at++) row[indices.data[at]!] = weights.data[at]!
    return row
  })
}

/** Who is new and had these items, a minute apart. */
function requestOf(events: readonly number[], given: Partial<ResolvedRequest> = {}): ResolvedRequest {
  const indices = Uint32Array.from(new Set(events)).sort()
  return {
    ...{ user: -1, limit: 100, exclude: new Uint32Array(0), only: undefined },
    history: { indices, weights: new Float32Array(indices.length).fill(1) },
    recent: {
      items: Uint32Array.from(events),
      weights: new Float32Array(events.length).fill(1),
      times: Float64Array.from(events, (_, at) => 1000 * day + at * minute),
    },
    ...given,
  }
}

const listOf = (model: Model, request: ResolvedRequest) => model.rank([request])[0]!

const share = fc.constantFrom(0.2, 0.5, 0.9, 1)
const cases = fc.record({
  sessions: fc.array(fc.array(fc.nat(7), { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 12 }),
  asked: fc.array(fc.nat(7), { minLength: 1, maxLength: 4 }),
  options: fc.record({
    consistency: fc.constantFrom(0, 0.3, 1),
    regularization: fc.constantFrom(0.3, 2, 10),
    dropout: fc.constantFrom(0, 0.4),
    mostOwn: fc.constantFrom(0, 0.2, 1),
    pastDecay: share,
    futureDecay: share,
    recencyDecay: share,
    sessionHalfLife: fc.constantFrom(undefined, 3),
  }),
})

test('weights and scores are those of the closed form', async () => {
  const agrees = async ({
    sessions,
    asked,
    options: given,
  }: typeof cases extends fc.Arbitrary<infer C> ? C : never) => {
    const options = slistOptions.parse(given)
    const dataset = await sessionsDataset(sessions, 8)
    const artifact = await saved(dataset, options)
    const newest = Math.max(...sessions.map((session, row) => row * day + (session.length - 1) * minute))
    const naive = sessions.map((session, row): NaiveSession => {
      // That an item follows itself says nothing of others.
      const kept = [...session.keys()].filter(at => at === 0 || session[at] !== session[at - 1])
      const age = (newest - row * day - kept.at(-1)! * minute) / day
      const weight = options.sessionHalfLife === undefined ? 1 : 2 ** (-age / options.sessionHalfLife)
      return { items: kept.map(at => session[at]!), weight }
    })
    const expected = naiveSlist(
      naive.filter(({ items }) => items.length > 1),
      8,
      options,
    )
    const weights = weightsOf(artifact)
    expected.forEach((row, i) => {
      row.forEach((weight, j) => {
        expect(weights[i]![j], `${i}, ${j}`).toBeCloseTo(weight, 4)
      })
    })
    const repeats = repeatShares(dataset.events!, options.sessionGap, options.recentItems)
    const recent = [...new Set(asked.toReversed())].map((item, at) => ({
      item,
      weight: options.recencyDecay ** at,
      again: repeats[at]!,
    }))
    const scores = naiveSlistScores(weights, recent)
    const list = listOf(slist.open(artifact), requestOf(asked))
    list.items.forEach((item, at) => {
      expect(list.scores[at]).toBeCloseTo(scores[item]!, 4)
    })
    expect([...list.items].sort()).toEqual([...scores.keys()].filter(item => scores[item]! > 0).sort())
    dataset.close()
  }
  await fc.assert(fc.asyncProperty(cases, agrees), { numRuns: 25 })
})

test('scores are probabilities: they are above 0 and 1 in sum, whatever the user had', async () => {
  // The last item comes again in every fifth session.
  const last = (s: number) => (s % 5 === 0 ? s : s + 3) % 7
  const sessions = Array.from({ length: 30 }, (_, s) => [s % 7, (s * 3 + 1) % 7, (s * 5 + 2) % 7, last(s)])
  const model = slist.open(await saved(await sessionsDataset(sessions, 7), {}))
  for (const asked of [[0], [1, 2], [3, 4, 3, 5]]) {
    const { scores } = listOf(model, requestOf(asked))
    expect(Math.min(...scores)).toBeGreaterThan(0)
    expect(scores.reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 4)
  }
})

test('what follows an item comes before what it follows, unless sessions count in any order', async () => {
  const sessions = Array.from({ length: 20 }, () => [0, 1, 2])
  const dataset = await sessionsDataset(sessions, 3)
  const first = async (consistency: number) => {
    const [own] = weightsOf(await saved(dataset, { consistency, mostOwn: 0 })).slice(1)
    return { before: own![0]!, after: own![2]! }
  }
  const ordered = await first(0)
  expect(ordered.before).toBe(0)
  expect(ordered.after).toBeGreaterThan(0)
  const consistent = await first(1)
  expect(consistent.before).toBeCloseTo(consistent.after, 5)
})

test('weights that are kept are the largest of each row, and fewer candidates give fewer', async () => {
  const sessions = Array.from({ length: 60 }, (_, s) => [s % 9, (s * 2 + 1) % 9, (s * 4 + 3) % 9])
  const dataset = await sessionsDataset(sessions, 9)
  const all = weightsOf(await saved(dataset, {}))
  const few = weightsOf(await saved(dataset, { neighbours: 2 }))
  few.forEach((row, item) => {
    const largest = all[item]!.toSorted((a, b) => b - a)
    expect(row.filter(weight => weight > 0).sort((a, b) => b - a)).toEqual(largest.filter(w => w > 0).slice(0, 2))
  })
  const columns = weightsOf(await saved(dataset, { candidates: 1 }))
  for (const item of columns.keys()) expect(columns.filter(row => row[item]! > 0).length).toBeLessThanOrEqual(1)
})

test('sessions that are too long are cut, and what lies in different pieces is not related', async () => {
  const dataset = await sessionsDataset([[0, 1, 2, 3]], 4)
  const weights = weightsOf(await saved(dataset, { sessionItems: 2, consistency: 0.5, regularization: 0.1 }))
  expect(weights.map(row => row.map(weight => Number(weight > 0)))).toEqual([
    [0, 1, 0, 0],
    [1, 0, 0, 0],
    [0, 0, 0, 1],
    [0, 0, 1, 0],
  ])
})

test('a user of whom nothing is known gets no list', async () => {
  const model = slist.open(await saved(await sessionsDataset([[0, 1, 2]], 3), {}))
  expect([...listOf(model, requestOf([], { recent: noEvents })).items]).toEqual([])
})

test('a training that cannot fit is refused with what takes less', () => {
  const options = slistOptions.parse({})
  const size = { items: 50_000, threads: 2, places: 1_000_000, products: 2e9 }
  expect(() => checkMemory(options, size, 8e9)).toThrow(
    'slist needs 16.1 GB of memory to be trained on 50000 items, but there are 8.0 GB: cut sessions after fewer items than 50 (sessionItems, --session-items)',
  )
  const wide = slistOptions.parse({ candidates: 2000 })
  expect(() => checkMemory(wide, { ...size, products: 1e6 }, 1e9)).toThrow(
    'take fewer candidates than 2000 (candidates, --candidates)',
  )
  const { products, columns } = neededMemory(options, size)
  expect(() => checkMemory(options, size, products + columns)).not.toThrow()
})

test('a dataset without times is refused before it is trained on', async () => {
  const dataset = await datasetOf([[0, 0, 1]])
  const { directory, manifest } = dataset
  const pairs = { directory, manifest, events: undefined } as unknown as Dataset
  expect(() => slist.assertFits!(pairs, slistOptions.parse({}), 1)).toThrow('slist needs the order of events')
})
