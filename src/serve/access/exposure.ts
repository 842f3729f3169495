import type { RpcAddress } from '../../protocol/rpc-address.ts'
import { isLoopback } from '../loopback.ts'
import type { Access } from './access.ts'

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
