import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseMetrics } from '../../src/evaluation/metrics/metrics.ts'
import { evaluateNext, evaluateOnline } from '../../src/evaluation/next/evaluate-next.ts'
import { judgedWhere, nextItems } from '../../src/evaluation/next/next-items.ts'
import { compareUsers } from '../../src/evaluation/significance/compare.ts'
import { splitEvents } from '../../src/evaluation/splits/events-from.ts'
import type { LearnedEvent, RankRequest } from '../../src/models/algorithm.ts'
import { Dataset, type DatasetParts, writeDataset } from '../../src/storage/dataset.ts'
import { csrOf } from '../storage/csr-of.ts'
import { freshFolder } from '../storage/folder.ts'
import { sequencesOf } from '../storage/sequences-of.ts'

const minute = 60_000

async function datasetOf(parts: DatasetParts): Promise<Dataset> {
  const directory = join(freshFolder(), 'data')
  await writeDataset(directory, parts)
  return Dataset.open(directory, { verify: true })
}

const event = (item: number, minutes: number) => ({ item, time: minutes * minute })

/** Ada and bo, to be cut at minute 100. */
const whole = () =>
  datasetOf({
    byUser: csrOf([
      [2, 1, 3, 0],
      [1, 0, 0, 1],
      [0, 0, 0, 2],
    ]),
    users: ['ada', 'bo', 'cy'],
    items: ['p', 'q', 'r', 's'],
    events: sequencesOf(
      [
        [event(0, 0), event(1, 1), event(2, 95), event(2, 101), event(2, 102), event(0, 200)],
        [event(0, 90), event(3, 300)],
        [event(3, 301), event(3, 302)],
      ],
      4,
    ),
  })

async function parts() {
  const dataset = await whole()
  const { train, test } = splitEvents(dataset, 100 * minute)
  return { training: await datasetOf(train), test }
}

test('a cut leaves what was before it to the training, and pairs what their events before count', async () => {
  const { training, test } = await parts()
  expect(training.users.indexOf('cy')).toBe(-1)
  expect(training.items.indexOf('s')).toBe(-1)
  const [ada, r] = [training.users.indexOf('ada'), training.items.indexOf('r')]
  const row = Number(training.byUser.indptr[ada])
  const pairs = [...training.byUser.indices.subarray(row, row + 3)]
  // One event before, two after.
  expect(training.byUser.weights[row + pairs.indexOf(r)]).toBe(1)
  expect(training.events!.items.length).toBe(4)
  expect([...test.events.items]).toEqual([2, 2, 0, 3, 3, 3])
})

test('without times, or with all events on one side, a cut is refused', async () => {
  const dataset = await whole()
  expect(() => splitEvents(dataset, 400 * minute)).toThrow('0 of 10 events are at 1970-01-01T06:40:00.000Z or later')
  expect(() => splitEvents(dataset, 0)).toThrow('10 of 10 events')
  const pairs = await datasetOf({ byUser: csrOf([[1]]), users: ['a'], items: ['x'] })
  expect(() => splitEvents(pairs, 0)).toThrow('import the source with times')
})

test('each event is judged by what its user did before', async () => {
  const { training, test } = await parts()
  const next = nextItems(test, training)
  const [p, r] = [training.items.indexOf('p'), training.items.indexOf('r')]
  expect([...next.targets]).toEqual([r, r, p, -1, -1, -1])
  expect([...next.rows]).toEqual([0, 0, 0, 1, 2, 2])
  expect(next.users[4]).toBe(-1)
  const given = (at: number) => [...next.known.items.subarray(next.begins[at], next.ends[at])]
  expect([given(0), given(1), given(2), given(3), given(5)]).toEqual([[], [r], [r, r], [], []])
  // First of a session, later in one, new to the user, new since the cut.
  expect([...next.views]).toEqual([0b0010, 0b0010, 0b0001, 0b1101, 0b1101, 0b1010])
  expect([...next.histories]).toEqual([3, 3, 3, 1, 0, 0])
  // One repeats the last item of the training, one the item of the one before.
  expect(nextItems(test, training, { dropRepeats: true }).targets.length).toBe(3)
  // What was seen, in the training or since, may not come again.
  expect([...nextItems(test, training, { seen: 'exclude' }).rows]).toEqual([1, 2])
})

