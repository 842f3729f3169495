import fc from 'fast-check'
import { expect, test } from 'vitest'
import { evaluate, type Ranker } from '../../src/evaluation/evaluate.ts'
import { metricNames, parseMetrics } from '../../src/evaluation/metrics/metrics.ts'
import { heldOut } from '../../src/evaluation/splits/held-out.ts'
import { rowOf } from '../../src/models/open/history.ts'
import { ModelPool } from '../../src/models/open/model-pool.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { popularItems, popularityOf } from '../../src/models/open/popularity.ts'
import { defaultAlgorithm } from '../../src/models/registry.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { type Csr, transposed } from '../../src/storage/csr.ts'
import { datasetOf, randomInteractions } from '../models/interactions.ts'
import { requestOf } from '../models/requests.ts'
import { trained } from '../models/trained.ts'
import { csrOf } from '../storage/csr-of.ts'
import { sequencesOf } from '../storage/sequences-of.ts'
import { type NaiveUser, naiveMetrics } from './naive-evaluation.ts'

/** Ids as they are where each is its own index. */
const numbered = (size: number) => ({
  at: (index: number) => index,
  indexOf: (id: string | number | bigint) => (Number(id) < size ? Number(id) : -1),
})

function pairs(matrix: number[][]) {
  const byUser = csrOf(matrix)
  return { byUser, users: numbered(byUser.rows), items: numbered(byUser.columns) }
}

/** Ranks by a table of scores, the obvious way; a user that the training does not know gets the order of the items. */
function tableRanker(scores: readonly (readonly number[])[], history: Csr): Ranker {
  return {
    items: history.columns,
    async rank(requests) {
      return requests.map(({ user, limit, seen, only }) => {
        const own = user < 0 ? [] : [...rowOf(history, user).indices]
        const order = Array.from({ length: history.columns }, (_, item) => item).filter(
          item => (seen === 'allow' || !own.includes(item)) && (only?.includes(item) ?? true),
        )
        if (user >= 0) order.sort((a, b) => scores[user]![b]! - scores[user]![a]! || a - b)
        return { items: Uint32Array.from(order.slice(0, limit)) }
      })
    },
  }
}

/** Ranks the items with the most users first, the same for everybody. */
function popularRanker(history: Csr): Ranker {
  const popularity = popularityOf(transposed(history))
  return {
    items: history.columns,
    rank: async requests =>
      requests.map(({ user, limit, seen, only }) => {
        const own = user < 0 || seen === 'allow' ? new Uint32Array(0) : rowOf(history, user).indices
        return popularItems(popularity, limit, own, { only })
      }),
  }
}

const names = metricNames.filter(name => name !== 'auc')
const metricsAt = (...cuts: number[]) =>
  parseMetrics(['auc', ...cuts.flatMap(cut => names.map(name => `${name}@${cut}`))].join())

