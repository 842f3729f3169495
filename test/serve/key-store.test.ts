import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { KeyStore } from '../../src/serve/access/key-store.ts'
import { freshFolder } from '../storage/folder.ts'
import { addKey, addSigningKey, revokeKey, withKeys } from './keys.ts'
import { serveSmallModel } from './served-model.ts'

test('a key is kept with what it may do, and without its secret', () => {
  const state = freshFolder()
  const { id, key } = addKey(state, { users: ['ann', '7'], methods: ['similar'], expires: 5 })
  const { id: signer, publicKey } = addSigningKey(state)
  const [api, signing] = withKeys(state, store => store.list())
  expect(api).toMatchObject({ id, kind: 'api', expires: 5, used: undefined, revoked: undefined })
  expect(api!.rights).toEqual({ users: new Set(['ann', '7']), methods: ['similar'], admin: 'none' })
  expect(api!.verifier).not.toContain(key.split('_').at(-1))
  expect(signing).toMatchObject({ id: signer, kind: 'signing', verifier: publicKey, rights: { admin: 'none' } })
  revokeKey(state, id)
  expect(withKeys(state, store => store.revoke(id, 1))).toBe(false)
  expect(withKeys(state, store => store.revoke('none', 1))).toBe(false)
})

test('keys of another version, and files that hold none, are refused with the remedy, by servers too', async () => {
  const state = freshFolder()
  addKey(state)
  const file = join(state, 'keys.db')
  const database = new DatabaseSync(file)
  database.exec('PRAGMA user_version = 2')
  database.close()
  const expected = `${file} holds keys of version 2, and this Aurochs reads version 1: use the version that made it`
  expect(() => KeyStore.open(state)).toThrow(expected)
  const prepare = (at: string) => {
    addKey(at)
    const other = new DatabaseSync(join(at, 'keys.db'))
    other.exec('PRAGMA user_version = 2')
    other.close()
  }
  await expect(serveSmallModel({ prepare })).rejects.toThrow('holds keys of version 2')
  const garbage = freshFolder()
  writeFileSync(join(garbage, 'keys.db'), 'no database, but long enough to be read as one: '.repeat(50))
  expect(() => KeyStore.open(garbage)).toThrow('not a database')
})

test('a directory that holds a model cannot have keys', () => {
  const folder = freshFolder()
  writeFileSync(join(folder, 'manifest.json'), '{}')
  expect(() => KeyStore.open(folder)).toThrow('holds a dataset or a model')
})

test('several processes that make the first keys at once make all of them', async () => {
  const state = join(freshFolder(), 'new')
  const module = new URL('./keys.ts', import.meta.url)
  const program = `import { addKey } from '${module}'; addKey(${JSON.stringify(state)})`
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program]
  const ends = Array.from({ length: 6 }, () =>
    once(spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] }), 'close'),
  )
  expect(await Promise.all(ends)).toEqual(ends.map(() => [0, null]))
  expect(withKeys(state, store => store.list())).toHaveLength(6)
})

test('a key whose rights are damaged has none, and the others are as they were', () => {
  const state = freshFolder()
  const { id } = addKey(state, { users: ['ann'] })
  addKey(state, { users: ['bob'] })
  const database = new DatabaseSync(join(state, 'keys.db'))
  database.prepare("UPDATE keys SET users = '[' WHERE id = ?").run(id)
  database.close()
  const store = KeyStore.open(state)
  onTestFinished(() => store.close())
  const [damaged, other] = ['ann', 'bob'].map(user => store.list().find(key => (key.id !== id) === (user === 'bob'))!)
  expect(damaged!.rights).toEqual({ users: new Set(), methods: [], admin: 'none' })
  expect(other!.rights.users).toEqual(new Set(['bob']))
})
