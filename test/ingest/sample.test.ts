import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { importDataset } from '../../src/ingest/import.ts'
import { writeSample } from '../../src/ingest/sample.ts'
import { type Csr, transposed } from '../../src/storage/csr.ts'
import { Dataset } from '../../src/storage/dataset.ts'
import { freshFolder } from '../storage/folder.ts'

const small = { users: 600, items: 300, interactions: 20_000 }

test('the same seed gives the same rows, another seed others, and the number is exact', async () => {
  const folder = freshFolder()
  const rows = async (name: string, seed: number) => {
    await writeSample(join(folder, name), { ...small, seed })
    return readFileSync(join(folder, name), 'utf8')
  }
  const first = await rows('a.csv', 7)
  expect(await rows('b.csv', 7)).toBe(first)
  expect(await rows('c.csv', 8)).not.toBe(first)
  const lines = first.trimEnd().split('\n')
  expect(lines[0]).toBe('user,item,time')
  expect(lines).toHaveLength(20_001)
  expect(new Set(lines.slice(1).map(line => line.split(',')[0])).size).toBe(600)
  expect(readdirSync(folder).sort()).toEqual(['a.csv', 'b.csv', 'c.csv'])
})

test('Parquet holds the same as CSV', async () => {
  const folder = freshFolder()
  const datasets = []
  for (const name of ['a.csv', 'a.parquet']) {
    await writeSample(join(folder, name), small)
    const options = { user: 'user', item: 'item', time: 'time', out: join(folder, `${name}.out`) }
    datasets.push(await importDataset({ ...options, sources: [join(folder, name)] }))
  }
  expect(datasets[1]?.files).toEqual(datasets[0]?.files)
  expect(readdirSync(folder).sort()).toEqual(['a.csv', 'a.csv.out', 'a.parquet', 'a.parquet.out'])
})

test('few items have most of the plays, and neighbours predict more than popularity', async () => {
  const folder = freshFolder()
  const path = join(folder, 'sample.csv')
  await writeSample(path, small)
  const out = join(folder, 'out')
  await importDataset({ sources: [path], user: 'user', item: 'item', out })
  const { byUser } = Dataset.open(out)
  const degrees = Array.from(transposed(byUser).indptr, Number).slice(0, 301)
  expect(degrees[60]! / degrees[300]!).toBeGreaterThan(0.3)
  const [neighbours, popularity] = hits(byUser)
  expect(neighbours).toBeGreaterThan(3 * popularity)
})

/**
 * How often one withheld item of each user is among the first ten of the rest: by how often other users have it
 * together with what the user has left, and by popularity.
 */
function hits(byUser: Csr): [neighbours: number, popularity: number] {
  const histories = Array.from({ length: byUser.rows }, (_, user) => [
    ...byUser.indices.subarray(Number(byUser.indptr[user]), Number(byUser.indptr[user + 1])),
  ])
  const found: [number, number] = [0, 0]
  for (const [user, history] of histories.entries()) {
    const withheld = history[user % history.length]!
    const rest = history.filter(item => item !== withheld)
    const together = new Float64Array(byUser.columns)
    const all = new Float64Array(byUser.columns)
    histories.forEach((other, index) => {
      if (index === user) return
      const common = other.filter(item => rest.includes(item)).length / Math.sqrt(other.length)
      for (const item of other) {
        together[item]! += common ** 2
        all[item]! += 1
      }
    })
    for (const [way, scores] of [together, all].entries()) {
      const better = scores.filter((score, item) => score > scores[withheld]! && !rest.includes(item))
      if (better.length < 10) found[way]! += 1
    }
  }
  return found
}

test('numbers that cannot be are refused', async () => {
  const path = join(freshFolder(), 'sample.csv')
  await expect(writeSample(path, { users: 0 })).rejects.toThrow('users must be a whole number from 1 to 2^31, got 0')
  await expect(writeSample(path, { users: 10, interactions: 9 })).rejects.toThrow(
    'each of 10 users needs an interaction, got 9',
  )
  await writeSample(path, { users: 1, items: 1, interactions: 3 })
  expect(readFileSync(path, 'utf8').match(/u1,ambient-1,/g)).toHaveLength(3)
})