test.each(['exclude', 'allow'] as const)(
  'all metrics agree with their definitions, whatever is scored, known and held out: %s what was seen',
  async seen => {
    const cell = fc.constantFrom('train', 'held', 'both', 'none', 'none')
    const user = (items: number) =>
      fc.record({
        cells: fc.array(cell, { minLength: items, maxLength: items }),
        scores: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: items, maxLength: items }),
        // Held-out items that the training does not know.
        unseen: fc.integer({ min: 0, max: 3 }),
        isKnown: fc.boolean(),
      })
    const worlds = fc
      .integer({ min: 1, max: 12 })
      .chain(items => fc.tuple(fc.array(user(items), { minLength: 1, maxLength: 6 }), fc.integer({ min: 2, max: 15 })))
    await fc.assert(
      fc.asyncProperty(worlds, async ([given, cut]) => {
        const items = given[0]!.cells.length
        // Rows are laid out by who is known: those who are not have none.
        const users = given.toSorted((a, b) => Number(b.isKnown) - Number(a.isKnown))
        const known = users.filter(({ isKnown }) => isKnown)
        fc.pre(known.length > 0)
        const isTrained = (cell: string) => cell === 'train' || cell === 'both'
        const isTested = (cell: string) => cell === 'held' || cell === 'both'
        const training = pairs(known.map(({ cells }) => cells.map(cell => (isTrained(cell) ? 1 : 0))))
        const tested = users.map(({ cells, unseen }) => [
          ...cells.map(cell => (isTested(cell) ? 1 : 0)),
          ...[0, 1, 2].map(extra => (extra < unseen ? 1 : 0)),
        ])
        const judged = users
          .map(({ scores, cells, isKnown }, at): NaiveUser => {
            const trained = new Set(isKnown ? cells.flatMap((cell, item) => (isTrained(cell) ? [item] : [])) : [])
            const left = seen === 'exclude' ? trained : new Set<number>()
            const held = tested[at]!.flatMap((one, item) => (one && !left.has(item) ? [item] : []))
            const known = trained.size
            return {
              scores: isKnown ? scores : scores.map((_, item) => -item),
              training: left,
              held: new Set(held),
              known,
            }
          })
          .filter(({ held }) => held.size > 0)
        fc.pre(judged.length > 0)
        const test = { ...pairs(tested), items: numbered(items + 3) }
        const ranker = tableRanker(
          known.map(({ scores }) => scores),
          training.byUser,
        )
        const held = heldOut(test, { ...training, items: numbered(items) }, seen)
        const found = await evaluate(ranker, held, metricsAt(cut, 3))
        // Diversity has its bounds: at least two places.
        const owners = known.map(({ cells }) => new Set(cells.flatMap((cell, item) => (isTrained(cell) ? [item] : []))))
        const naive = (users: readonly NaiveUser[]) => ({
          ...naiveMetrics(users, owners, cut),
          ...naiveMetrics(users, owners, 3),
        })
        for (const [name, value] of Object.entries(naive(judged))) {
          expect(found.metrics[name], name).toBeCloseTo(value, 12)
        }
        const group = ({ known }: NaiveUser) =>
          known === 0 ? 'unknown' : known < 5 ? '1-4' : known < 20 ? '5-19' : '20+'
        expect(found.groups.map(({ group, users }) => [group, users])).toEqual(
          ['unknown', '1-4', '5-19', '20+']
            .map(name => [name, judged.filter(user => group(user) === name).length])
            .filter(([, users]) => users !== 0),
        )
        for (const { group: name, metrics } of found.groups) {
          for (const [metric, value] of Object.entries(naive(judged.filter(user => group(user) === name)))) {
            expect(metrics[metric], `${metric} of ${name}`).toBeCloseTo(value, 12)
          }
        }
        const unknown = judged.filter(({ known }) => known === 0).length
        const repeated = known.flatMap(({ cells }) => cells.filter(cell => cell === 'both')).length
        expect(found).toMatchObject({
          users: judged.length,
          pairs: judged.reduce((sum, { held }) => sum + held.size, 0),
          unknownUsers: unknown,
          unknownPairs: users.reduce((sum, { unseen }) => sum + unseen, 0),
          repeatedPairs: repeated,
        })
      }),
    )
  },
)

test('items and users that the training never saw stay in the denominators', async () => {
  const training = pairs([
    [1, 1, 0],
    [1, 0, 1],
  ])
  // User 0 is held out a known and an unknown item, user 2, whom the training does not know, the most popular item.
  const test = pairs([
    [0, 0, 1, 1],
    [0, 0, 0, 0],
    [1, 0, 0, 0],
  ])
  const result = await evaluate(
    popularRanker(training.byUser),
    heldOut(test, { byUser: training.byUser, users: numbered(2), items: numbered(3) }),
    parseMetrics('recall@2,ndcg@1'),
  )
  expect(result).toMatchObject({
    metrics: { 'recall@2': (1 / 2 + 1) / 2, 'ndcg@1': 1 },
    users: 2,
    pairs: 3,
    unknownUsers: 1,
    unknownPairs: 1,
    repeatedPairs: 0,
  })
})

test('pairs of the test that the training has too are left aside, unless seen items may come again', async () => {
  const training = pairs([[1, 0, 0]])
  const test = pairs([[1, 1, 0]])
  expect(heldOut(test, training)).toMatchObject({
    seen: 'exclude',
    repeatedPairs: 1,
    sizes: Uint32Array.of(1),
    items: Uint32Array.of(1),
  })
  expect(heldOut(test, training, 'allow')).toMatchObject({
    seen: 'allow',
    repeatedPairs: 1,
    sizes: Uint32Array.of(2),
    items: Uint32Array.of(0, 1),
  })
  const ranker = popularRanker(training.byUser)
  const given = { ...heldOut(training, training, 'allow'), given: sequencesOf([], 1) }
  await expect(evaluate({ ...ranker, weighsEvents: true }, given, metricsAt(2))).rejects.toThrow(
    'events count by their kind or age in this model, but of users who are held out whole pairs are given',
  )
  await expect(evaluate(ranker, heldOut(training, training), metricsAt(2))).rejects.toThrow(
    'there is nothing to judge: every pair of the test is in the training, too',
  )
  const { metrics } = await evaluate(ranker, heldOut(training, training, 'allow'), parseMetrics('recall@1'))
  expect(metrics['recall@1']).toBe(1)
})

