import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { UserEvent } from '../../src/events/event.ts'
import { Journal, type Outcome } from '../../src/events/journal.ts'
import { nothingRemoved } from '../../src/events/store.ts'
import { takenBack } from '../../src/events/undo.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aurochs-journal-'))
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(directory, { recursive: true, force: true })
})

function event(user: string, id: string, given: Partial<UserEvent> = {}): UserEvent {
  return { user, id, item: 'a', weight: 1, time: 1000, ...given }
}

const append = (journal: Journal, event: UserEvent) => new Promise<Outcome>(settle => journal.append(event, settle))

/** The threads of `journal`: that which writes and that which reads. */
async function threadsOf(journal: Journal): Promise<[writer: Worker, reader: Worker]> {
  const threads: Worker[] = []
  const postMessage = Worker.prototype.postMessage
  const spy = vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, ...given) {
    threads.push(this)
    return postMessage.apply(this, given)
  })
  await append(journal, event('ann', '1'))
  await journal.recent('ann')
  spy.mockRestore()
  return [threads[0]!, threads.at(-1)!]
}

/** The rows of the file, as another program reads them. */
function rows(columns: string): unknown[] {
  const reader = new DatabaseSync(join(directory, 'events.db'), { readOnly: true })
  const found = reader.prepare(`SELECT ${columns} FROM events ORDER BY position`).all()
  reader.close()
  return found
}

test('an event is on disk when its outcome is known, and sent again it is a duplicate', async () => {
  const journal = await Journal.open(directory)
  expect(await append(journal, event('ann', '1'))).toBe('stored')
  expect(rows('user, id, item, weight, time')).toEqual([{ user: 'ann', id: '1', item: 'a', weight: 1, time: 1000 }])
  expect(await append(journal, event('ann', '1', { item: 'b' }))).toBe('duplicate')
  expect(await append(journal, event('bob', '1'))).toBe('stored')
  expect(rows('user, item')).toEqual([
    { user: 'ann', item: 'a' },
    { user: 'bob', item: 'a' },
  ])
  await journal.close()
})

test('of two events of one id in one group, the first counts', async () => {
  const journal = await Journal.open(directory)
  const outcomes = await Promise.all([1, 2, 3].map(weight => append(journal, event('ann', '1', { weight }))))
  expect(outcomes).toEqual(['stored', 'duplicate', 'duplicate'])
  expect(rows('weight')).toEqual([{ weight: 1 }])
  await journal.close()
})

test('what arrives while the disk is busy is one group, and outcomes come in the order of arrival', async () => {
  const groups: number[] = []
  const journal = await Journal.open(directory, { onCommit: events => groups.push(events) })
  const settled: number[] = []
  const all = Array.from({ length: 500 }, (_, i) => append(journal, event('ann', `${i}`)).then(() => settled.push(i)))
  expect([journal.pending, journal.settled]).toEqual([500, 0])
  await Promise.all(all)
  expect([journal.pending, journal.settled]).toEqual([0, 500])
  expect(settled).toEqual([...settled.keys()])
  expect(groups).toEqual([1, 1, 498])
  await journal.close()
})

test('listeners are called after the events of a group have settled', async () => {
  const journal = await Journal.open(directory)
  const seen: (string | number)[] = []
  journal.onSettled(() => seen.push(`settled ${journal.settled}`))
  for (let i = 1; i <= 4; i++) journal.append(event('ann', `${i}`), () => seen.push(i))
  await journal.flushed()
  expect(seen).toEqual([1, 'settled 1', 2, 'settled 2', 3, 4, 'settled 4'])
  await journal.close()
})

test('recent events come whole, in order of arrival, with the number of the newest', async () => {
  const journal = await Journal.open(directory)
  const events: UserEvent[] = [
    event('ann', '1', { kind: 'play', list: 'x-1', time: 5000 }),
    event('ann', '2', { item: 'b', weight: -2.5, time: 4000 }),
    { id: '3', user: 'ann', weight: 1, time: 6000, undo: '1' },
    event('ann', '4', { item: 'ü🎵', time: -1 }),
  ]
  for (const each of events) journal.append(each, () => {})
  journal.append(event('bob', '1'), () => {})
  const { events: found, asOf } = await journal.recent('ann')
  const absent = { item: undefined, kind: undefined, list: undefined, undo: undefined }
  expect(found).toEqual(events.map((each, at) => ({ ...absent, ...each, position: at + 1 })))
  expect(asOf).toBe(5)
  await journal.flushed()
  expect(await journal.recent('cy')).toEqual({ asOf: 5, events: [], changes: [] })
  await journal.close()
})

