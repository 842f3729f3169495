import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Pairs } from '../../src/evaluation/held-out.ts'
import { parseSplit, splitDataset } from '../../src/evaluation/split.ts'
import { Dataset, type DatasetParts, writeDataset } from '../../src/storage/dataset.ts'
import { csrOf } from '../storage/csr-of.ts'
import { freshFolder } from '../storage/folder.ts'

async function datasetOf(parts: DatasetParts): Promise<Dataset> {
  const directory = join(freshFolder(), 'data')
  await writeDataset(directory, parts)
  return Dataset.open(directory)
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
  // Ada's q and r are of the same moment.
  times: BigInt64Array.of(10n, 40n, 40n, 20n, 60n, 50n, 30n, 70n),
}

test('last:1 takes the latest pair of each user who has another', async () => {
  const { train, test } = splitDataset(await datasetOf(small), parseSplit('last:1'))
  expect(listed(test)).toEqual(['ada r 3', 'bo p 5'])
  expect(listed(train)).toEqual(['ada p 1', 'ada q 2', 'ada s 4', 'bo q 6', 'bo r 7', 'cy p 8'])
})

test('time:DATE takes what is not before it', async () => {
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
    times: BigInt64Array.of(40n, 10n, 40n, 20n, 30n),
  })
})

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
    expect(() => parseSplit(text)).toThrow(`a split must be random:SHARE`)
  }
  const { times: _, ...timeless } = small
  const dataset = await datasetOf(timeless)
  expect(() => splitDataset(dataset, parseSplit('last:1'))).toThrow(
    'the split last needs the times of pairs: import the source with --time, or split random',
  )
  const timed = await datasetOf(small)
  expect(() => splitDataset(timed, parseSplit('time:2019-01-01'))).toThrow('the split puts 0 of 8 pairs in the test')
})
