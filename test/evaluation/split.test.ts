import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { evaluate, type Ranker } from '../../src/evaluation/evaluate.ts'
import { parseMetrics } from '../../src/evaluation/metrics/metrics.ts'
import { heldOut, type Pairs } from '../../src/evaluation/splits/held-out.ts'
import { foldsOf, parseSplit, splitDataset } from '../../src/evaluation/splits/split.ts'
import type { RankRequest } from '../../src/models/algorithm.ts'
import { Dataset, type DatasetParts, writeDataset } from '../../src/storage/dataset.ts'
import { sequenceOf } from '../../src/storage/sequences.ts'
import { csrOf } from '../storage/csr-of.ts'
import { freshFolder } from '../storage/folder.ts'
import { sequencesOf } from '../storage/sequences-of.ts'

async function datasetOf(parts: DatasetParts): Promise<Dataset> {
  const directory = join(freshFolder(), 'data')
  await writeDataset(directory, parts)
  return Dataset.open(directory, { verify: true })
}

/** `user item weight`, sorted. */
function listed({ byUser, users, items }: Pairs): string[] {
  const lines: string[] = []
  for (let row = 0; row < byUser.rows; row++) {
    for (let pair = Number(byUser.indptr[row]); pair < byUser.indptr[row + 1]!; pair++) {
      lines.push(`${users.at(row)} ${items.at(byUser.indices[pair]!)} ${byUser.weights[pair]}`)
    }
  }
  return lines.sort()
}

const small = {
  byUser: csrOf([
    [1, 2, 3, 4],
    [5, 6, 7, 0],
    [8, 0, 0, 0],
  ]),
  users: ['ada', 'bo', 'cy'],
  items: ['p', 'q', 'r', 's'],
  events: sequencesOf(
    [
      // Ada's last q and r are of the same moment: that of r comes later in the source.
      [
        { item: 0, time: 10, weight: 1, kind: 1 },
        { item: 2, time: 15, weight: 1, kind: 0 },
        { item: 3, time: 20, weight: 4, kind: 1 },
        { item: 1, time: 40, weight: 2, kind: 1 },
        { item: 2, time: 40, weight: 2, kind: 1 },
      ],
      // That of s weighs nothing: no pair comes of it.
      [
        { item: 2, time: 30, weight: 7, kind: 1 },
        { item: 0, time: 40, weight: 2, kind: 1 },
        { item: 1, time: 50, weight: 6, kind: 1 },
        { item: 0, time: 60, weight: 3, kind: 1 },
        { item: 3, time: 65, weight: 0, kind: 0 },
      ],
      [
        { item: 2, time: 5, weight: 0, kind: 0 },
        { item: 0, time: 70, weight: 8, kind: 1 },
      ],
    ],
    4,
  ),
  kinds: ['view', 'play'],
}

/** `user item time weight kind`, in order. */
function listedEvents({ events, users, items, kinds }: DatasetParts): string[] {
  return Array.from({ length: events!.rows }, (_, row) => {
    const sequence = sequenceOf(events!, row)
    return Array.from(sequence.items, (item, at) =>
      [users[row], items[item], sequence.times[at], sequence.weights![at], kinds![sequence.kinds![at]!]].join(' '),
    )
  }).flat()
}

test('last:1 takes the latest pair of each user who has another, with all its events', async () => {
  const { train, test } = splitDataset(await datasetOf(small), parseSplit('last:1'))
  expect(listed(test)).toEqual(['ada r 3', 'bo p 5'])
  expect(listed(train)).toEqual(['ada p 1', 'ada q 2', 'ada s 4', 'bo q 6', 'bo r 7', 'cy p 8'])
  expect(listedEvents(train)).toEqual([
    ...['ada p 10 1 play', 'ada s 20 4 play', 'ada q 40 2 play'],
    ...['bo r 30 7 play', 'bo q 50 6 play', 'bo s 65 0 view'],
    ...['cy r 5 0 view', 'cy p 70 8 play'],
  ])
})

test('time:DATE takes the pairs that are not all before it, with all their events', async () => {
  const { train, test } = splitDataset(await datasetOf(small), parseSplit('time:1970-01-01T00:00:00.050Z'))
  expect(listed(test)).toEqual(['bo p 5', 'bo q 6', 'cy p 8'])
  expect(listed(train)).toEqual(['ada p 1', 'ada q 2', 'ada r 3', 'ada s 4', 'bo r 7'])
})

