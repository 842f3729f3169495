import { cpSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { Pool } from '../../src/parallel/pool.ts'
import { PushUsers } from '../../src/push/data/users.ts'
import type { PushLedgerThread } from '../../src/push/live/ledger/ledger-proxy.ts'
import { ServedFactors } from '../../src/push/live/parts/user-factors.ts'
import { PreferenceModel } from '../../src/push/prefer/preference-model.ts'
import { writeSmallModel } from '../serve/small-model.ts'
import { freshFolder } from '../storage/folder.ts'
import { LogLines } from './live-engine.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 1 })
})
afterAll(() => pool.close())

const hour = 3_600_000

test('vectors are those of the model that is published, and of users who are added', async () => {
  const folder = freshFolder()
  const model = await writeSmallModel(folder)
  const users = new PushUsers(3)
  const preference = new PreferenceModel(users, pool)
  const log = new LogLines()
  const factors = new ServedFactors(model, log)
  const asked: number[][] = []
  const call = async (_: string, rows: readonly number[]) => {
    asked.push([...rows])
    return rows.map(row => (row === 2 ? undefined : String(row)))
  }
  const ledger = { call } as unknown as PushLedgerThread
  const follow = (now: number) => factors.follow(preference, ledger, now)
  const [set, added] = [vi.spyOn(preference, 'setFactors'), vi.spyOn(preference, 'addFactors')]
  await Promise.all([follow(0), follow(0)])
  expect(asked).toEqual([[0, 1, 2]])
  expect(set.mock.calls[0]![0]).toMatchObject({ factors: 4, rows: Int32Array.of(0, 1, -1) })
  await follow(1)
  expect(asked).toHaveLength(1)

  users.grow(5)
  await follow(2)
  expect(asked).toHaveLength(1)
  await follow(hour)
  expect(asked.slice(1)).toEqual([[3, 4]])
  expect(added.mock.calls[0]![0]).toMatchObject({ first: 3, rows: Int32Array.of(3, 4) })

  // Published in its place: followed at once.
  cpSync(model, join(folder, 'next'), { recursive: true })
  rmSync(model, { recursive: true })
  renameSync(join(folder, 'next'), model)
  await follow(hour + 1)
  expect(asked.slice(2)).toEqual([[0, 1, 2, 3, 4]])
  await follow(hour + 2)
  expect(asked).toHaveLength(3)
  expect(log.lines.map(({ fields }) => (fields as { users: number }).users)).toEqual([2, 2, 4])
})
