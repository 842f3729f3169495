import { ServiceError } from '../../protocol/errors.ts'
import type { MethodName, Params } from '../../protocol/methods.ts'
import type { SharedRate } from '../load/account.ts'
import { atDeadline } from './deadline.ts'
import { Grant } from './grant.ts'
import type { Refusals } from './refusals.ts'
import { allRights, methodDenial, type Rights, userDenial } from './rights.ts'

export interface CallerParts {
  readonly grant: Grant
  /** Undefined: it has shown no credential where one is expected. */
  readonly rights: Rights | undefined
  /** A time of `performance.now()` from which it is refused. Default: none. */
  readonly deadline?: number | undefined
  readonly refusals?: Refusals | undefined
}

/** Who calls: what it may do, and for how long. */
export class Caller {
  /** May do everything, for ever. */
  static readonly trusted = new Caller({ grant: new Grant(), rights: allRights })

  /** That of all callers of its key, where that has a rate of its own: they are counted by it, and by nothing else. */
  readonly sharedRate: SharedRate | undefined
  readonly #grant: Grant
  readonly #rights: Rights | undefined
  readonly #deadline: number
  readonly #refusals: Refusals | undefined

  constructor({ grant, rights, deadline = Number.POSITIVE_INFINITY, refusals }: CallerParts) {
    this.#grant = grant
    this.#rights = rights
    this.#deadline = deadline
    this.#refusals = refusals
    this.sharedRate = rights?.rate === undefined ? undefined : { name: `key ${grant.keyId}`, rate: rights.rate }
  }

  /** The user that it is bound to, if it is exactly one. */
  get onlyUser(): string | undefined {
    const { users } = this.#rights ?? {}
    return users?.size === 1 ? [...users][0] : undefined
  }

  /** Whether it has shown a credential, or none is expected. */
  get isKnown(): boolean {
    return this.#rights !== undefined
  }

  /** Whether it may read what is for admins. */
  get isAdmin(): boolean {
    return this.#rights !== undefined && this.#rights.admin !== 'none'
  }

  /** @throws {ServiceError} `unauthorized` without a credential that is good now. */
  assertKnown(): void {
    this.#assertLive()
    if (this.#rights) return
    this.#refusals?.report('no_key', undefined)
    throw new ServiceError('unauthorized', 'the server expects a key or a token, got none')
  }

  /** @throws {ServiceError} `unauthorized`, `forbidden` where it may not call the method, whatever the parameters. */
  assertMayCall(name: MethodName): void {
    this.#assertLive()
    const denial = methodDenial(name, this.#rights)
    if (!denial) return
    this.#refusals?.report(denial.reason, this.#grant.keyId)
    throw new ServiceError(denial.reason === 'no_key' ? 'unauthorized' : 'forbidden', denial.message)
  }

  /** @throws {ServiceError} `unauthorized`, `forbidden` where it may not call the method with these parameters. */
  assertMay<Name extends MethodName>(name: Name, params: Params<Name>): void {
    this.assertMayCall(name)
    this.assertMayActFor(name, params)
  }

  /** @throws {ServiceError} `forbidden` where the parameters of a method that it may call name a user that it may not act for. */
  assertMayActFor<Name extends MethodName>(name: Name, params: Params<Name>): void {
    const denial = this.#rights && userDenial(name, params, this.#rights)
    if (!denial) return
    this.#refusals?.report(denial.reason, this.#grant.keyId)
    throw new ServiceError('forbidden', denial.message)
  }

  /** Calls `listener`, once, when the caller must go: its key was revoked, or its time has passed. Gives what ends that. */
  onEnd(listener: (error: ServiceError) => void): () => void {
    let forget = () => {}
    const stopTimer = atDeadline(this.#deadline, () => {
      forget()
      this.#refusals?.report('expired', this.#grant.keyId)
      listener(expired())
    })
    forget = this.#grant.onEnd(error => {
      stopTimer()
      this.#refusals?.report(this.#endReason, this.#grant.keyId)
      listener(error)
    })
    return () => {
      stopTimer()
      forget()
    }
  }

  /** Why the grant ends: the key was revoked, or keys are expected of those who had none. */
  get #endReason(): 'revoked' | 'no_key' {
    return this.#grant.keyId === undefined ? 'no_key' : 'revoked'
  }

  #assertLive(): void {
    const error = this.#grant.ended ?? (performance.now() >= this.#deadline ? expired() : undefined)
    if (error) {
      this.#refusals?.report(this.#grant.ended ? this.#endReason : 'expired', this.#grant.keyId)
      throw error
    }
    if (this.#grant.keyId !== undefined) this.#grant.usedAt = Date.now()
  }
}

function expired(): ServiceError {
  return new ServiceError('unauthorized', 'the key or token has expired: get a new one')
}