test('the training part is a dataset of its own: by popularity, ties by id, nobody without pairs', async () => {
  const { train } = splitDataset(await datasetOf(small), parseSplit('time:1970-01-01T00:00:00.050Z'))
  expect(train).toEqual({
    byUser: csrOf([
      [3, 1, 2, 4],
      [7, 0, 0, 0],
    ]),
    users: ['ada', 'bo'],
    items: ['r', 'p', 'q', 's'],
    events: sequencesOf(
      [
        [
          { item: 1, time: 10, weight: 1, kind: 1 },
          { item: 0, time: 15, weight: 1, kind: 0 },
          { item: 3, time: 20, weight: 4, kind: 1 },
          { item: 2, time: 40, weight: 2, kind: 1 },
          { item: 0, time: 40, weight: 2, kind: 1 },
        ],
        [{ item: 0, time: 30, weight: 7, kind: 1 }],
      ],
      4,
    ),
    kinds: ['view', 'play'],
  })
})

test('the training part of any split can be written, and has an event of each of its pairs and none that is held out', async () => {
  const event = fc.record({ item: fc.nat(7), time: fc.nat(20) })
  const history = fc.array(event, { maxLength: 12 }).map(row => row.sort((a, b) => a.time - b.time))
  const histories = fc.array(history, { minLength: 1, maxLength: 6 })
  const split = fc.constantFrom(
    ...[
      'random:0.4',
      'last:1',
      'last:2',
      'time:1970-01-01T00:00:00.010Z',
      'kfold:3',
      'one',
      'users:0.4',
      'users:0.4:0.7',
    ],
  )
  await fc.assert(
    fc.asyncProperty(histories, split, async (rows, text) => {
      const counts = rows.map(row => Array.from({ length: 8 }, (_, item) => row.filter(e => e.item === item).length))
      fc.pre(rows.some(row => row.length > 0))
      const whole = await datasetOf({
        byUser: csrOf(counts),
        users: rows.map((_, user) => user),
        items: ['i0', 'i1', 'i2', 'i3', 'i4', 'i5', 'i6', 'i7'],
        events: sequencesOf(rows, 8),
      })
      const parts = partsOf(whole, text)
      fc.pre(parts !== undefined)
      const train = await datasetOf(parts!.train)
      const { given, ...test } = parts!.test
      const held = new Set(listed(test).map(line => line.replace(/ \d+$/, '')))
      const users = Array.from({ length: train.users.size }, (_, user) => Number(train.users.at(user)))
      const items = new Set(Array.from({ length: train.items.size }, (_, item) => train.items.at(item)))
      const expected = users.map(user =>
        rows[user]!.map(({ item, time }) => `i${item} ${time}`).filter(line => {
          const item = line.split(' ')[0]!
          return items.has(item) && !held.has(`${user} ${item}`)
        }),
      )
      const found = users.map((_, row) => {
        const { items, times } = sequenceOf(train.events!, row)
        return Array.from(items, (item, at) => `${train.items.at(item)} ${times[at]}`)
      })
      expect(found).toEqual(expected)
      const pairs = found.flatMap((lines, row) => lines.map(line => `${users[row]} ${line.split(' ')[0]}`))
      expect([...new Set(pairs)].sort()).toEqual(listed(train).map(line => line.replace(/ \d+$/, '')))
    }),
    { numRuns: 40 },
  )
})

/** The parts, or nothing if one would be empty. */
function partsOf(dataset: Dataset, text: string): ReturnType<typeof splitDataset> | undefined {
  try {
    return splitDataset(dataset, parseSplit(text, 3))
  } catch (error) {
    if (String(error).includes('both parts must have some')) return undefined
    throw error
  }
}

test('random:0.1 takes a tenth, the same for the same seed, and loses nothing', async () => {
  const matrix = Array.from({ length: 100 }, (_, row) => Array.from({ length: 60 }, (_, column) => row + column + 1))
  const dataset = await datasetOf({
    byUser: csrOf(matrix),
    users: matrix.map((_, row) => row),
    items: matrix[0]!.map((_, column) => column),
  })
  const parts = (seed: number) => {
    const { train, test } = splitDataset(dataset, parseSplit('random:0.1', seed))
    return [listed(train), listed(test)] as const
  }
  const [train, test] = parts(1)
  expect(parts(1)).toEqual([train, test])
  expect(parts(2)[1]).not.toEqual(test)
  expect([...train, ...test].sort()).toEqual(listed(dataset))
  // 6,000 pairs: five standard deviations of the binomial are 116.
  expect(Math.abs(test.length - 600)).toBeLessThan(116)
})

