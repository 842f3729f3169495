/** Where pushes are: with the server that sends them, or in the state itself. */
import type { Command } from 'commander'
import type { z } from 'zod'
import type { MethodName, ParamsInput, Results } from '../../protocol/methods.ts'
import { PushLedger } from '../../push/send/ledger.ts'
import { hasLedger, ledgerName } from '../../push/send/tables/schema.ts'
import { namedError } from '../../storage/sqlite-errors.ts'
import { text, UsageError } from '../command.ts'
import { callServer, rpcAddress } from '../server/server-call.ts'

/** Options of all commands that ask or change pushes. */
export const place = {
  state: text('a directory').optional(),
  rpc: rpcAddress.optional(),
  key: text('a key').optional(),
}

export type Place = { readonly [Name in keyof typeof place]?: z.output<(typeof place)[Name]> }

export function at(command: Command): Command {
  return command
    .option('--state <directory>', 'where the pushes are kept; they may be sent meanwhile')
    .option('--rpc <address>', 'the internal RPC of a server that sends pushes')
    .option('--key <key>', 'a key of an admin, where the server expects one (default: the variable AUROCHS_KEY)')
}

/** By the server, or on the ledger of the state. */
export async function reach<Name extends MethodName>(
  { state, rpc, key }: Place,
  method: Name,
  params: ParamsInput<Name>,
  onLedger: (ledger: PushLedger) => unknown,
): Promise<Results[Name]> {
  assertOnePlace({ state, rpc })
  if (rpc !== undefined) return callServer(rpc, method, params, { key })
  if (!hasLedger(state!)) {
    throw new UsageError(`${state} has no pushes: name the --state of aurochs push run or import`)
  }
  const ledger = PushLedger.open(state!)
  try {
    return onLedger(ledger) as Results[Name]
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw new UsageError(error.message, 1)
    throw namedError(error, ledgerName(state!))
  } finally {
    ledger.close()
  }
}

/** @throws UsageError where none or both are named. */
export function assertOnePlace({ state, rpc }: Place): void {
  if ((state === undefined) !== (rpc === undefined)) return
  throw new UsageError('name either --state, where the pushes are kept, or --rpc, of a server that sends them')
}

export function timeText(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replace('T', ' ')
}
