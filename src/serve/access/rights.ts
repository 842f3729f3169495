import { type Access, type MethodName, methods, type Params } from '../../protocol/methods.ts'

/** What a caller may do beside what anyone may. */
export interface Rights {
  /** Whom it may act for. Absent: every user. */
  readonly users?: ReadonlySet<string> | undefined
  /** What it may call. Absent: every method that its `admin` allows. */
  readonly methods?: readonly string[] | undefined
  /** Units a second that all who show its key, or a token of it, may ask for together. Absent: each socket or address as much as any. */
  readonly rate?: number | undefined
  /** Which methods for admins it may call: those that only read, or all. */
  readonly admin: 'none' | 'reads' | 'all'
}

/** Every right there is. */
export const allRights: Rights = { admin: 'all' }

/** Assigned, so that the compiler compares each rule with the parameters of its method. */
const rules: {
  readonly [Name in MethodName]: { readonly access: Access<Params<Name>>; readonly reads: boolean }
} = methods

/** Why a call is refused. */
export interface Denial {
  readonly reason: 'no_key' | 'method' | 'admin' | 'user'
  readonly message: string
}

/** Why a caller may not call `name`, whatever its parameters, if so. `rights` are undefined without a credential. */
export function methodDenial(name: MethodName, rights: Rights | undefined): Denial | undefined {
  const { access, reads } = rules[name]
  if (access === 'anyone') return undefined
  if (!rights) {
    const remedy =
      'give one of `aurochs keys create` as the header `Authorization: Bearer KEY`, in `hello`, by `authenticate`, or to a command as AUROCHS_KEY'
    return {
      reason: 'no_key',
      message: `${name} expects a key or a token, got none: ${remedy}`,
    }
  }
  if (rights.methods && !rights.methods.includes(name)) {
    return { reason: 'method', message: `expected one of the methods ${rights.methods.join(', ')}, got ${name}` }
  }
  if (access !== 'admin' || rights.admin === 'all' || (rights.admin === 'reads' && reads)) return undefined
  const remedy =
    'call it with a key of `aurochs keys create --admin`, or by the internal RPC (serve --rpc), best at a Unix socket'
  return { reason: 'admin', message: `${name} is for admins: ${remedy}` }
}

/** Why a caller with `rights` to call `name` may not do so with `params`, if so. */
export function userDenial<Name extends MethodName>(
  name: Name,
  params: Params<Name>,
  { users }: Rights,
): Denial | undefined {
  const { access }: { readonly access: Access<Params<Name>> } = rules[name]
  if (typeof access === 'string' || !users) return undefined
  const other = access(params).find(user => !users.has(user))
  if (other === undefined) return undefined
  return { reason: 'user', message: `the key or token may not act for the user ${JSON.stringify(other)}` }
}