/** A dataset of users with from none to eleven of twelve items, with times or without. */
function irregular(hasTimes: boolean): Promise<Dataset> {
  const matrix = Array.from({ length: 36 }, (_, user) =>
    Array.from({ length: 12 }, (_, item) => Number((user * 7 + item * 5) % 12 < user % 12) * (user + item + 1)),
  )
  const rows = matrix.map((row, user) =>
    row
      .flatMap((weight, item) => (weight > 0 ? [{ item, time: (item * 7 + user) % 12, weight, kind: 0 }] : []))
      .sort((a, b) => a.time - b.time),
  )
  return datasetOf({
    byUser: csrOf(matrix),
    users: matrix.map((_, user) => user),
    items: matrix[0]!.map((_, item) => item),
    events: hasTimes ? sequencesOf(rows, 12) : undefined,
    kinds: hasTimes ? ['view'] : undefined,
  })
}

const usersIn = (lines: readonly string[]) => lines.map(line => Number(line.split(' ')[0]))

test('kfold:5 has each pair in one fold, all folds of a size, and a user in as many as can be', async () => {
  const dataset = await irregular(false)
  const folds = (seed: number) => foldsOf(parseSplit('kfold:5', seed)).map(fold => splitDataset(dataset, fold))
  const parts = folds(1)
  expect(parts).toHaveLength(5)
  const tests = parts.map(({ test }) => listed(test))
  expect(tests.flat().sort()).toEqual(listed(dataset))
  for (const [at, { train }] of parts.entries()) {
    expect([...listed(await datasetOf(train)), ...tests[at]!].sort()).toEqual(listed(dataset))
  }
  const sizes = tests.map(({ length }) => length)
  expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
  for (let user = 0; user < 36; user++) {
    const counts = tests.map(lines => usersIn(lines).filter(each => each === user).length)
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
  }
  expect(folds(1).map(({ test }) => listed(test))).toEqual(tests)
  expect(folds(2).map(({ test }) => listed(test))).not.toEqual(tests)
})

test('one takes a random pair of each user who has another', async () => {
  const dataset = await irregular(false)
  const test = (seed: number) => listed(splitDataset(dataset, parseSplit('one', seed)).test)
  const counts = new Map(usersIn(listed(dataset)).map(user => [user, 0]))
  for (const user of usersIn(listed(dataset))) counts.set(user, counts.get(user)! + 1)
  const several = [...counts].filter(([, count]) => count > 1).map(([user]) => user)
  expect(usersIn(test(1)).sort()).toEqual(several.sort())
  expect(test(1)).toEqual(test(1))
  // Every pair of such users comes, sooner or later.
  const found = new Set(Array.from({ length: 200 }, (_, seed) => test(seed)).flat())
  expect([...found].sort()).toEqual(listed(dataset).filter(line => several.includes(usersIn([line])[0]!)))
})

test.each([true, false])(
  'users:0.25:0.4 takes users whole: some pairs to find, the others given; times: %s',
  async hasTimes => {
    const dataset = await irregular(hasTimes)
    const parts = (seed: number) => splitDataset(dataset, parseSplit('users:0.25:0.4', seed))
    const { train, test } = parts(1)
    const all = listed(dataset)
    const eligible = new Set(
      usersIn(all).filter((user, at, users) => users.indexOf(user) !== at || users.lastIndexOf(user) !== at),
    )
    const judged = new Set(usersIn(listed(test)))
    expect(judged.size).toBe(Math.round(0.25 * eligible.size))
    const kept = listed(await datasetOf(train))
    expect(usersIn(kept).filter(user => judged.has(user))).toEqual([])
    const given = Array.from({ length: 36 }, (_, row) => {
      const { items, weights, times } = sequenceOf(test.given!, row)
      expect([...times]).toEqual([...times].sort((a, b) => Number(a - b)))
      const expected = hasTimes
        ? [...items].map(item => BigInt((item * 7 + Number(dataset.users.at(row))) % 12))
        : [...items].map(() => 0n)
      expect([...times]).toEqual(expected)
      return [...items].map((item, at) => `${dataset.users.at(row)} ${dataset.items.at(item)} ${weights![at]}`)
    })
    expect([...kept, ...listed(test), ...given.flat()].sort()).toEqual(all)
    for (const user of judged) {
      const pairs = usersIn(all).filter(each => each === user).length
      const toFind = usersIn(listed(test)).filter(each => each === user).length
      expect(toFind).toBe(Math.min(pairs - 1, Math.max(1, Math.round(0.4 * pairs))))
    }
    expect(listed(parts(1).test)).toEqual(listed(test))
    expect(listed(parts(2).test)).not.toEqual(listed(test))
    // Every user who can be held out is so, sooner or later.
    const chosen = new Set(Array.from({ length: 60 }, (_, seed) => usersIn(listed(parts(seed).test))).flat())
    expect([...chosen].sort()).toEqual([...eligible].sort())
  },
)

