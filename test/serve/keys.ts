import { formatApiKey, hashOf, newApiKey } from '../../src/serve/access/api-key.ts'
import { KeyStore } from '../../src/serve/access/key-store.ts'
import type { Rights } from '../../src/serve/access/rights.ts'
import { newSigningKey, signToken } from '../../src/serve/access/token.ts'

export interface KeyOptions extends Partial<Omit<Rights, 'users'>> {
  readonly users?: readonly string[]
  /** In ms since 1970. */
  readonly expires?: number
}

/** An API key that is added to the state in the directory `state`. */
export function addKey(state: string, options: KeyOptions = {}): { readonly id: string; readonly key: string } {
  const apiKey = newApiKey()
  add(state, apiKey.id, 'api', hashOf(apiKey.secret), options)
  return { id: apiKey.id, key: formatApiKey(apiKey) }
}

/** A signing key that is added to the state in the directory `state`, as a JWK, and what signs tokens by it. */
export function addSigningKey(state: string, options: KeyOptions = {}) {
  const { id } = newApiKey()
  const { privateKey, publicKey } = newSigningKey(id)
  add(state, id, 'signing', publicKey, options)
  const jwk = JSON.stringify(privateKey)
  /** A token that is good for `lifetime` ms, rounded down to seconds. */
  const token = (user: string, lifetime = 3_600_000, methods?: readonly string[]) =>
    signToken(jwk, { user, methods, expires: Date.now() + lifetime })
  return { id, jwk, publicKey, token }
}

function add(state: string, id: string, kind: 'api' | 'signing', verifier: string, options: KeyOptions): void {
  const { users, methods, rate, admin = 'none', expires } = options
  const rights = { users: users && new Set(users), methods, rate, admin }
  withKeys(state, store => store.add({ id, name: 'a test', kind, verifier, rights, created: Date.now(), expires }))
}

export function revokeKey(state: string, id: string): void {
  withKeys(state, store => store.revoke(id, Date.now()))
}

/** What `read` gives of the keys of a state. */
export function withKeys<Value>(state: string, read: (store: KeyStore) => Value): Value {
  const store = KeyStore.open(state)
  try {
    return read(store)
  } finally {
    store.close()
  }
}
