import type { MethodName, Params, Results } from '../protocol/methods.ts'
import type { Caller } from './access/caller.ts'

/** What does a method. `client`: whose turn it takes where there are turns. */
export type Handler<Name extends MethodName> = (
  params: Params<Name>,
  signal: AbortSignal | undefined,
  client: string,
  caller: Caller,
) => Results[Name] | Promise<Results[Name]>

/** What does each of some methods. */
export type Handlers<Names extends MethodName = MethodName> = { readonly [Name in Names]: Handler<Name> }
