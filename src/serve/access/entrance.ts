import type { RpcAddress } from '../../protocol/rpc-address.ts'
import { isLoopback } from '../loopback.ts'
import type { Access } from './access.ts'
import { Caller } from './caller.ts'
import { allRights, type Rights } from './rights.ts'

/** How the callers of one address that is listened at are let in. */
export interface Entrance {
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
export function webEntrance(access: Access, host: string): Entrance {
  const rights: Rights = { admin: isLoopback(host) ? 'reads' : 'none' }
  return entrance(access, () => access.anonymous(rights))
}

/**
 * For the internal RPC at `address`. A Unix socket is for those whom its permissions let in: they may do everything, also
 * without a key. Over TCP, while the server has no keys, everyone on this machine may do everything, and others may act
 * for every user, but call nothing that is for admins.
 */
export function rpcEntrance(access: Access, address: RpcAddress): Entrance {
  if ('path' in address) return entrance(access, () => Caller.trusted)
  const rights: Rights = isLoopback(address.host) ? allRights : { admin: 'none' }
  return entrance(access, () => access.anonymous(rights))
}

function entrance(access: Access, anonymous: () => Caller): Entrance {
  return {
    anonymous,
    authenticate: credential => (access.isProtected ? access.authenticate(credential) : anonymous()),
  }
}

/**
 * The caller with this credential, if it shows one.
 *
 * @throws {ServiceError} as {@link Entrance.authenticate}.
 */
export function callerOf(entrance: Entrance, credential: string | undefined): Caller | Promise<Caller> {
  return credential === undefined ? entrance.anonymous() : entrance.authenticate(credential)
}

/** A credential from a header `Authorization: Bearer …`; another scheme is given as it came. Undefined without one. */
export function credentialOf(header: string): string | undefined {
  return header === '' ? undefined : header.replace(/^bearer +/i, '')
}

/** Where a server listens, and whether it may do so without keys. */
export interface Exposure {
  readonly host: string
  readonly rpc: RpcAddress | undefined
  readonly open: boolean
  readonly state: string
}

/**
 * Checks that nobody on other machines is let in without a key, unless that is wanted. Gives the address by which everyone is,
 * if there is one.
 *
 * @throws Error that names what to do.
 */
export function exposedAddress({ isProtected }: Access, { host, rpc, open, state }: Exposure): string | undefined {
  const exposed = [host, ...(rpc && 'host' in rpc ? [rpc.host] : [])].find(each => !isLoopback(each))
  if (exposed === undefined || isProtected) return undefined
  if (open) return exposed
  throw new Error(
    `${exposed} can be reached from other machines, and the state ${state} has no keys: make one by ` +
      '`aurochs keys create`, or let everyone in by --open',
  )
}