test('a read has all events up to the number that comes with it, and their outcomes are known by then', async () => {
  const journal = await Journal.open(directory)
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 7; i++) journal.append(event('ann', `${round}-${i}`), () => {})
    const read = journal.recent('ann')
    journal.append(event('ann', `${round}-late`), () => {})
    const { events, asOf } = await read
    expect(asOf).toBeGreaterThanOrEqual(8 * round + 7)
    expect(events).toHaveLength(asOf)
    expect(journal.settled).toBeGreaterThanOrEqual(asOf)
  }
  await journal.close()
})

test('an event that cannot be kept as it is, is refused by its field, and those beside it are stored', async () => {
  const journal = await Journal.open(directory)
  const beside = append(journal, event('ann', 'beside'))
  const text = (field: string) => `the event's ${field} must be text, not empty, without NUL and half surrogates`
  const refused: readonly (readonly [Partial<UserEvent>, string])[] = [
    [{ undo: '0' }, 'an item, or undo'],
    [{ item: undefined }, 'an item, or undo'],
    [{ weight: 1e-46 }, "the event's weight must be a number in single precision and not 0, got 1e-46"],
    [{ weight: 1e39 }, "the event's weight"],
    [{ weight: Number.NaN }, "the event's weight"],
    [{ time: 0.5 }, "the event's time must be whole ms"],
    [{ user: '' }, text('user')],
    [{ user: 'a\0b' }, text('user')],
    [{ id: '\ud800' }, text('id')],
    [{ item: '\udc00x' }, text('item')],
    [{ kind: 'a\0' }, text('kind')],
    [{ item: undefined, undo: '\ud800' }, text('undo')],
  ]
  for (const [given, message] of refused) {
    expect(() => journal.append(event('ann', '1', given), () => {})).toThrow(message)
  }
  expect(await beside).toBe('stored')
  expect(rows('id')).toEqual([{ id: 'beside' }])
  await journal.close()
})

test('a read does not wait for the events of others, however long the disk takes', async () => {
  const journal = await Journal.open(directory)
  await append(journal, event('ann', '1'))
  const holder = new DatabaseSync(join(directory, 'events.db'))
  holder.exec('BEGIN IMMEDIATE')
  const late = append(journal, event('bob', '1'))
  const own = journal.recent('bob')
  expect((await journal.recent('ann')).events.map(({ id }) => id)).toEqual(['1'])
  expect(await journal.knows('ann')).toBe(true)
  expect(journal.settled).toBe(1)
  holder.exec('COMMIT')
  holder.close()
  expect((await own).events.map(({ id }) => id)).toEqual(['1'])
  expect(await late).toBe('stored')
  await journal.close()
})

test('a user is known by an event that counts, once its outcome is known', async () => {
  const journal = await Journal.open(directory)
  expect(await journal.knows('ann')).toBe(false)
  journal.append(event('ann', '1'), () => {})
  expect(await journal.knows('ann')).toBe(true)
  await journal.close()
  const later = await Journal.open(directory, { since: Date.now() + 1000 })
  expect(await later.knows('ann')).toBe(false)
  await later.close()
})

test('of a long history the newest events are read', async () => {
  const journal = await Journal.open(directory, { historyLimit: 3 })
  const read = async () => (await journal.recent('ann')).events.map(({ id }) => id)
  for (const id of ['1', '2', '3']) journal.append(event('ann', id), () => {})
  expect(await read()).toEqual(['1', '2', '3'])
  for (const id of ['4', '5']) journal.append(event('ann', id), () => {})
  expect(await read()).toEqual(['3', '4', '5'])
  await journal.close()
})