test('many users are ranked in batches, and an aborted signal ends between them', async () => {
  const count = 10_000
  const matrix = Array.from({ length: count }, (_, user) => [1, 0, user % 2])
  const training = pairs(matrix.map(([first]) => [first!, 0, 0]))
  const test = pairs(matrix.map(([, , last]) => [0, 1, last!]))
  const sizes: number[] = []
  const popular = popularRanker(training.byUser)
  const ranker: Ranker = {
    items: 3,
    rank: requests => {
      sizes.push(requests.length)
      return popular.rank(requests)
    },
  }
  const shares: number[] = []
  const held = heldOut(test, training)
  const result = await evaluate(ranker, held, parseMetrics('recall@1'), { onProgress: share => shares.push(share) })
  expect(result).toMatchObject({ users: count, metrics: { 'recall@1': 3 / 4 } })
  expect(sizes.reduce((a, b) => a + b)).toBe(count)
  expect(shares).toEqual(shares.toSorted((a, b) => a - b))
  expect([shares.length, shares.at(-1)]).toEqual([sizes.length, 1])
  const stop = new AbortController()
  const onProgress = () => stop.abort(new Error('enough'))
  await expect(evaluate(ranker, held, parseMetrics('recall@1'), { signal: stop.signal, onProgress })).rejects.toThrow(
    'enough',
  )
})

test.each(['exclude', 'allow'] as const)(
  'a trained model is measured as a naive evaluation of its own lists: %s',
  async seen => {
    const train = await datasetOf(randomInteractions(60, 20, 1))
    const test = await datasetOf(randomInteractions(80, 24, 2))
    const pool = new Pool({ threads: 1 })
    const directory = await trained(defaultAlgorithm, train, { pool })
    const models = await ModelPool.open(directory, { pool })
    const { history, users, items } = models.artifact
    const found = await evaluate(models, heldOut(test, { byUser: history, users, items }, seen), metricsAt(4))
    const model = OpenModel.open(directory)
    let [recall, judged] = [0, 0]
    for (let row = 0; row < test.byUser.rows; row++) {
      const user = users.indexOf(test.users.at(row))
      const own = user < 0 ? [] : [...rowOf(history, user).indices].map(item => items.at(item))
      const held = [...rowOf(test.byUser, row).indices]
        .map(item => test.items.at(item))
        .filter(item => seen === 'allow' || !own.includes(item))
      if (held.length === 0) continue
      const [list] = model.rank([requestOf(user, { limit: 4, seen })])
      judged++
      recall += [...list!.items].filter(item => held.includes(items.at(item))).length / held.length
    }
    expect(found.unknownUsers).toBeGreaterThan(0)
    expect(found.repeatedPairs).toBeGreaterThan(0)
    expect(found.users).toBe(judged)
    expect(found.metrics['recall@4']).toBeCloseTo(recall / judged, 12)
    await models.close()
    await pool.close()
  },
)

test('an evaluation is the same for any number of workers', async () => {
  const train = await datasetOf(randomInteractions(300, 60, 1))
  const test = await datasetOf(randomInteractions(400, 70, 2))
  const pool = new Pool({ threads: 1 })
  const directory = await trained(defaultAlgorithm, train, { pool })
  await pool.close()
  const found = []
  for (const threads of [1, 3]) {
    const models = await ModelPool.open(directory, { threads })
    const { history, users, items } = models.artifact
    const held = heldOut(test, { byUser: history, users, items })
    found.push(await evaluate(models, held, metricsAt(4), { negatives: 9, seed: 1 }))
    await models.close()
  }
  expect(found[1]).toEqual(found[0])
  expect(found[0]!.groups.map(({ group }) => group)).toEqual(['unknown', '1-4', '5-19'])
})

test('recall is the share of what was held out; capped recall, of what a list of that length can hold', async () => {
  const training = pairs([[1, 0, 0, 0, 0]])
  const held = heldOut(pairs([[0, 1, 1, 0, 1]]), training)
  const { metrics } = await evaluate(
    popularRanker(training.byUser),
    held,
    parseMetrics('recall@2,capped_recall@2,recall@3,capped_recall@3,capped_recall@4'),
  )
  // The list is 1, 2, 3, 4.
  expect(metrics).toEqual({
    'recall@2': 2 / 3,
    'capped_recall@2': 1,
    'recall@3': 2 / 3,
    'capped_recall@3': 2 / 3,
    'capped_recall@4': 1,
  })
})

test('a metric that is none is refused with those that are', () => {
  expect(parseMetrics('recall@20, ndcg@5').map(({ name, cut }) => [name, cut])).toEqual([
    ['recall@20', 20],
    ['ndcg@5', 5],
  ])
  expect(parseMetrics('auc,diversity@100').map(({ name, cut }) => [name, cut])).toEqual([
    ['auc', 0],
    ['diversity@100', 100],
  ])
  for (const text of [
    'recall',
    'recall@0',
    'auc@20',
    'diversity@1',
    'diversity@101',
    'constructor@3',
    '',
    'recall@20,',
  ]) {
    expect(() => parseMetrics(text)).toThrow(
      'metrics must be like recall@20,ndcg@10, of recall, capped_recall, precision, r_precision, ndcg, hit, mrr, map, novelty, coverage at 1 to 9999, diversity at 2 to 100, and auc without @',
    )
  }
})
