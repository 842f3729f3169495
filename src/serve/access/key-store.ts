import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { makeStateDirectory } from '../../storage/directory-lock.ts'
import { fileIdentity } from '../../storage/file-identity.ts'
import { openDatabase } from '../../storage/sqlite.ts'
import type { Rights } from './rights.ts'

const format = {
  applicationId: 'auky',
  version: 1,
  title: 'keys',
  remedy: 'use the version that made it, or remove the file and make all keys anew by `aurochs keys create`',
  schema: `
    CREATE TABLE keys (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      kind TEXT NOT NULL CHECK (kind IN ('api', 'signing')),
      verifier TEXT NOT NULL,
      users TEXT,
      methods TEXT,
      rate INTEGER,
      admin INTEGER NOT NULL,
      created INTEGER NOT NULL,
      expires INTEGER,
      used INTEGER,
      revoked INTEGER
    ) STRICT;
  `,
}

/** A key as it is kept: times in ms since 1970, nothing secret. */
export interface Key {
  readonly id: string
  /** For people. */
  readonly name: string
  /** `signing`: it signs tokens. */
  readonly kind: 'api' | 'signing'
  /** What is checked: the hash of an API key's secret, or the public key of a signing key. */
  readonly verifier: string
  readonly rights: Rights
  readonly created: number
  readonly expires?: number | undefined
  /** When it was used last, within a minute. */
  readonly used?: number | undefined
  readonly revoked?: number | undefined
}

interface KeyRow {
  readonly id: string
  readonly name: string
  readonly kind: Key['kind']
  readonly verifier: string
  readonly users: string | null
  readonly methods: string | null
  readonly rate: number | null
  readonly admin: number
  readonly created: number
  readonly expires: number | null
  readonly used: number | null
  readonly revoked: number | null
}

/** The keys of a state, in its file `keys.db`, which several processes may use at once. */
export class KeyStore {
  readonly #file: string
  readonly #database: DatabaseSync
  /** Tells the file from another of the same name. */
  readonly #identity: string | undefined

  /**
   * The keys of the state in the directory `state`; both are made if there are none.
   *
   * @throws Error when the directory cannot hold a state, or the file is not one of keys, or of another version.
   */
  static open(state: string): KeyStore {
    makeStateDirectory(state)
    return new KeyStore(join(state, 'keys.db'))
  }

  /** As {@link open}, but undefined where there is no file. */
  static openExisting(state: string): KeyStore | undefined {
    const file = join(state, 'keys.db')
    return existsSync(file) ? new KeyStore(file) : undefined
  }

  private constructor(file: string) {
    this.#file = file
    this.#database = openDatabase(file, format)
    this.#identity = fileIdentity(file)
  }

  /** Whether the file is still the one that stands in its place. */
  get isInPlace(): boolean {
    return this.#identity !== undefined && fileIdentity(this.#file) === this.#identity
  }

  /** Another number whenever another process has changed the keys. */
  get version(): number {
    return (this.#database.prepare('PRAGMA data_version').get() as { data_version: number }).data_version
  }

  /** Has writes wait for nothing: neither for another process, which makes them fail, nor for the disk. */
  neverWait(): void {
    this.#database.exec('PRAGMA busy_timeout = 0; PRAGMA synchronous = NORMAL')
  }

  add({ id, name, kind, verifier, rights, created, expires }: Omit<Key, 'used' | 'revoked'>): void {
    const { users, methods, rate, admin } = rights
    const lists = [users && [...users], methods].map(list => (list ? JSON.stringify(list) : null))
    this.#database
      .prepare('INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)')
      .run(id, name, kind, verifier, ...lists, rate ?? null, admin === 'all' ? 1 : 0, created, expires ?? null)
  }

  /** Oldest first. */
  list(): Key[] {
    const rows = this.#database.prepare('SELECT * FROM keys ORDER BY created, rowid').all()
    return (rows as unknown as KeyRow[]).map(keyOf)
  }

  /** Gives whether there was such a key that was not revoked before. `time` in ms since 1970. */
  revoke(id: string, time: number): boolean {
    return (
      this.#database.prepare('UPDATE keys SET revoked = ? WHERE id = ? AND revoked IS NULL').run(time, id).changes > 0
    )
  }

  /** Notes that the key was used at `time` (ms since 1970). */
  noteUse(id: string, time: number): void {
    this.#database.prepare('UPDATE keys SET used = ? WHERE id = ?').run(time, id)
  }

  close(): void {
    this.#database.close()
  }
}

function keyOf({ users, methods, rate, admin, expires, used, revoked, ...row }: KeyRow): Key {
  const rights = rightsOf({ users, methods, rate, admin })
  return { ...row, rights, expires: expires ?? undefined, used: used ?? undefined, revoked: revoked ?? undefined }
}

/** Where they are damaged, none: other keys must be revocable all the same. */
function rightsOf({ users, methods, rate, admin }: Pick<KeyRow, 'users' | 'methods' | 'rate' | 'admin'>): Rights {
  try {
    return {
      ...(users !== null && { users: new Set(JSON.parse(users) as string[]) }),
      ...(methods !== null && { methods: JSON.parse(methods) as string[] }),
      ...(rate !== null && { rate }),
      admin: admin === 1 ? 'all' : 'none',
    }
  } catch {
    return { users: new Set(), methods: [], admin: 'none' }
  }
}