test('events that arrived before the given time are left to the model, whenever they happened', async () => {
  const before = await Journal.open(directory)
  await append(before, event('ann', 'old', { time: Date.now() + 1e9 }))
  await before.close()
  await wait(5)
  const after = await Journal.open(directory, { since: Date.now() })
  expect(await after.recent('ann')).toMatchObject({ events: [] })
  expect(await append(after, event('ann', 'old'))).toBe('duplicate')
  expect(await append(after, event('ann', 'late', { time: 5 }))).toBe('stored')
  expect((await after.recent('ann')).events.map(({ id }) => id)).toEqual(['late'])
  await after.close()
})

test('what arrives after the first opening with a time counts, though the clock was set back, also after a restart', async () => {
  const since = Date.now() + 3_600_000
  const clock = vi.spyOn(Date, 'now').mockReturnValue(since - 1000)
  const before = await Journal.open(directory)
  await append(before, event('ann', 'in the model'))
  await before.close()
  const first = await Journal.open(directory, { since })
  clock.mockReturnValue(since - 7_200_000)
  await append(first, event('ann', 'set back'))
  expect((await first.recent('ann')).events.map(({ id }) => id)).toEqual(['set back'])
  await first.close()
  const second = await Journal.open(directory, { since })
  expect((await second.recent('ann')).events.map(({ id }) => id)).toEqual(['set back'])
  await second.close()
  // A model that was trained since then has them all.
  const third = await Journal.open(directory, { since: since + 1 })
  expect(await third.recent('ann')).toMatchObject({ events: [] })
  await third.close()
})

test('arrival is noted beside the time of the event', async () => {
  const [begun, journal] = [Date.now(), await Journal.open(directory)]
  await append(journal, event('ann', '1', { time: 12 }))
  const [{ time, arrived }] = rows('time, arrived') as [{ time: number; arrived: number }]
  expect(time).toBe(12)
  expect(arrived).toBeGreaterThanOrEqual(begun)
  expect(arrived).toBeLessThanOrEqual(Date.now())
  await journal.close()
})

