import type { JWK } from 'jose'
import { ServiceError } from '../../protocol/errors.ts'
import { isHashOf, parseApiKey } from './api-key.ts'
import { Caller } from './caller.ts'
import { Grant } from './grant.ts'
import { type Key, KeyStore } from './key-store.ts'
import type { RefusalReason, Refusals } from './refusals.ts'
import type { Rights } from './rights.ts'
import { publicJwk, signerOf, TokenError, verifyToken } from './token.ts'

export interface AccessOptions {
  /** Directory of the state, whose keys count. */
  readonly state: string
  /** Whether a state whose keys are all revoked is as one without keys. */
  readonly open: boolean
  readonly refusals: Refusals
  /** Called with errors that no caller can be told of. */
  readonly onFault: (error: unknown, message: string) => void
}

/** In ms: how often it is looked whether the keys have changed. */
const watchInterval = 500
/** In ms: a key's last use is written down when it is so much later than the one that is. */
const useInterval = 30_000

interface KnownKey {
  readonly key: Key
  readonly grant: Grant
  /** Of a signing key. */
  readonly publicKey: JWK | undefined
  /** The last use that is written down, in ms since 1970. */
  writtenUse: number
}

/**
 * Who is let in. The server is protected as soon as its state has a key, be it revoked, and then stays so until it ends:
 * whoever came in before must go, and every caller shows an API key or a token. So revoking the last key lets nobody in, also
 * after a restart: who wants that everybody is removes `keys.db`, or says `open`. Keys that others make or revoke meanwhile
 * count within a second; a file that has gone has no keys; while it cannot be read, the keys stay as they were.
 *
 * A key or token that is shown is judged by the clock on the wall. The time that it then has left is measured by a clock
 * that nobody sets, so that no change of the clock on the wall makes it last longer, or ends it early.
 */
export class Access {
  readonly #options: AccessOptions
  readonly #keys = new Map<string, KnownKey>()
  /** That the server has no keys. */
  readonly #unprotected = new Grant()
  readonly #nobody: Caller
  readonly #timer: NodeJS.Timeout
  #store: KeyStore | undefined
  #version: number | undefined
  #isProtected = false

  /** @throws Error when the keys of the state cannot be read. */
  constructor(options: AccessOptions) {
    this.#options = options
    this.#nobody = new Caller({ grant: new Grant(), rights: undefined, refusals: options.refusals })
    try {
      this.#read()
    } catch (error) {
      this.#store?.close()
      throw error
    }
    this.#timer = setInterval(() => this.#watch(), watchInterval)
    this.#timer.unref()
  }

  get isProtected(): boolean {
    return this.#isProtected
  }

