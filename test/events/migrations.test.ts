import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { EventReader } from '../../src/events/reader.ts'
import { EventStore, type JournalEntry } from '../../src/events/store.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aurochs-migrations-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

/** Files as the programs of these versions made them, with one event. */
const events = `
  CREATE TABLE events (
    position INTEGER PRIMARY KEY, user TEXT NOT NULL, id TEXT NOT NULL, item TEXT, weight REAL NOT NULL, time INTEGER NOT NULL,
    arrived INTEGER NOT NULL, kind TEXT, list TEXT, undo TEXT, UNIQUE (user, id), CHECK ((item IS NULL) <> (undo IS NULL))
  ) STRICT;
  INSERT INTO events VALUES (7, 'ann', '1', 'a', 1, 1000, 5000, NULL, NULL, NULL);
`
const version2 = `
  ${events}
  CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
  INSERT INTO state VALUES ('probes', 3), ('since 6000', 7);
`
const firstOfVersion3 = `
  ${events}
  CREATE TABLE state (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT;
  INSERT INTO state VALUES ('probes', 3), ('position', 7), ('removed', 0), ('since 6000', 7), ('journal', '0123456789abcdef');
  CREATE TABLE removed (user TEXT NOT NULL, id TEXT NOT NULL, arrived INTEGER NOT NULL, PRIMARY KEY (user, id)) STRICT, WITHOUT ROWID;
  CREATE INDEX removed_by_arrival ON removed (arrived);
  INSERT INTO removed VALUES ('ann', '0', 4000);
`
const version3 = `${firstOfVersion3} CREATE INDEX undos ON events (user, position) WHERE undo IS NOT NULL;`
const version4 = `
  ${version3}
  CREATE TABLE shown (
    user TEXT NOT NULL, item TEXT NOT NULL, count REAL NOT NULL, time INTEGER NOT NULL, PRIMARY KEY (user, item)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE impressions (user TEXT NOT NULL, id TEXT NOT NULL, arrived INTEGER NOT NULL, PRIMARY KEY (user, id)) STRICT, WITHOUT ROWID;
  CREATE INDEX impressions_by_arrival ON impressions (arrived);
`
const version5 = `${version4} CREATE INDEX shown_by_time ON shown (time);`

function write(version: number, schema: string): DatabaseSync {
  const file = new DatabaseSync(join(directory, 'events.db'))
  const id = Buffer.from('auro', 'latin1').readInt32BE()
  file.exec(`${schema} PRAGMA application_id = ${id}; PRAGMA user_version = ${version}`)
  return file
}

/** All tables and indices of the file, by name. */
function schemaOf(state: string): unknown[] {
  const file = new DatabaseSync(join(state, 'events.db'), { readOnly: true })
  const found = file.prepare("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' ORDER BY name").all()
  file.close()
  return found.map(({ name, sql }) => [name, String(sql).replaceAll(/[\s"]+/g, '')])
}

const event = (id: string): JournalEntry => ({ user: 'ann', id, item: 'b', weight: 1, time: 1000 })
const impressions: JournalEntry = { user: 'ann', id: '1', items: ['c'], time: 1000 }

function opened(state = directory): EventStore {
  const store = new EventStore(join(state, 'events.db'))
  onTestFinished(() => store.close())
  return store
}

function historyOf(user: string) {
  const reader = new EventReader(directory)
  onTestFinished(() => reader.close())
  const { events, shown } = reader.recent(user, 0, 10)
  return { events: events.map(({ position, item }) => [position, item]), shown: [...(shown?.keys() ?? [])] }
}

test.each([
  ['version 2', 2, version2],
  ['version 3 as it was first', 3, firstOfVersion3],
  ['version 3', 3, version3],
  ['version 5', 5, version5],
  ['version 4', 4, version4],
])('a state of %s is brought to the present one, with all that it has', (_, version, schema) => {
  write(version, schema).close()
  const store = opened()
  expect(store.journal).toMatch(version === 2 ? /^[0-9a-f]{16}$/ : /^0123456789abcdef$/)
  expect([store.position, store.positionBefore(6000)]).toEqual([7, 7])
  const entries = [event('1'), event('2'), impressions, ...(version === 2 ? [] : [event('0')])]
  // What was there, or had been removed, is known.
  expect([...store.record(entries, [7000, 7000, 7000, 7000])]).toEqual([0, 8, -1, 0].slice(0, entries.length))
  expect(historyOf('ann')).toEqual({
    events: [
      [7, 'a'],
      [8, 'b'],
    ],
    shown: ['c'],
  })
  const fresh = mkdtempSync(join(directory, 'fresh-'))
  opened(fresh)
  expect(schemaOf(directory)).toEqual(schemaOf(fresh))
})

test('what fails on the way to the present version leaves the state as it was, to be opened again', () => {
  const file = write(2, version2)
  // The step from version 3 on finds it in its way.
  file.exec('CREATE TABLE shown (theirs)')
  const before = schemaOf(directory)
  expect(() => opened()).toThrow('table shown already exists')
  expect(schemaOf(directory)).toEqual(before)
  expect(file.prepare('PRAGMA user_version').get()).toEqual({ user_version: 2 })
  file.exec('DROP TABLE shown')
  file.close()
  expect([...opened().record([impressions], [7000])]).toEqual([-1])
  expect(historyOf('ann')).toEqual({ events: [[7, 'a']], shown: ['c'] })
})