test('closing waits for what was appended, and all is there when it is opened again', async () => {
  const first = await Journal.open(directory)
  const outcomes: Outcome[] = []
  for (let i = 0; i < 100; i++) first.append(event('ann', `${i}`), outcome => outcomes.push(outcome))
  await first.close()
  expect(outcomes).toEqual(Array(100).fill('stored'))
  const second = await Journal.open(directory)
  const { events } = await second.recent('ann')
  expect(events.map(({ id }) => id)).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`))
  await second.close()
})

test('a closed journal may be closed again, and what is asked of it fails', async () => {
  const journal = await Journal.open(directory)
  const stored = append(journal, event('ann', '1'))
  await Promise.all([journal.close(), journal.close()])
  await journal.close()
  expect(await stored).toBe('stored')
  expect(await append(journal, event('ann', '2'))).toBe('failed')
  await expect(journal.recent('ann')).rejects.toThrow('the journal is closed')
  expect(rows('id')).toEqual([{ id: '1' }])
})

test('while the disk fails, events fail and reads go on; a probe finds out when it takes writes again', async () => {
  const commits: (string | undefined)[] = []
  const journal = await Journal.open(directory, { onCommit: (_events, _took, failure) => commits.push(failure) })
  await append(journal, event('ann', '1'))
  // Stands for a disk that fails: nothing can be written, and everything can be read.
  const holder = new DatabaseSync(join(directory, 'events.db'))
  holder.exec(`CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'the disk is full'); END;
    CREATE TRIGGER still_full BEFORE UPDATE ON state BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`)
  const outcomes = await Promise.all(['2', '3'].map(id => append(journal, event('ann', id))))
  expect(outcomes).toEqual(['failed', 'failed'])
  expect(journal.failure).toContain('the disk is full')
  expect([journal.pending, journal.settled]).toEqual([0, 3])
  expect((await journal.recent('ann')).events.map(({ id }) => id)).toEqual(['1'])
  await wait(1500)
  expect(journal.failure).toContain('the disk is full')
  holder.exec('DROP TRIGGER full; DROP TRIGGER still_full')
  while (journal.failure !== undefined) await wait(20)
  expect(await append(journal, event('ann', '2'))).toBe('stored')
  expect(commits).toEqual([undefined, expect.stringContaining('full'), expect.stringContaining('full'), undefined])
  holder.close()
  await journal.close()
})

test('where a thread of the journal ends, what it had fails, and it is started again', async () => {
  const commits: (string | undefined)[] = []
  const journal = await Journal.open(directory, { onCommit: (_, __, failure) => commits.push(failure) })
  const [writer, reader] = await threadsOf(journal)

  const outcomes = Promise.all(['2', '3', '4'].map(id => append(journal, event('ann', id))))
  await writer.terminate()
  for (const outcome of await outcomes) expect(['stored', 'failed']).toContain(outcome)
  expect(await append(journal, event('ann', '5'))).toBe('failed')
  expect(commits.at(-1)).toBe('a thread of the journal ended: it ended by itself')
  expect(journal.failure).toBe(commits.at(-1))
  expect((await journal.recent('ann')).events.map(({ id }) => id)).not.toContain('5')
  while (journal.failure !== undefined) await wait(20)
  expect(await append(journal, event('ann', '5'))).toBe('stored')
  await expect(Journal.open(directory)).rejects.toThrow('is in use')

  await reader.terminate()
  await expect(journal.recent('ann')).rejects.toThrow('a thread of the journal ended')
  expect(await append(journal, event('ann', '6'))).toBe('stored')
  const read = async () => (await journal.recent('ann').catch(() => undefined))?.events.at(-1)?.id
  while ((await read()) !== '6') await wait(20)
  await journal.close()
})

test('an event is taken as it is at the time, whatever else the object has and becomes', async () => {
  const journal = await Journal.open(directory)
  const given = { ...event('ann', '1'), method: () => 'no thread takes this' }
  const outcomes = [append(journal, event('ann', '0')), append(journal, given)]
  Object.assign(given, { user: 'bob', item: 'b' })
  outcomes.push(append(journal, event('ann', '2')))
  expect(await Promise.all(outcomes)).toEqual(['stored', 'stored', 'stored'])
  expect(rows('user, id, item')).toEqual(['0', '1', '2'].map(id => ({ user: 'ann', id, item: 'a' })))
  expect((await journal.recent('ann')).events).toHaveLength(3)
  await journal.close()
})

test('a journal that is closed while a thread of it starts again leaves the directory free', async () => {
  const journal = await Journal.open(directory)
  await threadsOf(journal).then(([writer]) => writer.terminate())
  await wait(1000)
  await journal.close()
  const next = await Journal.open(directory)
  expect(await append(next, event('ann', '9'))).toBe('stored')
  await next.close()
})

test('a writer that starts again makes no other state in the place of one that is gone', async () => {
  const journal = await Journal.open(directory)
  const [writer] = await threadsOf(journal)
  renameSync(directory, `${directory}-moved`)
  await writer.terminate()
  await vi.waitFor(() => expect(journal.failure).toContain('was removed or replaced'), {
    timeout: 20_000,
    interval: 50,
  })
  expect(existsSync(directory)).toBe(false)
  expect(await append(journal, event('ann', '1'))).toBe('failed')
  renameSync(`${directory}-moved`, directory)
  while (journal.failure !== undefined) await wait(20)
  expect(await append(journal, event('ann', '2'))).toBe('stored')
  await journal.close()
})

test('where the log of SQLite is taken away, nothing is acknowledged any more until it is put back', async () => {
  const journal = await Journal.open(directory)
  expect(await append(journal, event('ann', '1'))).toBe('stored')
  const log = join(directory, 'events.db-wal')
  renameSync(log, `${log}-moved`)
  expect(await append(journal, event('ann', '2'))).toBe('failed')
  expect(journal.failure).toContain(`${log} was removed or replaced`)
  renameSync(`${log}-moved`, log)
  while (journal.failure !== undefined) await wait(20)
  expect(await append(journal, event('ann', '3'))).toBe('stored')
  await journal.close()
})

test('where the state is removed or replaced, nothing is acknowledged any more until it is put back', async () => {
  const journal = await Journal.open(directory)
  expect(await append(journal, event('ann', '1'))).toBe('stored')
  renameSync(directory, `${directory}-moved`)
  expect(await append(journal, event('ann', '2'))).toBe('failed')
  const gone = `${join(directory, 'events.db')} was removed or replaced while it was in use`
  expect(journal.failure).toContain(gone)
  const other = await Journal.open(directory)
  expect(await append(journal, event('ann', '3'))).toBe('failed')
  await other.close()
  rmSync(directory, { recursive: true })
  renameSync(`${directory}-moved`, directory)
  while (journal.failure !== undefined) await wait(20)
  expect(await append(journal, event('ann', '4'))).toBe('stored')
  expect(rows('id')).toEqual([{ id: '1' }, { id: '4' }])
  // It is noticed without an event, too, and where the path leads nowhere.
  rmSync(directory, { recursive: true })
  writeFileSync(directory, 'a file')
  while (journal.failure === undefined) await wait(20)
  expect(journal.failure).toContain(gone)
  await journal.close()
})

test('a directory has one journal at a time', async () => {
  const first = await Journal.open(directory)
  await expect(Journal.open(directory)).rejects.toThrow(
    `${directory} is in use by another server (process ${process.pid}): stop it, or name another --state`,
  )
  await first.close()
  await (await Journal.open(directory)).close()
})

test('a directory that holds something else is refused: what replaces that would take the events with it', async () => {
  const model = join(directory, 'model')
  mkdirSync(model)
  writeFileSync(join(model, 'manifest.json'), '{}')
  await expect(Journal.open(model)).rejects.toThrow(`${model} holds a dataset or a model`)
  expect(readdirSync(model)).toEqual(['manifest.json'])
  await expect(Journal.open(join(model, 'manifest.json'))).rejects.toThrow('must be a directory: name another --state')
})

test('a file that is not ours is refused and left as it is', async () => {
  const file = join(directory, 'events.db')
  const foreign = new DatabaseSync(file)
  foreign.exec('CREATE TABLE theirs (x); INSERT INTO theirs VALUES (7)')
  foreign.close()
  await expect(Journal.open(directory)).rejects.toThrow(
    `${file} does not hold events, and this Aurochs reads version 6: use the version of Aurochs that made it, or name another --state`,
  )
  const still = new DatabaseSync(file)
  expect(still.prepare('SELECT x FROM theirs').all()).toEqual([{ x: 7 }])
  still.close()
})

test('events that a retention does not keep are removed, and their ids known as long as it says', async () => {
  const journal = await Journal.open(directory)
  for (let id = 1; id <= 2500; id++) journal.append(event('ann', `${id}`), () => {})
  await journal.flushed()
  const retention = { upTo: 2400, keep: 0, keepIds: 10_000 }
  expect(await journal.remove({ ...retention, keep: 10_000 })).toEqual(nothingRemoved)
  // A clock that jumps ahead makes no event old.
  vi.setSystemTime(Date.now() + 1e9)
  expect(await journal.remove({ ...retention, keep: 10_000 })).toEqual(nothingRemoved)
  vi.useRealTimers()
  expect(await journal.remove(retention)).toEqual({ ...nothingRemoved, events: 2400 })
  expect((await journal.recent('ann')).events.map(({ id }) => id)).toEqual(
    Array.from({ length: 100 }, (_, at) => `${2401 + at}`),
  )
  expect(await append(journal, event('ann', '7'))).toBe('duplicate')
  expect(await journal.remove({ ...retention, keepIds: 0 })).toEqual({ ...nothingRemoved, ids: 2400 })
  expect(await append(journal, event('ann', '7'))).toBe('stored')
  await journal.remove({ ...retention, upTo: 2501 })
  await journal.close()
  // Positions are never given twice, even where no event is left.
  const later = await Journal.open(directory)
  expect(await append(later, event('ann', 'next'))).toBe('stored')
  expect(rows('position')).toEqual([{ position: 2502 }])
  await later.close()
})

test('what a later undo may take back is kept until that undo may be removed, too', async () => {
  const journal = await Journal.open(directory)
  for (const id of ['1', '2']) journal.append(event('ann', id), () => {})
  journal.append(event('bob', '1'), () => {})
  await append(journal, event('ann', '3', { item: undefined, undo: '1' }))
  const retention = { keep: 0, keepIds: 0 }
  expect(await journal.remove({ ...retention, upTo: 3 })).toMatchObject({ events: 1 })
  expect(rows('user, id')).toEqual(['1', '2', '3'].map(id => ({ user: 'ann', id })))
  expect(await journal.remove({ ...retention, upTo: 4 })).toMatchObject({ events: 3 })
  await journal.close()
})

test('a page of events says which are taken back by what came before and after, through any chain of undos', async () => {
  const names = ['ann', 'bob']
  const anyEvent = fc.record({ name: fc.constantFrom(...names), id: fc.nat(11), undo: fc.option(fc.nat(11)) })
  const journal = await Journal.open(directory)
  let tried = 0
  await fc.assert(
    fc.asyncProperty(fc.array(anyEvent, { minLength: 1, maxLength: 40 }), async given => {
      // Users of this case alone, after whatever is there.
      const [before, nth] = [journal.position, tried++]
      const users = names.map(name => `${name} ${nth}`)
      const known = new Set<string>()
      const events = given.flatMap(({ name, id, undo }) => {
        const user = `${name} ${nth}`
        if (known.has(user + id)) return []
        known.add(user + id)
        return event(user, `${id}`, undo === null ? {} : { item: undefined, undo: `${undo}` })
      })
      await Promise.all(events.map(each => append(journal, each)))
      const page = await journal.after(before, 100)
      for (const user of users) {
        const own = takenBack(events.filter(each => each.user === user))
        const items = page.filter(each => each.user === user && each.item !== undefined)
        expect(items.map(({ id, isTakenBack }) => [id, isTakenBack])).toEqual(items.map(({ id }) => [id, own.has(id)]))
      }
    }),
    { numRuns: 60 },
  )
  // A chain of undos, each of which takes back the one before.
  const before = journal.position
  const chain = Array.from({ length: 3001 }, (_, at) =>
    event('ann', `${at}`, at === 0 ? {} : { item: undefined, undo: `${at - 1}` }),
  )
  await Promise.all(chain.map(each => append(journal, each)))
  expect((await journal.after(before, 1))[0]!.isTakenBack).toBe(false)
  await append(journal, event('ann', 'last', { item: undefined, undo: '3000' }))
  expect((await journal.after(before, 1))[0]!.isTakenBack).toBe(true)
  await journal.close()
})

test('a user who is forgotten leaves nothing, not even in the log, and others all', async () => {
  const journal = await Journal.open(directory)
  const secret = 'a-user-to-forget'
  for (let id = 0; id < 1500; id++) journal.append(event(secret, `${id}`), () => {})
  await append(journal, event('bob', '1'))
  expect(await journal.forget(secret)).toEqual({ ...nothingRemoved, events: 1500 })
  expect(await journal.knows(secret)).toBe(false)
  for (const name of readdirSync(directory)) {
    expect(readFileSync(join(directory, name)).includes(secret)).toBe(false)
  }
  expect(await journal.knows('bob')).toBe(true)
  await journal.close()
})

test('the positions of new events come after those that a model has, as where an older copy was put back', async () => {
  const journal = await Journal.open(directory)
  await append(journal, event('ann', '1'))
  await journal.close()
  const later = await Journal.open(directory, { positions: { [journal.name]: 40, another: 90 } })
  await append(later, event('ann', '2'))
  expect(rows('position')).toEqual([{ position: 1 }, { position: 41 }])
  expect(later.position).toBe(41)
  await later.close()
})

test('a state of version 1 is refused with the remedy, and left as it is', async () => {
  const file = join(directory, 'events.db')
  const old = new DatabaseSync(file)
  old.exec(`
    CREATE TABLE events (
      position INTEGER PRIMARY KEY, user TEXT NOT NULL, id TEXT NOT NULL, item TEXT NOT NULL,
      weight REAL NOT NULL, time INTEGER NOT NULL, UNIQUE (user, id)
    ) STRICT;
    CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
    INSERT INTO events VALUES (1, 'ann', '1', 'a', 1, 1000);
    INSERT INTO state VALUES ('probes', 0);
    PRAGMA application_id = ${Buffer.from('auro', 'latin1').readInt32BE()};
    PRAGMA user_version = 1;
  `)
  old.close()
  await expect(Journal.open(directory)).rejects.toThrow(
    `${file} holds events of version 1, and this Aurochs reads version 6: ` +
      'use the version of Aurochs that made it, or name another --state, which `aurochs serve` makes anew',
  )
  const still = new DatabaseSync(file)
  expect(still.prepare('SELECT user, id FROM events').all()).toEqual([{ user: 'ann', id: '1' }])
  expect(still.prepare('PRAGMA user_version').get()).toEqual({ user_version: 1 })
  still.close()
})
