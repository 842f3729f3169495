import { ServiceError } from '../../src/protocol/errors.ts'
import type { Authenticator } from '../../src/serve/access/authenticator.ts'
import { Caller } from '../../src/serve/access/caller.ts'
import type { LoadAccount } from '../../src/serve/load/account.ts'
import type { CallContext } from '../../src/serve/service.ts'

/** A call that waits until the test settles it. */
export interface HeldCall {
  readonly params: unknown
  readonly signal: AbortSignal | undefined
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

/** Lets everyone do everything. */
export const openAuthenticator: Authenticator = {
  anonymous: () => Caller.trusted,
  authenticate: () => Caller.trusted,
}

/** A service whose calls end when the test says so: `echo` gives its params at once, `hold` waits, `fault` throws. */
export class ScriptedService {
  readonly held: HeldCall[] = []
  readonly echoed: unknown[] = []
  /** Of all calls so far. */
  readonly accounts: LoadAccount[] = []

  call(method: string, params: unknown, { account, signal }: Pick<CallContext, 'account' | 'signal'>): unknown {
    this.accounts.push(account)
    if (method === 'echo') {
      this.echoed.push(params)
      return params
    }
    if (method === 'fault') throw new Error('a secret')
    if (method === 'large') return { text: 'x'.repeat(100_000) }
    if (method !== 'hold') throw new ServiceError('unknown_method', `there is no ${method}`)
    return new Promise((resolve, reject) => this.held.push({ params, signal, resolve, reject }))
  }
}