  /** A caller that shows no credential, and has `rights` while the server is not protected. */
  anonymous(rights: Rights): Caller {
    if (this.#isProtected) return this.#nobody
    return new Caller({ grant: this.#unprotected, rights, refusals: this.#options.refusals })
  }

  /**
   * The caller that `credential` stands for, an API key or a token.
   *
   * @throws {ServiceError} `unauthorized`, also by rejection.
   */
  authenticate(credential: string): Caller | Promise<Caller> {
    const apiKey = parseApiKey(credential)
    if (apiKey) return this.#callerOfKey(apiKey.id, apiKey.secret)
    const signer = signerOf(credential)
    if (signer !== undefined) return this.#callerOfToken(credential, signer)
    throw this.#refusal('malformed', 'expected an API key (aur_…) or a token that names its signing key (kid)')
  }

  /** Writes down what it knows, and lets the file go. */
  close(): void {
    clearInterval(this.#timer)
    this.#writeUses(1)
    this.#store?.close()
    this.#store = undefined
  }

  #callerOfKey(id: string, secret: string): Caller {
    const known = this.#keys.get(id)
    if (known?.key.kind !== 'api' || !isHashOf(known.key.verifier, secret)) {
      throw this.#refusal('unknown', 'the server does not know this key: make one by `aurochs keys create`')
    }
    return this.#admit(known, known.key.rights)
  }

  async #callerOfToken(token: string, signer: string): Promise<Caller> {
    const known = this.#keys.get(signer)
    if (!known?.publicKey) {
      throw this.#refusal('unknown', 'the server does not know the key (kid) that the token says it is signed by')
    }
    const { rights } = known.key
    try {
      const { user, methods = rights.methods, expires } = await verifyToken(token, known.publicKey)
      if (rights.users && !rights.users.has(user)) {
        throw new TokenError('malformed', 'the key that signed the token may not act for its user')
      }
      const both = methods?.filter(name => rights.methods?.includes(name) ?? true)
      return this.#admit(known, { users: new Set([user]), methods: both, rate: rights.rate, admin: 'none' }, expires)
    } catch (error) {
      if (error instanceof TokenError) throw this.#refusal(error.reason, error.message, signer)
      throw error
    }
  }

  /** `expires` in ms since 1970, if before the key itself. */
  #admit({ key, grant }: KnownKey, rights: Rights, expires = Number.POSITIVE_INFINITY): Caller {
    if (grant.ended) throw this.#refusal('revoked', grant.ended.message, key.id)
    const left = Math.min(expires, key.expires ?? Number.POSITIVE_INFINITY) - Date.now()
    if (left <= 0) throw this.#refusal('expired', 'the key or token has expired: get a new one', key.id)
    return new Caller({ grant, rights, deadline: performance.now() + left, refusals: this.#options.refusals })
  }

  #refusal(reason: RefusalReason, message: string, keyId?: string): ServiceError {
    this.#options.refusals.report(reason, keyId)
    return new ServiceError('unauthorized', message)
  }

  #watch(): void {
    try {
      this.#read()
    } catch (error) {
      if (isBusy(error)) return
      // Whether there are keys is not known: better nobody than everybody.
      this.#protect()
      this.#options.onFault(error, 'the keys could not be read')
    }
    this.#writeUses(useInterval)
  }

  /** Takes over what has changed in the file. */
  #read(): void {
    if (this.#store && !this.#store.isInPlace) {
      this.#store.close()
      this.#store = undefined
      this.#version = undefined
      for (const { grant } of this.#keys.values()) grant.end(noSuchKey())
      this.#keys.clear()
    }
    if (!this.#store) {
      this.#store = KeyStore.openExisting(this.#options.state)
      this.#store?.neverWait()
    }
    if (!this.#store) return
    const { version } = this.#store
    if (version === this.#version) return
    const keys = this.#store.list()
    for (const key of keys) this.#takeOver(key)
    const ids = new Set(keys.map(({ id }) => id))
    for (const [id, { grant }] of this.#keys) if (!ids.has(id)) grant.end(noSuchKey())
    if (keys.some(({ revoked }) => revoked === undefined || !this.#options.open)) this.#protect()
    this.#version = version
  }

  #takeOver(key: Key): void {
    let known = this.#keys.get(key.id)
    if (!known) {
      const publicKey = key.kind === 'signing' ? publicJwk(key.verifier) : undefined
      known = { key, grant: new Grant(key.id), publicKey, writtenUse: key.used ?? 0 }
      this.#keys.set(key.id, known)
    }
    if (key.revoked !== undefined)
      known.grant.end(new ServiceError('unauthorized', 'the key was revoked: get a new one'))
  }

  #protect(): void {
    this.#isProtected = true
    this.#unprotected.end(new ServiceError('unauthorized', 'the server expects keys from now on: connect with one'))
  }

  #writeUses(least: number): void {
    for (const known of this.#keys.values()) {
      const { key, grant, writtenUse } = known
      if (grant.usedAt - writtenUse < least) continue
      try {
        this.#store?.noteUse(key.id, grant.usedAt)
        known.writtenUse = grant.usedAt
      } catch (error) {
        if (isBusy(error)) return
        known.writtenUse = grant.usedAt
        this.#options.onFault(error, 'when a key was used last could not be written')
      }
    }
  }
}

/** Whether another process has the file locked: the next time will do. */
function isBusy(error: unknown): boolean {
  // The lower byte: what is above tells kinds of it apart.
  return ((error as { errcode?: number }).errcode ?? 0) % 256 === 5
}

function noSuchKey(): ServiceError {
  return new ServiceError('unauthorized', 'the server does not have the key any more: get a new one')
}
