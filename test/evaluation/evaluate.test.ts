import fc from 'fast-check'
import { expect, test } from 'vitest'
import { evaluate } from '../../src/evaluation/evaluate.ts'
import { heldOut } from '../../src/evaluation/held-out.ts'
import { parseMetrics } from '../../src/evaluation/metrics.ts'
import { popularRanker } from '../../src/models/popular.ts'
import { NONE, type Ranker } from '../../src/models/ranker.ts'
import type { Csr } from '../../src/storage/csr.ts'
import { csrOf } from '../storage/csr-of.ts'
import { naiveMetrics } from './naive-evaluation.ts'

/** Ids as they are where each is its own index. */
const numbered = (size: number) => ({
  at: (index: number) => index,
  indexOf: (id: string | number | bigint) => (Number(id) < size ? Number(id) : -1),
})

function pairs(matrix: number[][]) {
  const byUser = csrOf(matrix)
  return { byUser, users: numbered(byUser.rows), items: numbered(byUser.columns) }
}

/** Ranks by a table of scores, the obvious way. */
function tableRanker(scores: readonly number[][], history: Csr): Ranker {
  return {
    items: history.columns,
    async rank(users, limit) {
      const lists = new Uint32Array(users.length * limit).fill(NONE)
      users.forEach((user, at) => {
        const seen = history.indices.subarray(Number(history.indptr[user]), Number(history.indptr[user + 1]))
        const order = [...scores[user]!.keys()].filter(item => !seen.includes(item))
        order.sort((a, b) => scores[user]![b]! - scores[user]![a]! || a - b)
        lists.set(order.slice(0, limit), at * limit)
      })
      return lists
    },
  }
}

const names = ['recall', 'precision', 'ndcg', 'hit', 'mrr', 'map', 'coverage']
const metricsAt = (...cuts: number[]) => parseMetrics(cuts.flatMap(cut => names.map(name => `${name}@${cut}`)).join())

test('all metrics agree with their definitions, whatever is scored, known and held out', async () => {
  const cell = fc.constantFrom('train', 'held', 'none', 'none')
  const user = (items: number) =>
    fc.record({
      cells: fc.array(cell, { minLength: items, maxLength: items }),
      scores: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: items, maxLength: items }),
      unseen: fc.integer({ min: 0, max: 3 }),
    })
  const worlds = fc
    .integer({ min: 1, max: 12 })
    .chain(items => fc.tuple(fc.array(user(items), { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 15 })))
  await fc.assert(
    fc.asyncProperty(worlds, async ([users, cut]) => {
      const items = users[0]!.cells.length
      const training = pairs(users.map(({ cells }) => cells.map(cell => (cell === 'train' ? 1 : 0))))
      const tested = users.map(({ cells, unseen }) => [
        ...cells.map(cell => (cell === 'held' ? 1 : 0)),
        ...[0, 1, 2].map(extra => (extra < unseen ? 1 : 0)),
      ])
      const judged = users
        .map(({ scores }, at) => ({
          scores,
          training: new Set(
            training.byUser.indices.subarray(...[at, at + 1].map(row => Number(training.byUser.indptr[row]))),
          ),
          held: new Set(tested[at]!.flatMap((one, item) => (one ? [item] : []))),
        }))
        .filter(({ held }) => held.size > 0)
      fc.pre(judged.length > 0)
      const test = { ...pairs(tested), items: numbered(items + 3) }
      const ranker = tableRanker(
        users.map(({ scores }) => scores),
        training.byUser,
      )
      const found = await evaluate(ranker, heldOut(test, { ...training, items: numbered(items) }), metricsAt(cut, 3))
      for (const [name, value] of Object.entries({ ...naiveMetrics(judged, cut), ...naiveMetrics(judged, 3) })) {
        expect(found.metrics[name], name).toBeCloseTo(value, 12)
      }
    }),
  )
})

test('items and users that the training never saw stay in the denominators', async () => {
  const training = pairs([
    [1, 1, 0],
    [1, 0, 1],
  ])
  // User 0 is held out a known and an unknown item, user 2, a newcomer, the most popular item.
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
  expect(result).toEqual({
    metrics: { 'recall@2': (1 / 2 + 1) / 2, 'ndcg@1': 1 },
    ...{ users: 2, pairs: 3, unknownUsers: 1, unknownPairs: 1, repeatedPairs: 0 },
  })
})

test('pairs of the test that the training has too are left aside', async () => {
  const training = pairs([[1, 0, 0]])
  const held = heldOut(pairs([[1, 1, 0]]), training)
  expect(held).toMatchObject({ repeatedPairs: 1, sizes: Uint32Array.of(1), items: Uint32Array.of(1) })
  await expect(evaluate(popularRanker(training.byUser), heldOut(training, training), metricsAt(1))).rejects.toThrow(
    'there is nothing to judge: the test has no pair that the training has not',
  )
})

test('popular items come first, the known ones left out, and a short list is padded', async () => {
  const { byUser } = pairs([
    [1, 0, 1, 0],
    [1, 1, 0, 0],
  ])
  const lists = await popularRanker(byUser).rank(Uint32Array.of(0, NONE, 1), 3)
  expect([...lists]).toEqual([1, 3, NONE, 0, 1, 2, 2, 3, NONE])
})

test('a metric that is none is refused with those that are', () => {
  expect(parseMetrics('recall@20, ndcg@5').map(({ name, cut }) => [name, cut])).toEqual([
    ['recall@20', 20],
    ['ndcg@5', 5],
  ])
  for (const text of ['recall', 'recall@0', 'auc@20', '', 'recall@20,']) {
    expect(() => parseMetrics(text)).toThrow(
      'metrics must be like recall@20,ndcg@10, of recall, precision, ndcg, hit, mrr, map, coverage at 1 to 9999',
    )
  }
})
