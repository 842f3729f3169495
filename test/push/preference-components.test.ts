import { afterAll, beforeAll, expect, test } from 'vitest'
import { Pool } from '../../src/parallel/pool.ts'
import { ContentProfiles } from '../../src/push/prefer/components/content-profiles.ts'
import { readerVectors } from '../../src/push/prefer/components/reader-vectors.ts'
import { ItemValues, RecentReads } from '../../src/push/prefer/components/recent-reads.ts'
import { UserActivity } from '../../src/push/prefer/components/user-activity.ts'
import { UserFactors } from '../../src/push/prefer/components/user-factors.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { dot, naiveCoReads, naiveReaderVectors, unitFactors } from './preference-twins.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 2 })
})
afterAll(() => pool.close())

const random = randomNumbers(11)

function trained(users: number, factors: number) {
  const data = Float32Array.from({ length: users * factors }, () => random() - 0.3)
  const rows = Int32Array.from({ length: users + 5 }, (_, user) => (user % 7 === 3 ? -1 : user % users))
  return { data, factors, rows }
}

test('the vectors of early readers are the minimum of the loss of ALS, ridge regression, and the centre', async () => {
  const users = trained(90, 5)
  const unit = unitFactors(users)
  const earlyReaders = [1, 2, 3, 8, 20, 41, 41 + 10]
  const vectors = readerVectors(await UserFactors.of(users, pool), earlyReaders)
  const expected = naiveReaderVectors(unit, earlyReaders)
  expect(vectors.readers).toBe(earlyReaders.filter(user => unit[user]).length)
  for (const name of ['foldIn', 'classifier', 'centroid'] as const) {
    expected[name].forEach((value, k) => {
      expect(vectors[name][k]).toBeCloseTo(value, 4)
    })
  }
  // A reader is more like the readers than another is.
  const others = unit.flatMap((own, user) =>
    own && !earlyReaders.includes(user) ? [dot(own, [...vectors.foldIn])] : [],
  )
  expect(dot(unit[1]!, [...vectors.foldIn])).toBeGreaterThan(others.toSorted((a, b) => a - b)[others.length >> 1]!)
})

test('readers without factors say nothing', async () => {
  const factors = await UserFactors.of(trained(20, 4), pool)
  const { foldIn, classifier, centroid, readers } = readerVectors(factors, [3, 10])
  expect(readers).toBe(0)
  expect([...foldIn, ...classifier, ...centroid].every(value => value === 0)).toBe(true)
  expect(readerVectors(UserFactors.none(9), [1]).readers).toBe(0)
})

test('users who are all the same are no error, and a row that the model has not is', async () => {
  const same = { data: new Float32Array(12).fill(1), factors: 4, rows: Int32Array.of(0, 1, 2) }
  expect([...readerVectors(await UserFactors.of(same, pool), [0]).classifier].every(Number.isFinite)).toBe(true)
  await expect(UserFactors.of({ ...same, rows: Int32Array.of(3) }, pool)).rejects.toThrow(
    'rows must be below 3, those of the model, got 3',
  )
})

test('items are weighed by the readers that they have in common with the article', () => {
  const [users, items] = [60, 40]
  const reads = new RecentReads({ length: 4 })
  reads.grow(users)
  reads.growItems(items)
  const weights = new ItemValues()
  weights.grow(items)
  const histories: number[][] = Array.from({ length: users }, () => [])
  const last: number[][] = Array.from({ length: users }, () => [])
  for (let read = 0; read < 400; read++) {
    const [user, item] = [Math.floor(random() * users), Math.floor(random() ** 2 * items)]
    // Who reads an item again much later is counted again: here nobody does.
    if (histories[user]!.includes(item)) continue
    expect(reads.read(user, item)).toBe(true)
    expect(reads.read(user, item)).toBe(false)
    histories[user]!.push(item)
    last[user] = [...last[user]!, item].slice(-4)
  }
  for (const early of [
    [1, 5, 9],
    [2, 3],
  ]) {
    weights.set(reads, early, new Uint32Array(items), 0)
    const expected = naiveCoReads(histories, early, last)
    expected.forEach((value, user) => {
      const kept = reads.rings.subarray(user * 4, user * 4 + Math.min(4, reads.counts[user]!))
      expect([...kept].reduce((sum, item) => sum + weights.values[item]!, 0)).toBeCloseTo(value, 5)
    })
  }
  expect(reads.historyOf(7, 100)).toEqual(histories[7]!.toReversed())
})

test('a log that is full forgets the oldest reads of all', () => {
  const reads = new RecentReads({ length: 2, logLength: 5 })
  reads.grow(2)
  reads.growItems(10)
  for (const item of [1, 2, 3, 4]) {
    reads.read(0, item)
    reads.read(1, item + 4)
  }
  expect(reads.historyOf(0, 9)).toEqual([4, 3])
  expect(reads.historyOf(1, 9)).toEqual([8, 7, 6])
})

test('a profile is the mean of what was read, later reads counting more, drawn towards the mean of all users', () => {
  const profiles = new ContentProfiles(3, 4)
  profiles.grow(2)
  const vectors = [
    [1, 0, 0],
    [0, 2, 0],
    [1, 1, 0],
  ].map(vector => Float32Array.from(vector))
  let [sum, count] = [[0, 0, 0], 0]
  for (const vector of vectors) {
    profiles.read(1, vector)
    const centred = profiles.centred(vector)
    sum = sum.map((value, k) => 0.98 * value + centred[k]!)
    count = 0.98 * count + 1
  }
  const profile = () => [...profiles.data.subarray(profiles.stride, profiles.stride + 3)]
  profile().forEach((value, k) => {
    expect(value).toBeCloseTo(sum[k]! / (count + 4), 6)
  })
  profiles.shrinkage = 20
  profile().forEach((value, k) => {
    expect(value).toBeCloseTo(sum[k]! / (count + 20), 6)
  })
  // Who read nothing has the mean profile, and what says nothing changes none.
  profiles.read(0, new Float32Array(3))
  expect([...profiles.data.subarray(0, profiles.stride)].every(value => value === 0)).toBe(true)
})

test('visits count half as much for every half-life, and none twice within a visit', () => {
  const activity = new UserActivity(1000, 10)
  activity.grow(1)
  activity.visit(0, 0)
  activity.visit(0, 5)
  activity.visit(0, 1000)
  activity.visit(0, 500)
  expect(activity.visits[0]).toBeCloseTo(1.5)
  expect(activity.lastVisits[0]).toBe(1000)
})
