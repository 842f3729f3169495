import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { openDatabase, transact } from '../../src/storage/sqlite.ts'
import { freshFolder } from './folder.ts'

const format = {
  applicationId: 'test',
  version: 3,
  title: 'notes',
  remedy: 'write them anew',
  schema: 'CREATE TABLE notes (text TEXT NOT NULL) STRICT;',
}

const texts = (database: DatabaseSync) =>
  database
    .prepare('SELECT text FROM notes ORDER BY rowid')
    .all()
    .map(({ text }) => text)

/** A file as some other program left it. */
function fileWith(sql: string): string {
  const file = join(freshFolder(), 'notes.db')
  const database = new DatabaseSync(file)
  database.exec(sql)
  database.close()
  return file
}

test('a database is made once, and opened again as it was left', () => {
  const file = join(freshFolder(), 'notes.db')
  const first = openDatabase(file, format)
  first.exec("INSERT INTO notes VALUES ('one')")
  first.close()
  const second = openDatabase(file, format)
  expect(texts(second)).toEqual(['one'])
  second.close()
})

test('what is committed is on disk: write-ahead log, synced at each commit', () => {
  const database = openDatabase(join(freshFolder(), 'notes.db'), format)
  const pragma = (name: string) => Object.values(database.prepare(`PRAGMA ${name}`).get()!)[0]
  expect([pragma('journal_mode'), pragma('synchronous'), pragma('user_version')]).toEqual(['wal', 2, 3])
  database.close()
})

test('a transaction is done whole or not at all', () => {
  const database = openDatabase(join(freshFolder(), 'notes.db'), format)
  const insert = database.prepare('INSERT INTO notes VALUES (?)')
  transact(database, () => {
    insert.run('one')
    insert.run('two')
  })
  const failing = () =>
    transact(database, () => {
      insert.run('three')
      insert.run(null)
    })
  expect(failing).toThrow('NOT NULL constraint failed')
  expect(database.isTransaction).toBe(false)
  expect(texts(database)).toEqual(['one', 'two'])
  // A transaction that SQLite has ended itself is no fault of the next one.
  const rolledBack = () =>
    transact(database, () => {
      insert.run('four')
      database.exec('ROLLBACK')
      throw new Error('the disk is full')
    })
  expect(rolledBack).toThrow('the disk is full')
  transact(database, () => insert.run('five'))
  expect(texts(database)).toEqual(['one', 'two', 'five'])
  database.close()
})

test('another kind of database, or another version, is refused with both versions and the remedy', () => {
  const id = Buffer.from('test', 'latin1').readInt32BE()
  for (const [sql, what] of [
    ['CREATE TABLE theirs (x)', 'does not hold notes'],
    ['PRAGMA user_version = 3', 'does not hold notes'],
    [`CREATE TABLE notes (text); PRAGMA application_id = ${id}; PRAGMA user_version = 2`, 'holds notes of version 2'],
    [`CREATE TABLE notes (text); PRAGMA application_id = ${id}; PRAGMA user_version = 4`, 'holds notes of version 4'],
  ] as const) {
    const file = fileWith(sql)
    expect(() => openDatabase(file, format)).toThrow(
      `${file} ${what}, and this Aurochs reads version 3: write them anew`,
    )
  }
})

test('a file that is no database is refused', () => {
  const file = join(freshFolder(), 'notes.db')
  writeFileSync(file, 'a thesis, which no database may take the place of, of more than a hundred bytes'.repeat(20))
  expect(() => openDatabase(file, format)).toThrow('file is not a database')
})
