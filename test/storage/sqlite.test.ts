import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
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

/** A database with more pages than one, of which nothing is in the log. */
function filledFile(): string {
  const file = join(freshFolder(), 'notes.db')
  const database = openDatabase(file, format)
  transact(database, () => {
    const insert = database.prepare('INSERT INTO notes VALUES (?)')
    for (let at = 0; at < 2000; at++) insert.run(`note ${at}`.repeat(10))
  })
  database.close()
  return file
}

test('a file that was cut off, overwritten or is none says so with its name and the remedy', () => {
  const short = filledFile()
  truncateSync(short, 8192)
  expect(() => openDatabase(short, format)).toThrow(
    /notes\.db, which holds notes, cannot be used \(database disk image is malformed\): it is damaged/,
  )
  const overwritten = filledFile()
  const bytes = readFileSync(overwritten)
  writeFileSync(overwritten, bytes.fill(0xa5, 0, 4096))
  expect(() => openDatabase(overwritten, format)).toThrow(
    /notes\.db, which holds notes, cannot be used \(file is not a database\): it is damaged/,
  )
  const folder = join(freshFolder(), 'notes.db')
  mkdirSync(folder)
  expect(() => openDatabase(folder, format)).toThrow(
    /notes\.db, which holds notes, cannot be used \(unable to open database file\): it must be a file/,
  )
})

test('what is damaged within says so when it is written', () => {
  const file = filledFile()
  const bytes = readFileSync(file)
  writeFileSync(file, bytes.fill(0xa5, 4096))
  const database = openDatabase(file, format)
  expect(() => transact(database, () => database.exec("INSERT INTO notes VALUES ('one')"))).toThrow(
    /notes\.db, which holds notes, cannot be used \(database disk image is malformed\): it is damaged/,
  )
  database.close()
})

test('an empty file is refused where its format says so, and else the tables are made in it', () => {
  const file = join(freshFolder(), 'notes.db')
  writeFileSync(file, '')
  expect(() => openDatabase(file, { ...format, refusesEmpty: true })).toThrow(
    'notes.db is empty, and should hold notes: put a backup back in its place',
  )
  openDatabase(file, format).close()
  openDatabase(file, { ...format, refusesEmpty: true }).close()
})
