import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Pairs } from '../../src/evaluation/held-out.ts'
import { parseSplit, splitDataset } from '../../src/evaluation/split.ts'
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
  const split = fc.constantFrom('random:0.4', 'last:1', 'last:2', 'time:1970-01-01T00:00:00.010Z')
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
      const held = new Set(listed(parts!.test).map(line => line.replace(/ \d+$/, '')))
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
  ]) {
    expect(() => parseSplit(text)).toThrow(`split must be random:SHARE`)
  }
  const { byUser, users, items } = small
  const dataset = await datasetOf({ byUser, users, items })
  expect(() => splitDataset(dataset, parseSplit('last:1'))).toThrow(
    'the split last needs times: import the source with times (time, --time), or split random',
  )
  const timed = await datasetOf(small)
  expect(() => splitDataset(timed, parseSplit('time:2019-01-01'))).toThrow('the split puts 0 of 8 pairs in the test')
})
