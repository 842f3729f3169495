import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type Algorithm, userTensorsOf } from '../../src/models/algorithm.ts'
import { inspectArtifact } from '../../src/models/artifact/artifact.ts'
import { forgetInDirectory } from '../../src/models/artifact/forget.ts'
import { graphFilter } from '../../src/models/item-item/graph-filter/index.ts'
import { neighbours } from '../../src/models/item-item/neighbours/index.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { algorithms, blend } from '../../src/models/registry.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { Dataset } from '../../src/storage/dataset.ts'
import { openSafetensors } from '../../src/storage/safetensors.ts'
import { eventsOf, imported, pairsOf } from '../ingest/imported.ts'
import { freshFolder } from '../storage/folder.ts'
import { smallOptions, trained } from './trained.ts'

const pool = new Pool({ threads: 1 })
afterAll(() => pool.close())

const secret = 'someone-to-forget'

function source(): string {
  const others = Array.from({ length: 30 }, (_, at) => `u${at % 10},i${(at * 7) % 13},${at},play\n`).join('')
  return `user,item,t,k\n${others}${secret},i1,5,play\n${secret},i2,6,like\n${secret},i3,7,play\n`
}

const dataset = (text = source()) => imported(freshFolder(), text, { time: 't', timeUnit: 'ms', kind: 'k' })

/** Whether any file of `directory` has `text`. */
const mentions = (directory: string, text: string) =>
  readdirSync(directory).some(name => readFileSync(join(directory, name)).includes(text))

test('a dataset without a user has neither pairs nor events nor id of it, and all else', async () => {
  const { directory, ...before } = await dataset()
  const whole = Dataset.open(directory)
  const [pairs, events] = [pairsOf(whole), eventsOf(whole)]
  whole.close()
  expect(mentions(directory, secret)).toBe(true)
  expect(await forgetInDirectory({ directory, user: secret })).toBe(true)
  expect(mentions(directory, secret)).toBe(false)
  const after = Dataset.open(directory, { verify: true })
  expect(after.manifest).toMatchObject({ users: 11, kinds: before.manifest.kinds, source: before.manifest.source })
  expect(pairsOf(after)).toEqual(pairs.filter(([user]) => user !== secret))
  expect(eventsOf(after)).toEqual(events.filter(({ user }) => user !== secret))
  expect(await forgetInDirectory({ directory, user: secret })).toBe(false)
})

test('what is damaged is refused, and stays damaged', async () => {
  const { directory } = await dataset()
  const file = join(directory, 'by-user.safetensors')
  const bytes = readFileSync(file)
  bytes[bytes.length - 1]! ^= 1
  writeFileSync(file, bytes)
  await expect(forgetInDirectory({ directory, user: secret })).rejects.toThrow('checksum')
  expect(() => Dataset.open(directory, { verify: true })).toThrow('checksum')
})

test('ids that are integers stay integers', async () => {
  const { directory } = await dataset('user,item,t,k\n7,1,5,a\n8,1,6,a\n8,2,7,a\n')
  expect(await forgetInDirectory({ directory, user: '8' })).toBe(true)
  const { users } = Dataset.open(directory, { verify: true })
  expect([users.kind, users.indexOf(8), users.indexOf(7)]).toEqual(['integer', -1, 1])
})

test('a dataset of one user is left as it is', async () => {
  const { directory } = await dataset('user,item,t,k\nann,1,5,a\n')
  await expect(forgetInDirectory({ directory, user: 'ann' })).rejects.toThrow(
    'has no pairs but those of the user to forget',
  )
  expect(Dataset.open(directory, { verify: true }).users.indexOf('ann')).toBe(0)
})

/** Of a blend, parts whose scores do not rest on the pairs of others. */
const optionsOf = (algorithm: Algorithm) =>
  algorithm === blend ? { parts: 'als(factors=3, seed=7) + neighbours' } : smallOptions(algorithm)

test.each(algorithms)(
  'a model of $name without a user gives what anybody gets, and others their lists',
  async algorithm => {
    const data = await dataset()
    const directory = await trained(algorithm, data, { pool, options: optionsOf(algorithm) })
    const ask = (user: number) => {
      const model = OpenModel.open(directory)
      const [ranking] = model.rank([
        {
          user,
          recent: { items: new Uint32Array(), weights: new Float32Array(), times: new Float64Array() },
          seen: 'exclude',
          limit: 5,
          exclude: new Uint32Array(),
        },
      ])
      model.close()
      return ranking!
    }
    const row = data.users.indexOf(secret)
    const other = data.users.indexOf('u3')
    const before = ask(other)
    expect(await forgetInDirectory({ directory, user: secret })).toBe(true)
    expect(mentions(directory, secret)).toBe(false)
    // Its scores rest on the pairs of all users.
    if (algorithm === graphFilter) expect(ask(other).items).toEqual(before.items)
    else expect(ask(other)).toEqual(before)
    expect(ask(row)).toEqual(ask(-1))
    const { tensors } = openSafetensors(join(directory, 'tensors.safetensors'))
    const { manifest } = inspectArtifact(directory)
    for (const name of userTensorsOf(algorithm, manifest.options)) {
      // Not every choice of options gives it.
      if (!tensors[name]) continue
      const { data: values, shape } = tensors[name]
      const width = values.length / shape[0]!
      expect([...values.subarray(row * width, (row + 1) * width)]).toEqual(Array(width).fill(0))
    }
  },
)

test('a model of similar users without one has no pair of it by item either, nor how long its history was', async () => {
  const data = await dataset()
  const directory = await trained(neighbours, data, { pool, options: { by: 'users' } })
  const row = data.users.indexOf(secret)
  const { pairs } = OpenModel.open(directory).artifact.manifest.dataset
  expect(await forgetInDirectory({ directory, user: secret })).toBe(true)
  const { artifact } = OpenModel.open(directory)
  expect([...artifact.byItem.indices]).not.toContain(row)
  expect(artifact.byItem.pairs).toBe(pairs - 3)
  expect(artifact.tensor('right', Float64Array).data[row]).toBe(0)
})
