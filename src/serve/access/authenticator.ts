import type { RpcAddress } from '../../protocol/rpc-address.ts'
import { isLoopback } from '../loopback.ts'
import type { Access } from './access.ts'
import { Caller } from './caller.ts'
import { allRights, type Rights } from './rights.ts'

/** Who the callers of one address are that is listened at. */
export interface Authenticator {
  /** One that shows no credential. */
  anonymous(): Caller
  /**
   * One that shows a credential, which is not looked at while the server has no keys.
   *
   * @throws {ServiceError} `unauthorized`, also by rejection.
   */
  authenticate(credential: string): Caller | Promise<Caller>
}

/**
 * For HTTP and WebSocket at `host`. While the server has no keys, everyone may act for every user; of what is for admins,
 * everyone on this machine may call what only reads, as `metrics`, and others nothing.
 */
export function webAuthenticator(access: Access, host: string): Authenticator {
  const rights: Rights = { admin: isLoopback(host) ? 'reads' : 'none' }
  return authenticatorOf(access, () => access.anonymous(rights))
}

/**
 * For the internal RPC at `address`. A Unix socket is for those whom its permissions let in: they may do everything, also
 * without a key. Over TCP, while the server has no keys, everyone on this machine may do everything, and others may act
 * for every user, but call nothing that is for admins.
 */
export function rpcAuthenticator(access: Access, address: RpcAddress): Authenticator {
  if ('path' in address) return authenticatorOf(access, () => Caller.trusted)
  const rights: Rights = isLoopback(address.host) ? allRights : { admin: 'none' }
  return authenticatorOf(access, () => access.anonymous(rights))
}

function authenticatorOf(access: Access, anonymous: () => Caller): Authenticator {
  return {
    anonymous,
    authenticate: credential => (access.isProtected ? access.authenticate(credential) : anonymous()),
  }
}

/**
 * The caller with this credential, if it shows one.
 *
 * @throws {ServiceError} as {@link Authenticator.authenticate}.
 */
export function callerOf(authenticator: Authenticator, credential: string | undefined): Caller | Promise<Caller> {
  return credential === undefined ? authenticator.anonymous() : authenticator.authenticate(credential)
}

/** A credential from a header `Authorization: Bearer …`; another scheme is given as it came. Undefined without one. */
export function credentialOf(header: string): string | undefined {
  return header === '' ? undefined : header.replace(/^bearer +/i, '')
}