test('metrics are means over events, and comparisons draw users', async () => {
  const { training, test } = await parts()
  const next = nextItems(test, training)
  const [p, q, r] = ['p', 'q', 'r'].map(item => training.items.indexOf(item))
  const asked: RankRequest[] = []
  const ranker = (...items: number[]) => ({
    items: 3,
    rank: async (requests: readonly RankRequest[]) => {
      asked.push(...requests)
      return requests.map(({ limit }) => ({ items: Uint32Array.from(items.slice(0, limit)) }))
    },
  })
  const metrics = parseMetrics('hit@2,mrr@3')
  const first = await evaluateNext(ranker(r!, q!, p!), next, metrics)
  expect(asked.map(({ now }) => now! / minute)).toEqual([101, 102, 200, 300, 301, 302])
  expect(first.metrics).toEqual({ 'hit@2': 2 / 6, 'mrr@3': (1 + 1 + 1 / 3) / 6 })
  expect(first).toMatchObject({ judged: 'events', users: 3, pairs: 6, unknownUsers: 1, unknownPairs: 3 })
  expect(first.groups.map(({ group, metrics }) => [group, metrics['hit@2']])).toEqual([
    ['first of a session', 0],
    ['later in a session', 2 / 3],
    ['new to the user', 0],
    ['new since the cut', 0],
  ])
  const second = await evaluateNext(ranker(p!, q!, r!), next, metrics)
  const { users, metrics: compared } = compareUsers([first.perUser], [second.perUser])
  expect(users).toBe(3)
  expect(compared['hit@2']!.difference).toBeCloseTo(-1 / 6)
  await expect(evaluateNext(ranker(), next, parseMetrics('hit@2,coverage@2'))).rejects.toThrow(
    'metrics of next items must be of recall',
  )
})

test('online, items that the training lacks can come, and is learned what was a minute ago', async () => {
  const { training, test } = await parts()
  const next = nextItems(test, training, { numbersNew: true })
  const [p, r] = [training.items.indexOf('p'), training.items.indexOf('r')]
  expect([...next.targets]).toEqual([r, r, p, 3, 3, 3])
  const steps: unknown[] = []
  const ranker = {
    items: 4,
    rank: async (requests: readonly RankRequest[]) => {
      steps.push(requests.map(({ now, recent }) => [now! / minute, ...recent.items]))
      return requests.map(() => ({ items: Uint32Array.of(3) }))
    },
    learn: ({ user, item, time }: LearnedEvent) => steps.push(`${user} ${item} ${time / minute}`),
  }
  const found = await evaluateOnline(ranker, next, parseMetrics('hit@1'))
  // By rows of the test: ada, bo, cy.
  expect(steps).toEqual([
    [[101]],
    `0 ${r} 101`,
    [[102, r]],
    `0 ${r} 102`,
    [[200, r, r]],
    `0 ${p} 200`,
    [[300]],
    '1 3 300',
    [[301]],
    '2 3 301',
    [[302, 3]],
  ])
  expect(found.metrics).toEqual({ 'hit@1': 3 / 6 })
  expect(found).toMatchObject({ unknownPairs: 3, users: 3, pairs: 6 })
  // Of those who are not judged all is learned from, too.
  steps.length = 0
  const some = await evaluateOnline(
    ranker,
    judgedWhere(next, row => row !== 0),
    parseMetrics('hit@1'),
  )
  expect(some).toMatchObject({ users: 2, pairs: 3, metrics: { 'hit@1': 1 } })
  expect(steps.slice(0, 4)).toEqual([`0 ${r} 101`, `0 ${r} 102`, `0 ${p} 200`, [[300]]])
  const near = await evaluateOnline(ranker, { ...next, times: next.times.map((_, at) => at) }, parseMetrics('hit@1'))
  expect(near.metrics).toEqual(found.metrics)
  expect(steps.at(-1)).toHaveLength(6)
})

test('repeats of the item just before are left out of the training, too', async () => {
  const dataset = await whole()
  const { train, test } = splitEvents(dataset, 102 * minute, { dropRepeats: true })
  const training = await datasetOf(train)
  const [ada, r] = [training.users.indexOf('ada'), training.items.indexOf('r')]
  const row = Number(training.byUser.indptr[ada])
  expect(training.byUser.weights[row + [...training.byUser.indices.subarray(row, row + 3)].indexOf(r)]).toBe(1)
  expect(training.events!.items.length).toBe(4)
  expect(test.events.items.length).toBe(5)
})