test('what is given of a user is what lists rest on, but for items that the training does not know', async () => {
  const dataset = await irregular(true)
  const { train, test } = splitDataset(dataset, parseSplit('users:0.25:0.4', 1))
  const training = await datasetOf(train)
  const held = heldOut(test, training)
  expect(held).toMatchObject({ unknownUsers: 0, repeatedPairs: 0, users: new Int32Array(held.rows.length).fill(-1) })
  const requests: RankRequest[] = []
  const ranker: Ranker = {
    items: training.items.size,
    rank: async asked => {
      requests.push(...asked)
      return asked.map(() => ({ items: new Uint32Array() }))
    },
  }
  await evaluate(ranker, held, parseMetrics('recall@3'))
  expect(requests).toHaveLength(held.rows.length)
  for (const [at, { user, recent }] of requests.entries()) {
    const { items, weights, times } = sequenceOf(test.given!, held.rows[at]!)
    const known = [...items.keys()].filter(event => training.items.indexOf(dataset.items.at(items[event]!)) >= 0)
    expect(user).toBe(-1)
    expect([...recent.items].map(item => training.items.at(item))).toEqual(
      known.map(event => dataset.items.at(items[event]!)),
    )
    expect([...recent.weights]).toEqual(known.map(event => weights![event]))
    expect([...recent.times]).toEqual(known.map(event => Number(times[event])))
    expect(held.histories[at]).toBe(known.length)
  }
})

test('dates are UTC unless they say otherwise', () => {
  const from = (text: string) => parseSplit(text)
  expect(from('time:2019-02-01')).toEqual({ kind: 'time', from: Date.UTC(2019, 1, 1) })
  expect(from('time:2019-02-01 12:30')).toEqual({ kind: 'time', from: Date.UTC(2019, 1, 1, 12, 30) })
  expect(from('time:2019-02-01T12:30:00+09:00')).toEqual({ kind: 'time', from: Date.UTC(2019, 1, 1, 3, 30) })
})

test('a split that cannot be is refused', async () => {
  for (const text of [
    'random:1',
    'random:0',
    'random',
    'last:0',
    'last:1.5',
    'time:soon',
    'time:2019-13-01',
    'first:1',
    'kfold:1',
    'kfold:101',
    'kfold',
    'one:1',
    'users:1',
    'users:0.1:0',
    'users:0.1:0.2:0.3',
    'random:0.1:0.2',
  ]) {
    expect(() => parseSplit(text)).toThrow(`split must be random:SHARE`)
  }
  const { byUser, users, items } = small
  const dataset = await datasetOf({ byUser, users, items })
  expect(() => splitDataset(dataset, parseSplit('last:1'))).toThrow(
    'the split last needs times: import the source with times (time, --time), or split random',
  )
  expect(() => splitDataset(dataset, { kind: 'kfold', folds: 3, fold: 3, seed: 0 })).toThrow(
    'fold must be a whole number from 0 to 2, got 3',
  )
  expect(() => splitDataset(dataset, { kind: 'random', share: 2, seed: 0 })).toThrow(
    'share must be a number above 0 and below 1, got 2',
  )
  const timed = await datasetOf(small)
  expect(() => splitDataset(timed, parseSplit('time:2019-01-01'))).toThrow('the split puts 0 of 8 pairs in the test')
})
