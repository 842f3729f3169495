import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Journal, type Outcome } from '../../src/events/journal.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aurochs-journal-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const event = (user: string, id: string, item = 'a', weight = 1) => ({ user, id, item, weight })
const append = (journal: Journal, ...args: Parameters<typeof event>) =>
  new Promise<Outcome>(settle => journal.append(event(...args), settle))

test('an event is on disk when its outcome is told, and sent again it is a duplicate', async () => {
  const journal = await Journal.open(directory)
  expect(await append(journal, 'ann', '1')).toBe('stored')
  const reader = new DatabaseSync(join(directory, 'events.db'), { readOnly: true })
  expect(reader.prepare('SELECT user, id, item, weight FROM events').all()).toEqual([event('ann', '1')])
  reader.close()
  expect(await append(journal, 'ann', '1', 'b')).toBe('duplicate')
  expect(await append(journal, 'bob', '1')).toBe('stored')
  await journal.close()
})

test('what arrives while the disk is busy is one group, told in the order it came', async () => {
  const groups: number[] = []
  const journal = await Journal.open(directory, { onCommit: events => groups.push(events) })
  const told: number[] = []
  const all = Array.from({ length: 500 }, (_, i) => append(journal, 'ann', `${i}`).then(() => told.push(i)))
  expect(journal.pending).toBe(500)
  await Promise.all(all)
  expect(journal.pending).toBe(0)
  expect(told).toEqual([...told.keys()])
  expect(groups).toEqual([1, 1, 498])
  await journal.close()
})

test('recent events are summed by item, and name the newest', async () => {
  const journal = await Journal.open(directory)
  for (const [id, item, weight] of [
    ['1', 'a', 1],
    ['2', 'b', 2],
    ['3', 'a', 0.5],
  ] as const) {
    journal.append(event('ann', id, item, weight), () => {})
  }
  const { asOf, after, items, weights } = await journal.recent('ann')
  expect({ asOf, after, items, weights }).toEqual({ asOf: 3, after: '3', items: ['a', 'b'], weights: [1.5, 2] })
  expect(await journal.recent('bob')).toEqual({ asOf: 3, items: [], weights: [] })
  await journal.close()
})

test('events from before the given time are left to the model', async () => {
  const before = await Journal.open(directory)
  await append(before, 'ann', 'old')
  await before.close()
  const after = await Journal.open(directory, { since: Date.now() + 1 })
  expect(await after.recent('ann')).toMatchObject({ items: [] })
  expect(await append(after, 'ann', 'old')).toBe('duplicate')
  await after.close()
})

test('closing waits for what was appended, and all is there when it is opened again', async () => {
  const first = await Journal.open(directory)
  const outcomes: Outcome[] = []
  for (let i = 0; i < 100; i++) first.append(event('ann', `${i}`), outcome => outcomes.push(outcome))
  await first.close()
  expect(outcomes).toEqual(Array(100).fill('stored'))
  const second = await Journal.open(directory)
  expect(await second.recent('ann')).toMatchObject({ after: '99', weights: [100] })
  await second.close()
})

test('a directory has one journal at a time', async () => {
  const first = await Journal.open(directory)
  await expect(Journal.open(directory)).rejects.toThrow(
    `${directory} is in use by another server (process ${process.pid}): stop it, or name another --state`,
  )
  await first.close()
  await (await Journal.open(directory)).close()
})

test('a file that is not ours is refused and left as it is', async () => {
  const db = new DatabaseSync(join(directory, 'events.db'))
  db.exec('CREATE TABLE theirs (x)')
  db.close()
  await expect(Journal.open(directory)).rejects.toThrow('is not an event file of this version of Aurochs')
})
